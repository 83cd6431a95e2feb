"""KRR flow as an energy and a direction: exact in chunks, and resumable."""

from dataclasses import replace

import pytest
import torch
from latentsteer.core.chunking import ALL_AT_ONCE, Chunking
from latentsteer.core.energies.classification import classification
from latentsteer.core.energy import Energy
from latentsteer.core.errors import ResumeMismatch
from latentsteer.core.features import feature_map
from latentsteer.core.krr.flow import GENERATED, REAL, krr_flow
from latentsteer.core.krr.kernel import median_bandwidth
from latentsteer.core.krr.settings import FlowSettings
from latentsteer.core.latent_files import load_latents, save_latents
from latentsteer.core.refine.kernel import gradient_by_term
from latentsteer.core.refine.refinement import refine
from latentsteer.core.rng import SampleRng

from .flows import CHUNKS, COUNT, SETTINGS, field_of, flow_of, job_of, real_images, start


@pytest.mark.parametrize("settings", SETTINGS.values(), ids=SETTINGS)
def test_chunks_give_the_gradient_of_the_whole(settings, toys):
    flow, generator = flow_of(toys, settings)
    z, rng = start(toys), SampleRng.of(0, COUNT)
    whole, energies, terms, _ = field_of(flow, generator, ALL_AT_ONCE, 1)(z, rng)
    assert float(whole.norm(dim=1).min()) > 1e-3
    for chunking in CHUNKS[1:]:
        vector, values, apart, _ = field_of(flow, generator, chunking, 1)(z, rng)
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
        vector = field(z, rng).vector
        shuffled = field(z[order], rng).vector
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
