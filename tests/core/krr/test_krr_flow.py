"""KRR flow as an energy and a direction: exact in chunks, resumable, and its limits."""

from dataclasses import replace

import pytest
import torch
from latentsteer.core.chunking import ALL_AT_ONCE, Chunking
from latentsteer.core.energies.classification import classification
from latentsteer.core.energy import Energy
from latentsteer.core.errors import Diverged, DomainMismatch, InvalidInput, ResumeMismatch
from latentsteer.core.features import FeatureMap, feature_map
from latentsteer.core.krr.flow import GENERATED, REAL, krr_flow
from latentsteer.core.krr.kernel import Mollifier, median_bandwidth
from latentsteer.core.krr.settings import FlowSettings
from latentsteer.core.latent_files import load_latents, save_latents
from latentsteer.core.refine.first_order import FirstOrder
from latentsteer.core.refine.kernel import gradient_by_term
from latentsteer.core.refine.refinement import refine
from latentsteer.core.refine.rules import Descent
from latentsteer.core.rng import SampleRng

COUNT = 10
SETTINGS = {
    "krr": FlowSettings(),
    "kde": FlowSettings(estimator="kde", self_term=False),
    "stein": FlowSettings(estimator="stein"),
    "feature": FlowSettings(mollifier=Mollifier("feature", 0.7, final=0.0)),
    "image": FlowSettings(mollifier=Mollifier("image", 0.2, samples=2, final=0.1), eta=5, xi=5),
    "one": FlowSettings(bandwidth="one", real=0.0),
    "Jensen-Shannon": FlowSettings(divergence="Jensen-Shannon"),
    "drawn": FlowSettings(real_samples=4),
}
"""Distances of the toy images' features are of order 1."""
CHUNKS = [ALL_AT_ONCE, Chunking(3, padded=True), Chunking(4, padded=False)]


def real_images(toys, dtype=torch.float64):
    return toys.generator(dtype)(toys.normal(7, 12, seed=8, dtype=dtype), SampleRng.of(0, 7))


def flow_of(toys, settings=None, *, dtype=torch.float64, **changes):
    """Returns the flow on the toys, with real images and a condition, and the generator."""
    generator, classifier = toys.generator(dtype), toys.classifier(dtype)
    condition = classification(classifier, classifier.condition(["b"]))
    options = {
        "steps": 4,
        "image_size": (8, 8),
        "chunking": Chunking(3, padded=True),
        "condition": condition,
        "real": real_images(toys, dtype),
    }
    made = krr_flow(settings or FlowSettings(), feature_map(classifier), **(options | changes))
    return made, generator


def start(toys, count=COUNT, dtype=torch.float64):
    return toys.normal(count, 12, dtype=dtype)


def field_of(flow, generator, chunking, step=0):
    return flow.direction.field(flow.energy.pullback(generator), chunking).at(step)


def job_of(toys, flow, generator, **changes):
    defaults = {
        "generator": generator,
        "energy": flow.energy,
        "refiner": FirstOrder(Descent(step_size=0.3), direction=flow.direction),
        "steps": 4,
        "chunking": Chunking(3, padded=True),
    }
    return toys.job(**(defaults | changes))


@pytest.mark.parametrize("settings", SETTINGS.values(), ids=SETTINGS)
def test_chunks_give_the_gradient_of_the_whole(settings, toys):
    flow, generator = flow_of(toys, settings)
    z, rng = start(toys), SampleRng.of(0, COUNT)
    whole, energies, terms = field_of(flow, generator, ALL_AT_ONCE, 1)(z, rng)
    assert float(whole.norm(dim=1).min()) > 1e-3
    for chunking in CHUNKS[1:]:
        vector, values, apart = field_of(flow, generator, chunking, 1)(z, rng)
        assert torch.allclose(vector, whole, atol=1e-6)
        assert torch.allclose(values, energies, atol=1e-6)
        assert terms.keys() == apart.keys()
        assert all(torch.allclose(apart[name], terms[name], atol=1e-6) for name in terms)


