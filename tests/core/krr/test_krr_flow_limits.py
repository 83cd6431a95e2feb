"""What KRR flow refuses: too few particles, bad real images, features and settings."""

import pytest
import torch
from latentsteer.core.chunking import ALL_AT_ONCE, Chunking
from latentsteer.core.errors import Diverged, DomainMismatch, InvalidInput
from latentsteer.core.features import FeatureMap
from latentsteer.core.krr.flow import krr_flow
from latentsteer.core.krr.settings import FlowSettings
from latentsteer.core.rng import SampleRng

from .flows import COUNT, field_of, flow_of, start


def test_one_particle_has_no_density(toys):
    flow, generator = flow_of(toys)
    with pytest.raises(InvalidInput, match="at least 2 samples"):
        field_of(flow, generator, ALL_AT_ONCE)(start(toys, 1), SampleRng.of(0, 1))
    alone, _ = flow_of(toys, FlowSettings(generated=0.0))
    vector = field_of(alone, generator, ALL_AT_ONCE)(start(toys, 1), SampleRng.of(0, 1)).vector
    assert bool(vector.isfinite().all())


def test_equal_particles_stay_finite_or_are_named(toys):
    z = start(toys)
    z[4] = z[1]
    flow, generator = flow_of(toys, FlowSettings(eta=1e-6))
    vector = field_of(flow, generator, Chunking(3, padded=True))(z, SampleRng.of(0, COUNT)).vector
    assert bool(vector.isfinite().all())
    assert torch.allclose(vector[4], vector[1])
    flow, _ = flow_of(toys, FlowSettings(eta=1e-30))
    with pytest.raises(InvalidInput, match=r"samples 1 and 4.*Raise eta"):
        field_of(flow, generator, Chunking(3, padded=True))(z, SampleRng.of(0, COUNT))


@pytest.mark.parametrize("shape", [(7, 3, 16, 16), (7, 3, 8, 9), (7, 1, 8, 8)])
def test_real_images_of_another_size_are_refused(shape, toys):
    with pytest.raises(DomainMismatch, match="Resize or crop"):
        flow_of(toys, real=torch.rand(shape))


def test_too_few_or_broken_real_images_are_refused(toys):
    images = torch.rand(7, 3, 8, 8, dtype=torch.float64)
    with pytest.raises(InvalidInput, match="at least 2"):
        flow_of(toys, real=images[:1])
    images[2, 0, 0, 0] = torch.nan
    with pytest.raises(InvalidInput, match="not finite"):
        flow_of(toys, real=images)


def test_features_that_are_not_finite_are_named(toys):
    generator = toys.generator()

    def broken(images):
        found = images.flatten(1).clone()
        found[2] = torch.nan
        return found

    begun = start(toys, dtype=torch.float32)
    features = FeatureMap("broken", "broken", broken, ())
    options = {"steps": 4, "image_size": (8, 8), "chunking": ALL_AT_ONCE}
    flow = krr_flow(FlowSettings(), features, **options)
    with pytest.raises(Diverged, match="broken of samples 2 are not") as caught:
        field_of(flow, generator, ALL_AT_ONCE, 3)(begun, SampleRng.of(0, COUNT))
    assert caught.value.step == 3
    real_alone = FlowSettings(generated=0.0)
    flow = krr_flow(real_alone, features, real=torch.rand(7, 3, 8, 8), **options)
    with pytest.raises(InvalidInput, match=r"real images \[2\]"):
        field_of(flow, generator, ALL_AT_ONCE)(begun, SampleRng.of(0, COUNT))


def test_a_flow_of_no_term_is_refused(toys):
    with pytest.raises(InvalidInput, match="Nothing moves"):
        flow_of(toys, FlowSettings(generated=0.0), real=None, condition=None)


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"generated": -1.0}, "lambda 1"),
        ({"real": float("inf")}, "lambda 2"),
        ({"condition": float("nan")}, "lambda 3"),
        ({"eta": 0.0}, "eta"),
        ({"xi": -2.0}, "xi"),
        ({"bandwidth": 0.0}, "median"),
        ({"floor": 1.0}, "floor"),
    ],
)
def test_settings_outside_their_range_are_refused(values, told):
    with pytest.raises(InvalidInput, match=told):
        FlowSettings(**values)


def test_several_runs_of_a_sample_are_not_taken_for_particles(toys):
    flow, _ = flow_of(toys)
    with pytest.raises(InvalidInput, match="several runs of a sample"):
        flow.energy.repeated(3)
