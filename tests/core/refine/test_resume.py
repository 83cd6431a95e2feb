"""Interrupted runs resume bit for bit."""

from dataclasses import replace

import pytest
import torch
from latentsteer.core.energies.classification import classification
from latentsteer.core.energy import Energy
from latentsteer.core.errors import (
    ConditionMismatch,
    Diverged,
    GeneratorMismatch,
    InvalidInput,
    ResumeMismatch,
)
from latentsteer.core.latent_files import load_latents, save_latents
from latentsteer.core.refine.first_order import FirstOrder
from latentsteer.core.refine.refinement import refine
from latentsteer.core.refine.rules import Adam, Langevin
from latentsteer.core.refine.schedule import Schedule
from latentsteer.core.rng import SampleRng
from latentsteer.core.spaces import IMAGES
from latentsteer.core.starts.candidates import from_translator
from latentsteer.core.terms import Term
from latentsteer.core.translators.training import new_translator

STEPS = 10


class Stop(Exception):
    """The user's interrupt."""


def stopper(step):
    def on_step(snapshot):
        if snapshot.state.step == step:
            raise Stop

    return on_step


def start(toys, count=5):
    return toys.latents(toys.generator(), toys.normal(count, 12))


def basis_start(toys, weights):
    generator, classifier = toys.generator(), toys.classifier()
    begun = from_translator(
        new_translator(generator, classifier, components=3, hidden=8, seed=1),
        generator,
        classifier.condition(["b"]),
        SampleRng.of(0, 5),
        mode="basis",
        weights=weights,
        chunking=toys.job().chunking,
    )
    return toys.latents(generator, begun.values, chart=begun.chart)


def langevin_run(toys):
    return toys.job(steps=STEPS), start(toys)


def scheduled_run(toys):
    rule = Langevin(
        step_size=0.01, inverse_temperature=20, step_schedule=Schedule("cosine", STEPS, 0.1)
    )
    return toys.job(steps=STEPS, rule=rule), start(toys)


def adam_run(toys):
    return toys.job(steps=STEPS, rule=Adam(learning_rate=0.05)), start(toys)


def keep_best_run(toys):
    # Hot enough for the best point to occur during the run.
    hot = Langevin(step_size=0.3, inverse_temperature=1, momentum=0)
    return toys.job(steps=STEPS, rule=hot, keep_best=True), start(toys)


def basis_run(toys, weights="linear"):
    latents = basis_start(toys, weights)
    points = Langevin(step_size=0.01, inverse_temperature=20, momentum=0.5)
    refiner = FirstOrder(points, weights=Adam(learning_rate=0.05), clip_norm=1.0)
    return toys.job(steps=STEPS, refiner=refiner), latents


RUNS = {
    "langevin": langevin_run,
    "scheduled": scheduled_run,
    "adam": adam_run,
    "keep best": keep_best_run,
    "basis": basis_run,
    "softmax basis": lambda toys: basis_run(toys, "softmax"),
    "scalar basis": lambda toys: basis_run(toys, "scalar"),
}


def interrupted(job, latents, step, path):
    """Returns the latents that a run writes when it is interrupted after a step."""
    with pytest.raises(Stop):
        refine(
            job,
            latents,
            on_step=stopper(step),
            on_stop=lambda unfinished: save_latents(path, unfinished),
        )
    return load_latents(path)


@pytest.mark.bits
@pytest.mark.parametrize("step", [1, 4, STEPS])
@pytest.mark.parametrize("name", RUNS)
def test_an_interrupted_run_goes_on_to_the_same_bits(name, step, toys, tmp_path):
    job, latents = RUNS[name](toys)
    whole, record = refine(job, latents)
    unfinished = interrupted(job, latents, step, tmp_path / "i.safetensors")
    assert unfinished.interrupted.snapshot.state.step == step
    assert unfinished.chart == latents.chart
    seen = []
    resumed, trace = refine(job, unfinished, on_step=lambda s: seen.append(s.state.step))
    assert seen == list(range(step + 1, STEPS + 1))
    assert torch.equal(resumed.values, whole.values)
    assert resumed.interrupted is None
    assert torch.equal(trace.energies, record.energies)
    for told, expected in ((trace.before, record.before), (trace.after, record.after)):
        assert told.keys() == expected.keys()
        assert all(torch.equal(told[key], expected[key]) for key in told)


@pytest.mark.bits
def test_a_run_may_be_interrupted_twice(toys, tmp_path):
    job, latents = langevin_run(toys)
    whole, _ = refine(job, latents)
    unfinished = interrupted(job, latents, 3, tmp_path / "a.safetensors")
    unfinished = interrupted(job, unfinished, 7, tmp_path / "b.safetensors")
    assert torch.equal(refine(job, unfinished)[0].values, whole.values)