def by_hand(toys, settings, z, rng):
    """Returns eq. (6) by plain autograd, with particles and real images detached."""
    generator, classifier = toys.generator(torch.float64), toys.classifier(torch.float64)
    real = classifier.features(real_images(toys))
    x = z.clone().requires_grad_()
    images = generator(x, rng)
    features = classifier.features(images)
    width = median_bandwidth(real)

    def log(points, ridge):
        kernels = torch.exp(
            -(points[:, None] - points[None]).square().sum(dim=2) / width
        ) + ridge * torch.eye(len(points), dtype=torch.float64)
        weights = torch.linalg.inv(kernels).sum(dim=1)
        apart = (features[:, None] - points[None]).square().sum(dim=2)
        return ((-apart / width).exp() @ weights).log()

    a = log(features.detach(), settings.eta)
    b = log(real.detach(), settings.xi)
    c = classifier.logits(images).log_softmax(dim=1)[:, 1]
    total = settings.generated * a - settings.real * b - settings.condition * c
    return torch.autograd.grad(total.sum(), x)[0], total.detach(), a.detach(), -b.detach()


def test_the_direction_is_equation_6(toys):
    settings = FlowSettings(generated=0.7, real=1.3, condition=0.4, eta=0.5, xi=2.0)
    flow, generator = flow_of(toys, settings)
    z, rng = start(toys), SampleRng.of(0, COUNT)
    vector, energies, a, b = by_hand(toys, settings, z, rng)
    seen = field_of(flow, generator, Chunking(3, padded=True))(z, rng)
    assert torch.allclose(seen.vector, vector, atol=1e-6)
    assert torch.allclose(seen.energy, energies, atol=1e-6)
    assert torch.allclose(seen.terms[GENERATED], a, atol=1e-6)
    assert torch.allclose(seen.terms[REAL], b, atol=1e-6)


def test_finite_differences_agree(toys):
    """Of the energy with fixed particles."""
    flow, generator = flow_of(toys)
    z, rng, chunking = start(toys), SampleRng.of(0, COUNT), Chunking(3, padded=False)
    pulled = flow.energy.pullback(generator)
    decoupled = pulled.decoupled_at(z, rng, chunking)
    assert pulled.coupled
    assert not decoupled.coupled
    found = gradient_by_term(pulled, chunking)(z, rng).vector
    ahead = toys.normal(COUNT, 12, seed=5, dtype=torch.float64)
    with torch.no_grad():
        change = decoupled(z + 1e-5 * ahead, rng) - decoupled(z - 1e-5 * ahead, rng)
    assert torch.allclose((found * ahead).sum(dim=1), change / 2e-5, atol=1e-6)


@pytest.mark.parametrize("settings", SETTINGS.values(), ids=SETTINGS)
def test_order_does_not_matter(settings, toys):
    flow, generator = flow_of(toys, settings)
    z, rng = start(toys), SampleRng.of(0, COUNT)
    order = torch.randperm(COUNT, generator=torch.Generator().manual_seed(2))
    for chunking in CHUNKS[:2]:
        field = field_of(flow, generator, chunking)
        vector, _, _ = field(z, rng)
        shuffled, _, _ = field(z[order], rng)
        assert torch.allclose(shuffled, vector[order], atol=1e-8)


def test_real_images_are_seen_once_and_particles_once_more_than_differentiated(toys):
    flow, generator = flow_of(toys)
    seen = []
    classifier = toys.classifier(torch.float64)
    base = feature_map(classifier)
    counted = replace(base, of=lambda images: seen.append(len(images)) or base.of(images))
    flow, generator = flow_of(toys, chunking=ALL_AT_ONCE, condition=None)
    densities = flow.energy.terms[0][1]
    densities.real.features = counted
    flow = replace(flow, energy=Energy.of(replace(densities, features=counted)))
    field = field_of(flow, generator, ALL_AT_ONCE)
    for _ in range(3):
        field(start(toys), SampleRng.of(0, COUNT))
    assert sorted(seen) == [7, 10, 10, 10]


