"""Several conditions in one KRR flow: each has its own density and flows as it does alone."""

import pytest
import torch
from latentsteer.core.chunking import ALL_AT_ONCE, Chunking
from latentsteer.core.condition import Condition
from latentsteer.core.energies.classification import classification
from latentsteer.core.energies.perceptual import pixels
from latentsteer.core.energies.prior import prior_energy
from latentsteer.core.energy import Energy
from latentsteer.core.errors import ConditionMismatch, InvalidInput
from latentsteer.core.features import feature_map
from latentsteer.core.krr.flow import GENERATED, krr_flow
from latentsteer.core.krr.groups import groups_of
from latentsteer.core.krr.kernel import Mollifier
from latentsteer.core.krr.settings import FlowSettings
from latentsteer.core.refine.first_order import FirstOrder
from latentsteer.core.refine.refinement import refine
from latentsteer.core.refine.rules import Descent
from latentsteer.core.rng import SampleRng
from latentsteer.core.spaces import IMAGES
from latentsteer.core.terms import Term

FIXED = Chunking(8, padded=True)
SETTINGS = {
    "krr": FlowSettings(),
    "count": FlowSettings(eta="count"),
    "kde without itself": FlowSettings(estimator="kde", self_term=False),
    "stein": FlowSettings(estimator="stein"),
    "median": FlowSettings(bandwidth="median", real=0.0),
    "feature": FlowSettings(mollifier=Mollifier("feature", 0.7, final=0.0)),
    "image": FlowSettings(mollifier=Mollifier("image", 0.2, samples=2), eta=5, xi=5),
    "reverse KL": FlowSettings(divergence="reverse KL", generated=0.4, condition=0.3),
    "Jensen-Shannon": FlowSettings(divergence="Jensen-Shannon"),
    "drawn": FlowSettings(real_samples=4),
}


def flowed(toys, z, classes, names, settings, chunking=FIXED, steps=2, dtype=torch.float32):
    generator, classifier = toys.generator(dtype), toys.classifier(dtype)
    real = generator(toys.normal(7, 12, seed=8, dtype=dtype), SampleRng.of(0, 7))
    flow = krr_flow(
        settings,
        feature_map(classifier),
        steps=steps,
        image_size=(8, 8),
        chunking=chunking,
        condition=classification(classifier, classifier.condition(classes)),
        real=real,
        seed=2,
    )
    job = toys.job(
        generator=generator,
        energy=flow.energy,
        refiner=FirstOrder(Descent(step_size=0.3), direction=flow.direction),
        steps=steps,
        chunking=chunking,
    )
    return refine(job, toys.latents(generator, z, names))[0].values


@pytest.mark.parametrize("settings", SETTINGS.values(), ids=SETTINGS)
def test_a_condition_alone_equals_itself_in_a_batch_to_the_bit(settings, toys):
    """Each condition fills a chunk, so that samples keep their place in the chunk."""
    z = toys.normal(16, 12)
    both = flowed(toys, z, ["b"] * 8 + ["c"] * 8, range(16), settings)
    assert torch.equal(both[:8], flowed(toys, z[:8], ["b"] * 8, range(8), settings))
    assert torch.equal(both[8:], flowed(toys, z[8:], ["c"] * 8, range(8, 16), settings))
    assert float((both - z).norm()) > 0.1


@pytest.mark.parametrize("settings", SETTINGS.values(), ids=SETTINGS)
def test_conditions_in_any_order_flow_as_alone(settings, toys):
    """In float64, to 1e-6; places, chunks and number of samples do not matter."""
    classes = [*"bcabbcaacbb"]
    z = toys.normal(len(classes), 12, dtype=torch.float64)
    together = [
        flowed(toys, z, classes, range(len(classes)), settings, chunking, dtype=z.dtype)
        for chunking in (FIXED, Chunking(4, padded=False), ALL_AT_ONCE)
    ]
    for name in "abc":
        rows = [row for row, label in enumerate(classes) if label == name]
        alone = flowed(toys, z[rows], [name], rows, settings, dtype=z.dtype)
        for both in together:
            assert torch.allclose(both[rows], alone, atol=1e-6)


def test_pooled_conditions_share_a_density(toys):
    z, classes = toys.normal(8, 12), ["b"] * 4 + ["c"] * 4
    apart, pooled = (
        flowed(toys, z, classes, range(8), FlowSettings(pooled=p)) for p in (False, True)
    )
    assert float((apart - pooled).norm()) > 1e-2
    one = [flowed(toys, z, ["b"], range(8), FlowSettings(pooled=p)) for p in (False, True)]
    assert torch.equal(one[0], one[1])


def flow_of(toys, energy, **settings):
    classifier = toys.classifier()
    return krr_flow(
        FlowSettings(**settings),
        feature_map(classifier),
        steps=2,
        image_size=(8, 8),
        chunking=FIXED,
        condition=energy,
        real=torch.rand(4, 3, 8, 8, generator=torch.Generator().manual_seed(1)),
    )


