"""Refiners, translators, flows and compositions on other devices: see `accelerators`."""

from dataclasses import replace

import pytest
import torch
from latentsteer.core.charts import MixtureOfBasis
from latentsteer.core.chunking import ALL_AT_ONCE, Chunking
from latentsteer.core.composition.compose import Composer
from latentsteer.core.composition.job import CompositionJob
from latentsteer.core.composition.placement import placements
from latentsteer.core.condition import Condition
from latentsteer.core.energies.classification import classification
from latentsteer.core.energies.direction import away_from, text_direction
from latentsteer.core.energies.example import toy_clip
from latentsteer.core.energies.global_direction import along, global_direction
from latentsteer.core.energies.masked import masked
from latentsteer.core.energies.perceptual import likeness
from latentsteer.core.energies.prior import prior_energy
from latentsteer.core.energies.similarity import similarity
from latentsteer.core.features import clip_features, feature_map
from latentsteer.core.krr.flow import krr_flow
from latentsteer.core.krr.kernel import Mollifier
from latentsteer.core.krr.settings import FlowSettings
from latentsteer.core.latent_files import load_latents, save_latents
from latentsteer.core.metrics.classes import classifier_outputs
from latentsteer.core.metrics.clip_score import clip_scores
from latentsteer.core.pairs.synthesis import synthetic_pairs
from latentsteer.core.refine.barrier import Barrier
from latentsteer.core.refine.cma_es import CmaEs
from latentsteer.core.refine.examples import RULES
from latentsteer.core.refine.first_order import FirstOrder
from latentsteer.core.refine.kernel import descend, gradient_by_term
from latentsteer.core.refine.pixels import fgsm
from latentsteer.core.refine.refinement import refine
from latentsteer.core.refine.rules import Adam, Descent, Langevin
from latentsteer.core.refine.run import first_snapshot, iterate
from latentsteer.core.rng import SampleRng
from latentsteer.core.starts.basis import from_basis
from latentsteer.core.starts.candidates import from_prior, from_translator
from latentsteer.core.starts.inversion import from_images
from latentsteer.core.starts.ranking import ranked
from latentsteer.core.starts.variation import variations
from latentsteer.core.translators.training import (
    Training,
    fit_translator,
    new_translator,
)

COUNT = 4
RULE_EXAMPLES = [pytest.param(make, id=name) for name, make in RULES]
CHUNKS = Chunking(3, padded=True)


def picture_of(toys, seed=4, count=1):
    return toys.generator()(toys.normal(count, 12, seed=seed), SampleRng.of(0, count)).detach()


def clip_energy(toys, clip, views=2):
    rows = toys.normal(1, clip.embed_dim, seed=1)
    return similarity(clip, Condition(rows, ("x",), clip.id, clip.name), views=views)


def energies(toys, place):
    """Returns energies of every kind on the toy generator, their networks moved by `place`."""
    classifier, clip = place(toys.classifier()), place(toy_clip())
    wanted = classifier.condition(["b"])
    mask = torch.zeros(1, 8, 8)
    mask[:, 2:6, 3:7] = 1

    def direction():
        texts = [clip_row(toys, clip, seed) for seed in (1, 2)]
        return away_from(clip, text_direction(*texts), picture_of(toys), views=1)

    def bayes():
        return prior_energy(toys.generator()) + 20 * classification(classifier, wanted)

    return {
        "classifier": lambda: classification(classifier, wanted),
        "views": lambda: classification(classifier, wanted, views=2),
        "AugCLIP": lambda: clip_energy(toys, clip),
        "masked": lambda: masked(picture_of(toys), mask, features=clip_features(clip)),
        "likeness": lambda: likeness(picture_of(toys), clip_features(clip)),
        "direction": direction,
        "bayes": bayes,
    }


def clip_row(toys, clip, seed):
    return Condition(toys.normal(1, clip.embed_dim, seed=seed), ("t",), clip.id, clip.name)


ENERGIES = ("classifier", "views", "AugCLIP", "masked", "likeness", "direction", "bayes")


def job_of(toys, there=None, energy="classifier", **changes):
    """A short refinement, on the CPU or the device."""
    place = (lambda model: model) if there is None else there.model
    made = energies(toys, place)[energy]() if isinstance(energy, str) else energy(place)
    settings = {
        "generator": place(toys.generator()),
        "energy": made,
        "device": toys.cpu if there is None else there.device,
        "rule": Langevin(step_size=1e-3, inverse_temperature=20, momentum=0.5),
        "steps": 3,
        "chunking": CHUNKS,
    }
    return toys.job(**settings | changes)


def start(toys, generator):
    return toys.latents(generator, toys.normal(COUNT, 12))


def same(there, found, expected):
    there.close(found.values, expected.values)
    assert found.samples == expected.samples