@pytest.mark.bits
@pytest.mark.parametrize("name", ["krr", "feature", "image", "Jensen-Shannon", "drawn"])
def test_a_run_that_stopped_goes_on_to_the_same_bits(name, toys, tmp_path):
    flow, generator = flow_of(toys, SETTINGS[name], dtype=torch.float32)
    latents = toys.latents(generator, start(toys, dtype=torch.float32))
    job = job_of(toys, flow, generator)
    whole, trace = refine(job, latents)

    class Stop(Exception):
        pass

    def stop(snapshot):
        if snapshot.state.step == 2:
            raise Stop

    kept = []
    with pytest.raises(Stop):
        refine(job, latents, on_step=stop, on_stop=kept.append)
    save_latents(tmp_path / "unfinished.safetensors", kept[0])
    again, after = refine(job, load_latents(tmp_path / "unfinished.safetensors"))
    assert torch.equal(again.values, whole.values)
    assert torch.equal(after.energies, trace.energies)
    assert after.terms.keys() == trace.terms.keys()
    assert all(torch.equal(after.terms[key], trace.terms[key]) for key in trace.terms)
    other = flow_of(toys, replace(SETTINGS[name], eta=3.0), dtype=torch.float32)[0]
    with pytest.raises(ResumeMismatch):
        refine(job_of(toys, other, generator), kept[0])


def test_a_trace_has_the_curves_of_the_three_terms(toys):
    flow, generator = flow_of(toys, dtype=torch.float32)
    latents = toys.latents(generator, start(toys, dtype=torch.float32))
    _, trace = refine(job_of(toys, flow, generator), latents)
    assert set(trace.terms) == {"classifier(toy f)", GENERATED, REAL}
    assert all(curve.shape == (5, COUNT) for curve in trace.terms.values())
    assert torch.allclose(sum(trace.terms.values()), trace.energies, atol=1e-5)
    assert torch.equal(trace.terms[REAL][-1], trace.after[REAL])
    assert float(trace.energies[-1].mean()) < float(trace.energies[0].mean())


def test_other_real_images_and_features_are_another_energy(toys):
    other = feature_map(toys.classifier(torch.float64), "logits")
    flows = (
        flow_of(toys)[0],
        flow_of(toys, real=None)[0],
        flow_of(toys, real=1 - real_images(toys))[0],
        krr_flow(
            FlowSettings(), other, steps=4, image_size=(8, 8), chunking=ALL_AT_ONCE,
            real=real_images(toys),
        ),
    )  # fmt: skip
    assert len({flow.energy.signature() for flow in flows}) == 4
    assert flows[0].energy.signature() == flow_of(toys)[0].energy.signature()


def test_one_particle_has_no_density(toys):
    flow, generator = flow_of(toys)
    with pytest.raises(InvalidInput, match="at least 2 samples"):
        field_of(flow, generator, ALL_AT_ONCE)(start(toys, 1), SampleRng.of(0, 1))
    alone, _ = flow_of(toys, FlowSettings(generated=0.0))
    vector, _, _ = field_of(alone, generator, ALL_AT_ONCE)(start(toys, 1), SampleRng.of(0, 1))
    assert bool(vector.isfinite().all())


def test_equal_particles_stay_finite_or_are_named(toys):
    z = start(toys)
    z[4] = z[1]
    flow, generator = flow_of(toys, FlowSettings(eta=1e-6))
    vector, _, _ = field_of(flow, generator, Chunking(3, padded=True))(z, SampleRng.of(0, COUNT))
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


def log_ratio(toys, z, rng, settings):
    """-log q + log p + log p(c|x), each with weight 1, and the step without a speed."""
    vector, _, a, b = by_hand(toys, settings, z, rng)
    _, energies, _, _ = by_hand(toys, replace(settings, generated=1, real=1, condition=1), z, rng)
    return vector, -energies, a, b


@pytest.mark.parametrize("chart", [False, True])
def test_the_speed_of_a_divergence_goes_by_r_without_the_lambdas(chart, toys):
    settings = FlowSettings(generated=0.2, condition=0.5, divergence="reverse KL")
    flow, generator = flow_of(toys, settings)
    z, rng = start(toys), SampleRng.of(0, COUNT)
    vector, ratio, _, _ = log_ratio(toys, z, rng, settings)
    energy = flow.energy.pullback(generator)
    if chart:
        space = generator.source
        energy = energy.pullback(toys.lift(toys.vectors(12), space, lambda v: v))
    found = flow.direction.field(energy, ALL_AT_ONCE).at(0)(z, rng).vector
    speed = (ratio - ratio.mean()).exp().clamp_max(20)
    assert torch.allclose(found, vector * speed[:, None], atol=1e-6)