def test_an_interrupt_within_a_step_loses_that_step_alone(toys):
    calls = []

    def broken(images, rng):
        calls.append(1)
        if len(calls) == 5:
            raise Stop
        return images.square().sum(dim=(1, 2, 3))

    stopped = []
    job = toys.job(energy=Energy.of(Term("broken", IMAGES, broken)))
    with pytest.raises(Stop):
        refine(job, start(toys), on_stop=stopped.append)
    # The first call reads the energy before the first step.
    assert stopped[0].interrupted.snapshot.state.step == 3


@pytest.mark.bits
def test_the_latents_of_an_interrupted_run_are_where_it_stood(toys, tmp_path):
    job, latents = langevin_run(toys)
    positions = []
    with pytest.raises(Stop):
        refine(
            job,
            latents,
            on_step=lambda s: (positions.append(s.state.position), stopper(4)(s)),
            on_stop=lambda unfinished: save_latents(tmp_path / "i.safetensors", unfinished),
        )
    assert torch.equal(load_latents(tmp_path / "i.safetensors").values, positions[3])


@pytest.mark.bits
def test_without_resume_a_new_run_starts_from_where_the_latents_are(toys, tmp_path):
    job, latents = langevin_run(toys)
    unfinished = interrupted(job, latents, 4, tmp_path / "i.safetensors")
    fresh, trace = refine(job, unfinished, resume=False)
    assert len(trace.energies) == STEPS + 1
    there = toys.latents(job.generator, unfinished.values)
    expected, _ = refine(job, replace(there, history=(1,) * len(there)))
    assert torch.equal(fresh.values, expected.values)
    # The finished steps have used the draws that new latents would get.
    assert not torch.equal(refine(job, there)[0].values, fresh.values)


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"steps": STEPS + 1}, "steps: 10 then, 11 now"),
        ({"seed": 4}, "seed: 3 then, 4 now"),
        ({"keep_best": True}, "keep_best: False then, True now"),
        ({"clamp": False}, "clamp: True then, False now"),
        ({"latent_noise": 0.1}, "latent_noise: 0.0 then, 0.1 now"),
        (
            {"rule": Langevin(step_size=1e-2, inverse_temperature=20, momentum=0.9)},
            "refiner.rule.momentum: 0.5 then, 0.9 now",
        ),
        ({"title": "other"}, "title: 'test' then, 'other' now"),
    ],
)
def test_other_settings_cannot_go_on_and_are_named(changes, named, toys, tmp_path):
    job, latents = langevin_run(toys)
    unfinished = interrupted(job, latents, 4, tmp_path / "i.safetensors")
    with pytest.raises(ResumeMismatch) as caught:
        refine(toys.job(**{"steps": STEPS} | changes), unfinished)
    assert f"({named})" in str(caught.value)
    assert "step 4" in str(caught.value)


def test_another_energy_cannot_go_on(toys, tmp_path):
    job, latents = langevin_run(toys)
    unfinished = interrupted(job, latents, 4, tmp_path / "i.safetensors")
    classifier = toys.classifier()
    other = classification(classifier, classifier.condition(["c"]))
    with pytest.raises(ResumeMismatch, match="energy: "):
        refine(toys.job(steps=STEPS, energy=other), unfinished)
    with pytest.raises(ResumeMismatch, match="energy: "):
        refine(toys.job(steps=STEPS, energy=2 * job.energy), unfinished)


# Divergence


def treacherous(bad_rows, calls_before):
    """An energy that becomes NaN for some samples at a given call."""
    calls = []

    def evaluate(images, rng):
        calls.append(1)
        values = images.square().mean(dim=(1, 2, 3))
        if len(calls) > calls_before:
            hit = torch.tensor([row in bad_rows for row in rng.rows])
            values = torch.where(hit, values * torch.nan, values)
        return values

    return Energy.of(Term("treacherous", IMAGES, evaluate))


def test_an_energy_that_stops_being_finite_names_step_and_samples(toys):
    stopped = []
    # One call reads the energies before the run, so the fifth belongs to step 3.
    job = toys.job(energy=treacherous({1, 3}, 4))
    with pytest.raises(Diverged, match=r"energy of sample 1, 3 .* at step 3 ") as caught:
        refine(job, start(toys), on_stop=stopped.append)
    assert (caught.value.step, caught.value.samples) == (3, (1, 3))
    whole_steps = []
    sound = toys.job(energy=treacherous(set(), 99))
    refine(sound, start(toys), on_step=whole_steps.append)
    # Step 3 starts from a point whose energy is not finite: the one before is kept.
    kept = stopped[0].interrupted.snapshot
    assert kept.state.step == 2
    assert torch.equal(stopped[0].values, whole_steps[1].state.position)
    assert bool(torch.stack(kept.energies).isfinite().all())