def on_device(snapshot, there):
    state = snapshot.state
    kept = (state.position, *state.memory.values(), snapshot.best.position, snapshot.best.energy)
    return all(x.device.type == there.device.type for x in kept)


# Refiners


@pytest.mark.parametrize("make", RULE_EXAMPLES)
def test_a_rule_agrees_and_leaves_nothing_behind(make, toys, there):
    here, moved = (job_of(toys, at, rule=make(toys.vectors(12))) for at in (None, there))
    latents = start(toys, here.generator)
    expected, trace = refine(here, latents)
    snapshots = []
    found, seen = refine(moved, latents, on_step=snapshots.append)
    same(there, found, expected)
    there.close(seen.energies, trace.energies)
    assert all(on_device(snapshot, there) for snapshot in snapshots)
    states = [snapshot.rng_state for snapshot in snapshots]
    again = []
    refine(here, latents, on_step=again.append)
    assert all(torch.equal(a, b.rng_state) for a, b in zip(states, again, strict=True))
    assert found.values.device.type == seen.energies.device.type == "cpu"


@pytest.mark.parametrize("energy", ENERGIES)
def test_a_refinement_by_any_energy_agrees(energy, toys, there):
    here, moved = job_of(toys, None, energy), job_of(toys, there, energy)
    latents = start(toys, here.generator)
    expected, trace = refine(here, latents)
    found, seen = refine(moved, latents)
    same(there, found, expected)
    there.close(seen.energies, trace.energies)
    repeated, _ = refine(moved, latents)
    assert torch.equal(repeated.values, found.values)


class Stop(Exception):
    pass


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"rule": Adam(learning_rate=0.05), "keep_best": True, "latent_noise": 0.1},
        {"refiner": CmaEs(population=4, inner_steps=1, inner=FirstOrder(Descent()))},
    ],
    ids=["langevin", "adam", "evolution"],
)
def test_a_run_goes_on_to_the_bit(changes, toys, there, tmp_path):
    if "evolution" in changes:
        pytest.importorskip("cmaes", reason="CMA-ES needs the library cmaes")
    job = job_of(toys, there, "views", **changes)
    latents = start(toys, job.generator)
    whole, trace = refine(job, latents)
    kept = []

    def stop(snapshot):
        if snapshot.state.step == 2:
            raise Stop

    with pytest.raises(Stop):
        refine(job, latents, on_step=stop, on_stop=kept.append)
    save_latents(tmp_path / "stopped.safetensors", kept[0])
    snapshots = []
    loaded = load_latents(tmp_path / "stopped.safetensors")
    rest, again = refine(job, loaded, on_step=snapshots.append)
    assert torch.equal(rest.values, whole.values)
    assert torch.equal(again.energies, trace.energies)
    assert all(on_device(snapshot, there) for snapshot in snapshots)


@pytest.mark.parametrize("energy", ENERGIES)
def test_a_step_does_not_wait_and_a_run_reads_once_a_step(energy, toys, there):
    job = job_of(toys, there, energy)
    pulled = job.energy.pullback(job.generator)
    kernel = descend(
        gradient_by_term(pulled, job.chunking),
        job.refiner.rule,
        project=job.generator.source.clamp,
    )
    position, rng = there(toys.normal(COUNT, 12)), SampleRng.of(0, COUNT)
    state, _ = kernel.step(kernel.init(position), rng)  # evaluated once
    with there.without_waiting():
        for _ in range(3):
            state, _ = kernel.step(state, rng)
    begun = first_snapshot(kernel, position, rng)
    with there.without_waiting(reads=3):
        *_, last = iterate(kernel, begun, 3, rng)
    assert last.state.step == 3


@pytest.mark.parametrize("weights", ["linear", "softmax"])
def test_a_basis_agrees(weights, toys, there):
    rows = []
    for at in (None, there):
        job = job_of(toys, at, "views")
        begun, found = from_basis(
            job.generator,
            SampleRng.of(0, 3),
            energy=job.energy,
            candidates=7,
            keep=3,
            weights=weights,
            chunking=CHUNKS,
            device=job.device,
        )
        latents = toys.latents(job.generator, begun.values.cpu(), chart=begun.chart)
        assert isinstance(begun.chart, MixtureOfBasis)
        refiner = FirstOrder(job.refiner.rule, Adam(learning_rate=0.05), clip_norm=1)
        refined, _ = refine(replace(job, refiner=refiner), latents)
        rows.append((refined, found))
    same(there, rows[1][0], rows[0][0])
    there.close(rows[1][1].points, rows[0][1].points)
    assert torch.equal(rows[1][1].numbers.cpu(), rows[0][1].numbers)