def test_a_sum_of_conditions_counts_in_r_with_its_own_weights(toys):
    settings = FlowSettings(condition=0.5, generated=0.3, divergence="Hellinger")
    classifier = toys.classifier(torch.float64)
    one = classification(classifier, classifier.condition(["b"]))
    two, _ = flow_of(toys, settings, condition=0.25 * one + 0.75 * one)
    flow, generator = flow_of(toys, settings)
    z, rng = start(toys), SampleRng.of(0, COUNT)
    found, wanted = (field_of(each, generator, ALL_AT_ONCE)(z, rng).vector for each in (two, flow))
    assert torch.allclose(found, wanted, atol=1e-8)


@pytest.mark.parametrize("divergence", ["reverse KL", "Pearson", "Jensen-Shannon"])
def test_without_the_samples_density_a_sample_alone_equals_itself_in_a_batch(divergence, toys):
    """Without r all divergences move samples as KL does."""
    settings = FlowSettings(generated=0.0, divergence=divergence)
    flow, generator = flow_of(toys, settings, dtype=torch.float32)
    z = start(toys, dtype=torch.float32)
    job = job_of(toys, flow, generator)
    batch, _ = refine(job, toys.latents(generator, z))
    alone, _ = refine(job, toys.latents(generator, z[:2]))
    assert torch.equal(batch.values[:2], alone.values)
    kl, _ = flow_of(toys, FlowSettings(generated=0.0), dtype=torch.float32)
    plain, _ = refine(job_of(toys, kl, generator), toys.latents(generator, z))
    assert torch.equal(plain.values, batch.values)


# Real images that are drawn


def bank_at(flow, step):
    densities = flow.energy.terms[0][1]
    return densities.real.density(0.0, torch.zeros(1, dtype=torch.float64), step)


def test_real_images_are_drawn_anew_at_each_step_or_once(toys):
    fresh, once = (
        flow_of(toys, FlowSettings(real_samples=3, real_fresh=f, xi="count"))[0]
        for f in (True, False)
    )
    drawn = [fresh.energy.terms[0][1].real.drawn(step) for step in range(20)]
    assert all(len(set(numbers)) == 3 for numbers in drawn)
    assert len(set(drawn)) > 10
    assert {number for numbers in drawn for number in numbers} == set(range(7))
    assert len({once.energy.terms[0][1].real.drawn(step) for step in range(20)}) == 1
    features = feature_map(toys.classifier(torch.float64)).of(real_images(toys))
    for step in (0, 5, 0):
        found = bank_at(fresh, step)
        assert torch.allclose(found.points[:, 0], features[list(drawn[step])], atol=1e-12)
        assert found.width == pytest.approx(median_bandwidth(features))
    other = flow_of(toys, FlowSettings(real_samples=3), seed=1)[0]
    assert [other.energy.terms[0][1].real.drawn(step) for step in range(20)] != drawn


def test_all_real_images_drawn_are_the_flow_of_before(toys):
    whole, _ = flow_of(toys)
    for settings in (FlowSettings(real_samples=7), FlowSettings(real_fresh=False)):
        flow, _ = flow_of(toys, settings)
        assert flow.energy.signature() == whole.energy.signature()
        assert torch.equal(bank_at(flow, 3).points, bank_at(whole, 0).points)
    some = {flow_of(toys, FlowSettings(real_samples=n, real_fresh=f))[0].energy.signature()
            for n in (3, 4) for f in (True, False)}  # fmt: skip
    assert len(some | {whole.energy.signature()}) == 5


def test_more_real_images_than_there_are_cannot_be_drawn(toys):
    with pytest.raises(InvalidInput, match="8 real images of a step requested; 7 are there"):
        flow_of(toys, FlowSettings(real_samples=8))
    with pytest.raises(InvalidInput, match="needs at least 2"):
        FlowSettings(real_samples=1)