def classes_of(toys, classes):
    classifier = toys.classifier()
    return classification(classifier, classifier.condition(classes))


def test_one_particle_of_a_condition_is_refused_by_its_name(toys):
    several = classes_of(toys, ["b", "b", "c", "a"])
    with pytest.raises(InvalidInput, match=r"condition 'c', 'a'.*at least 2 samples of each"):
        flow_of(toys, several)
    for cure in ({"pooled": True}, {"generated": 0.0}):
        flow_of(toys, several, **cure)


def test_samples_are_of_a_condition_even_where_it_has_no_weight(toys):
    z, energy = toys.normal(8, 12), classes_of(toys, ["b", "c"] * 4)
    generator = toys.generator()

    def vector(energy, rows):
        flow = flow_of(toys, energy, condition=0.0)
        field = flow.direction.field(flow.energy.pullback(generator), FIXED).at(0)
        return field(z[rows], SampleRng.of(0, len(rows))).vector

    found, alone = vector(energy, list(range(8))), vector(None, [0, 2, 4, 6])
    assert torch.allclose(found[::2], alone, atol=1e-6)
    assert not torch.allclose(found[::2], vector(None, list(range(8)))[::2], atol=1e-3)


def test_other_groups_are_another_energy_and_one_group_is_the_same(toys):
    def signature(classes, **settings):
        return flow_of(toys, classes_of(toys, classes), **settings).energy.signature()

    assert signature(["b", "c"] * 2) != signature(["b", "c"] * 2, pooled=True)
    assert signature(["b"] * 4) == signature(["b"] * 4, pooled=True)


def test_a_batch_of_another_size_is_refused(toys):
    flow = flow_of(toys, classes_of(toys, ["b", "c"] * 2))
    with pytest.raises(ConditionMismatch, match="has 4 rows and the batch 6 samples"):
        flow.energy.check_batch(6)


# Which samples share a condition


def rows(*values, labels=None, auxiliary="clip"):
    embedding = torch.tensor(values, dtype=torch.float32)
    names = labels or tuple(f"text {number}" for number in range(len(values)))
    return Condition(embedding, names, auxiliary, auxiliary, called="texts")


def told(condition, weight=1.0):
    return weight * Energy.of(Term("t", IMAGES, lambda v, rng: v.sum(), condition=condition))


def test_equal_rows_share_a_condition_wherever_they_stand():
    found = groups_of(told(rows([1.0, 0.0], [0.0, 1.0], [1.0, 0.0], [0.5, 0.5])))
    assert found.of == (0, 1, 0, 2)
    assert found.names == ("text 0", "text 1", "text 3")
    assert found.called == "texts"


def test_a_text_encoded_in_another_batch_is_the_same_condition():
    base = torch.randn(512, generator=torch.Generator().manual_seed(0))
    other = base * (1 + 3e-7)
    near = base.clone()
    near[7] += 1e-3
    found = groups_of(told(rows(base.tolist(), other.tolist(), near.tolist())))
    assert found.of == (0, 0, 1)


def test_pictures_that_differ_in_one_pixel_are_two_conditions():
    picture = torch.rand(1, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    other = picture.clone()
    other[0, 0, 5, 5] += 1 / 255
    assert groups_of(pixels(torch.cat([picture, other, picture]))).of == (0, 1, 0)


def test_all_terms_of_a_weight_tell_samples_apart(toys):
    first = told(rows([1.0], [1.0], [2.0], [2.0], labels=("a", "a", "b", "b")))
    second = told(rows([1.0], [2.0], [1.0], [2.0], labels=("x", "y", "x", "y")))
    both = groups_of(first + second)
    assert both.of == (0, 1, 2, 3)
    assert both.names == ("a + x", "a + y", "b + x", "b + y")
    assert groups_of(first + 0.0 * second).of == (0, 0, 1, 1)
    assert groups_of(first + prior_energy(toys.generator())).of == (0, 0, 1, 1)
    assert groups_of((first + second).pullback(toys.generator())).of == (0, 1, 2, 3)


def test_without_several_conditions_there_is_one_group(toys):
    assert groups_of(None) is None
    assert groups_of(prior_energy(toys.generator())) is None
    assert groups_of(told(rows([1.0, 2.0]))) is None
    assert groups_of(told(rows([1.0], [1.0], [1.0]))) is None
    assert groups_of(told(rows([0.0], [-0.0]))) is None


def test_conditions_with_other_numbers_of_rows_are_refused():
    with pytest.raises(ConditionMismatch, match="2 texts and 3 texts"):
        groups_of(told(rows([1.0], [2.0])) + told(rows([1.0], [2.0], [3.0])))


def test_groups_are_in_the_term_that_they_divide(toys):
    flow = flow_of(toys, classes_of(toys, ["b", "c"] * 2))
    leaf = next(leaf for leaf in flow.energy.leaves() if leaf.label == GENERATED)
    assert leaf.condition.labels == ("b", "c", "b", "c")