@pytest.mark.parametrize("inner", [0, 1])
def test_a_generation_agrees(inner, toys, there):
    pytest.importorskip("cmaes", reason="CMA-ES needs the library cmaes")
    ends = []
    for at in (None, there):
        search = CmaEs(population=5, inner_steps=inner, inner=FirstOrder(Descent()))
        job = job_of(toys, at, refiner=search, steps=2)
        refined, _ = refine(job, start(toys, job.generator))
        ends.append(refined)
    same(there, ends[1], ends[0])


# Flows

FLOW_READS = 6
"""Reads per step: whether features are finite, twice; three for the median; the weights."""
FLOWS = {
    "krr": FlowSettings(),
    "kde": FlowSettings(estimator="kde", self_term=False),
    "stein": FlowSettings(estimator="stein"),
    "feature": FlowSettings(mollifier=Mollifier("feature", 0.7, final=0.0)),
    "image": FlowSettings(mollifier=Mollifier("image", 0.2, samples=2, final=0.1), eta=5, xi=5),
    "Jensen-Shannon": FlowSettings(divergence="Jensen-Shannon"),
}


def flow_job(toys, at, settings, chunking=CHUNKS):
    place = (lambda model: model) if at is None else at.model
    classifier = place(toys.classifier())
    made = krr_flow(
        settings,
        feature_map(classifier),
        steps=3,
        image_size=(8, 8),
        chunking=chunking,
        condition=classification(classifier, classifier.condition(["b"])),
        real=picture_of(toys, seed=8, count=7),
    )
    refiner = FirstOrder(Descent(step_size=0.1), direction=made.direction)
    job = job_of(toys, at, lambda place: made.energy, refiner=refiner, steps=3)
    return replace(job, chunking=chunking)


@pytest.mark.parametrize(
    ("kind", "chunking"), [*((kind, CHUNKS) for kind in FLOWS), ("krr", ALL_AT_ONCE)]
)
def test_a_flow_agrees(kind, chunking, toys, there):
    here, moved = (flow_job(toys, at, FLOWS[kind], chunking) for at in (None, there))
    latents = start(toys, here.generator)
    expected, trace = refine(here, latents)
    found, seen = refine(moved, latents)
    same(there, found, expected)
    there.close(seen.energies, trace.energies)
    repeated, _ = refine(moved, latents)
    assert torch.equal(repeated.values, found.values)


def test_a_flows_step_looks_at_its_kernel_matrix_and_no_more(toys, there):
    job = flow_job(toys, there, FLOWS["krr"])
    latents = start(toys, job.generator)
    pulled = job.energy.pullback(job.generator)
    kernel = job.refiner.bind(pulled, latents.chart, job.chunking)
    state = kernel.init(there(latents.values))
    rng = latents.rng(0, "refine")
    state, _ = kernel.step(state, rng)  # the real images, once
    with there.without_waiting(reads=FLOW_READS):
        kernel.step(state, rng)


# Compositions


def test_a_composition_agrees(toys, there):
    pytest.importorskip("scipy", reason="Poisson blending needs SciPy")
    made = []
    for at in (None, there):
        job = job_of(toys, at)
        clip = toy_clip() if at is None else at.model(toy_clip())
        composing = CompositionJob(
            generator=job.generator,
            energy=job.energy,
            features=clip_features(clip),
            steps=2,
            seed=3,
            chunking=CHUNKS,
            device=job.device,
            rule=Adam(learning_rate=0.05),
            weighing=Barrier("bi-level"),
            placements=placements([0.5], "centre") + placements([0.65], "top left"),
        )
        front, back = (toys.latents(job.generator, toys.normal(2, 12, seed=n)) for n in (0, 1))
        made.append(Composer(composing, front, back).run())
    expected, found = made
    for name in ("images", "energies", "all_images", "secondary"):
        there.close(getattr(found, name), getattr(expected, name))
    same(there, found.foreground, expected.foreground)
    assert found.placements == expected.placements


# Starts, translators, and evaluations of images


def test_starts_agree(toys, there):
    ends = []
    for at in (None, there):
        job = job_of(toys, at)
        rng = SampleRng.of(5, 4)
        common = {"energy": job.energy, "chunking": CHUNKS, "device": job.device}
        near = toys.latents(job.generator, toys.normal(2, 12))
        towards = toys.latents(job.generator, toys.normal(3, 12, seed=6))
        images = picture_of(toys, count=4)
        ends.append(
            [
                from_prior(job.generator, rng, candidates=16, generations=2, **common),
                variations(
                    near,
                    job.generator,
                    SampleRng.of(6, 4),
                    variation=0.5,
                    spread=0.3,
                    towards=towards,
                    candidates=3,
                    **common,
                ),
                from_images(
                    job.generator,
                    images,
                    SampleRng.of(7, 4),
                    how="candidates",
                    candidates=3,
                    **common,
                ),
                from_images(job.generator, images, SampleRng.of(7, 4), how="mean", **common),
            ]
        )
    for expected, found in zip(*ends, strict=True):
        assert found.values.device.type == there.device.type
        there.close(found.values, expected.values)