def test_a_position_that_stops_being_finite_leaves_the_point_before_it(toys):
    stopped = []

    def exploding(step):
        return 1.0 if step < 4 else float("inf")

    rule = Langevin(
        step_size=0.01,
        inverse_temperature=20,
        momentum=0.0,
        step_schedule=toys.schedule(exploding),
    )
    job = toys.job(rule=rule, clamp=False)
    with pytest.raises(Diverged, match=r"position of sample 0, 1, 2, 3, 4 .* at step 4 "):
        refine(job, start(toys), on_stop=stopped.append)
    assert stopped[0].interrupted.snapshot.state.step == 4
    assert bool(stopped[0].values.isfinite().all())


def test_an_energy_that_is_not_finite_at_the_very_end_is_told_too(toys):
    stopped = []
    # One call before the run and one per step; the next reads the last point.
    job = toys.job(steps=STEPS, energy=treacherous({2}, STEPS + 1))
    with pytest.raises(Diverged, match=rf"energy of sample 2 .* at step {STEPS} "):
        refine(job, start(toys), on_stop=stopped.append)
    assert stopped[0].interrupted.snapshot.state.step == STEPS - 1


def test_the_latents_left_by_a_divergence_can_be_refined_again(toys, tmp_path):
    path = tmp_path / "i.safetensors"
    job = toys.job(energy=treacherous({0}, 4))
    with pytest.raises(Diverged):
        refine(job, start(toys), on_stop=lambda unfinished: save_latents(path, unfinished))
    again = load_latents(path)
    latents, _ = refine(toys.job(), again, resume=False)
    assert bool(latents.values.isfinite().all())


@pytest.mark.bits
def test_keep_best_ends_each_sample_at_the_best_point_it_met(toys):
    job, latents = keep_best_run(toys)
    positions = [latents.values]
    best, trace = refine(job, latents, on_step=lambda s: positions.append(s.state.position))
    assert trace.energies.shape == (STEPS + 1, 5)
    lowest = trace.energies.argmin(dim=0)
    assert len(set(lowest.tolist())) > 1
    for row, step in enumerate(lowest.tolist()):
        assert torch.equal(best.values[row], positions[step][row])
    torch.testing.assert_close(trace.after["energy"], trace.energies.amin(dim=0))


@pytest.mark.bits
def test_the_curve_starts_and_ends_with_the_readings(toys):
    job, latents = langevin_run(toys)
    _, trace = refine(job, latents)
    assert torch.equal(trace.energies[0], trace.before["energy"])
    assert torch.equal(trace.energies[-1], trace.after["energy"])
    name = "probability(classifier(toy f))"
    classifier = toys.classifier()
    law = classifier.embed(job.generator(latents.values, SampleRng.of(0, 5)))
    torch.testing.assert_close(trace.before[name], law[:, 1])
    assert trace.summary()["before"]["energy"] == pytest.approx(
        float(trace.before["energy"].mean())
    )
    assert f"test: {STEPS} steps, 5 samples" in str(trace)


@pytest.mark.parametrize("clamp", [True, False])
def test_latents_are_clamped_to_the_generators_bounds_when_asked(clamp, toys):
    generator = toys.generator(bound=1.5)
    rule = Langevin(step_size=0.5, inverse_temperature=1, momentum=0)
    job = toys.job(generator=generator, rule=rule, clamp=clamp)
    latents, _ = refine(job, toys.latents(generator, toys.normal(5, 12).clamp(-1, 1)))
    assert (latents.values.abs().max() <= 1.5) == clamp


def test_refining_leaves_its_input_alone(toys):
    job, latents = langevin_run(toys)
    kept = latents.values.clone()
    refine(job, latents)
    assert torch.equal(latents.values, kept)


def test_refining_works_where_gradients_are_off(toys):
    job, latents = langevin_run(toys)
    with torch.no_grad():
        inside, _ = refine(job, latents)
    assert torch.equal(inside.values, refine(job, latents)[0].values)


def test_bad_input_to_refine_is_refused(toys):
    job, latents = langevin_run(toys)
    with pytest.raises(InvalidInput, match="0 steps"):
        refine(toys.job(steps=0), latents)
    with pytest.raises(InvalidInput, match="No sample to refine"):
        refine(job, toys.latents(job.generator, torch.zeros(0, 12)))
    spoilt = latents.values.clone()
    spoilt[2, 0] = torch.nan
    with pytest.raises(InvalidInput, match=r"Samples \(2,\) start at points that are not finite"):
        refine(job, toys.latents(job.generator, spoilt))
    classifier = toys.classifier()
    three = classification(classifier, classifier.condition([0, 1, 2]))
    with pytest.raises(ConditionMismatch, match="3 rows and the batch 5"):
        refine(toys.job(energy=three), latents)
    stranger = toys.latents(job.generator, latents.values)
    object.__setattr__(stranger, "generator", "another-generator-id")
    with pytest.raises(GeneratorMismatch, match="Load 'toy'"):
        refine(job, stranger)