@pytest.mark.parametrize("kind", ["mixture", "deterministic"])
def test_a_translator_learns_and_draws_alike(kind, toys, there):
    ends = []
    for at in (None, there):
        job = job_of(toys, at)
        classifier = toys.classifier() if at is None else at.model(toys.classifier())
        pairs = synthetic_pairs(
            job.generator, classifier, 20, seed=1, chunking=CHUNKS, device=job.device
        )
        translator = new_translator(
            job.generator, classifier, kind=kind, components=3, hidden=8, seed=2
        ).to(job.device)
        training = Training(epochs=2, batch_size=8, condition_noise=0.1)
        losses = []
        fit_translator(
            translator, pairs, training, seed=3, report=lambda n, loss, to=losses: to.append(loss)
        )
        condition = classifier.condition(["a", "b", "c", "a"])
        modes = ["sample", "mean", "mode"] + (["basis"] if kind == "mixture" else [])
        starts = [
            from_translator(
                translator,
                job.generator,
                condition,
                SampleRng.of(4, 4),
                mode=mode,
                energy=classification(classifier, condition) if mode == "sample" else None,
                candidates=3 if mode == "sample" else 1,
                chunking=CHUNKS,
            ).values
            for mode in modes
        ]
        ends.append((pairs, torch.tensor(losses), starts))
    (here, losses, expected), (moved, found_losses, found) = ends
    assert torch.equal(moved.latents, here.latents)
    there.close(moved.conditions, here.conditions)
    there.close(found_losses, losses)
    for one, other in zip(found, expected, strict=True):
        assert one.device.type == there.device.type
        there.close(one, other)


def test_a_batch_of_training_waits_for_its_loss_alone(toys, there):
    classifier = there.model(toys.classifier())
    generator = there.model(toys.generator())
    common = {"seed": 1, "chunking": CHUNKS, "device": there.device}
    pairs = synthetic_pairs(generator, classifier, 16, **common)
    translator = new_translator(generator, classifier, hidden=8, seed=2).to(there.device)
    training = Training(epochs=2, batch_size=4)
    # Both tables travel once; then one read per batch.
    with there.without_waiting(reads=2 + 8):
        fit_translator(translator, pairs, training, seed=3)


def test_a_ranking_and_a_step_on_pixels_agree(toys, there):
    ends = []
    for at in (None, there):
        job = job_of(toys, at, "AugCLIP")
        latents = start(toys, job.generator)
        order = ranked(
            latents, job.generator, job.energy, seed=0, keep=3, chunking=CHUNKS, device=job.device
        )
        images = picture_of(toys, count=2).to(job.device)
        moved = fgsm(
            images, job.energy, SampleRng.of(0, 2), epsilon=0.05, steps=2, chunking=CHUNKS
        )
        ends.append((order, moved))
    assert ends[1][0].rows == ends[0][0].rows
    # A sign may flip where a gradient is 0 up to rounding.
    difference = (ends[1][1].cpu() - ends[0][1]).abs()
    assert float(difference.max()) <= 0.1 + 1e-6
    assert float((difference > 1e-3).float().mean()) < 0.02


def test_a_global_direction_agrees(toys, there):
    slopes = []
    for at in (None, there):
        job = job_of(toys, at)
        clip = toy_clip() if at is None else at.model(toy_clip())
        direction = text_direction(clip_row(toys, clip, 1), clip_row(toys, clip, 2))
        found = global_direction(
            job.generator, clip, direction, samples=6, chunking=CHUNKS, device=job.device
        )
        energy = along(job.generator, direction, found)
        z = toys.normal(3, 12).to(job.device)
        slopes.append((found, energy(z, SampleRng.of(0, 3))))
    there.close(slopes[1][0], slopes[0][0])
    there.close(slopes[1][1], slopes[0][1])


def test_judges_agree(toys, there):
    told = []
    for at in (None, there):
        place = (lambda model: model) if at is None else at.model
        classifier, clip = place(toys.classifier()), place(toy_clip())
        device = toys.cpu if at is None else at.device
        images = picture_of(toys, count=4)
        seen = classifier_outputs(classifier, images, CHUNKS, device)
        rng = SampleRng.of(0, 4)
        condition = clip_row(toys, clip, 1)
        scores = clip_scores(clip, condition, images, rng, views=8, chunking=CHUNKS, device=device)
        told.append((seen, scores))
    there.close(told[1][0].probabilities, told[0][0].probabilities)
    there.close(told[1][0].features, told[0][0].features)
    there.close(told[1][1].values, told[0][1].values)
