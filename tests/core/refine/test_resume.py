"""Interrupted runs resume bit for bit."""

from dataclasses import replace

import pytest
import torch
from latentsteer.core.energies.classification import classification
from latentsteer.core.energy import Energy
from latentsteer.core.errors import ResumeMismatch
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

from .short_runs import STEPS, keep_best_run, langevin_run, start


class Stop(Exception):
    """The user's interrupt."""


def stopper(step):
    def on_step(snapshot):
        if snapshot.state.step == step:
            raise Stop

    return on_step


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


def scheduled_run(toys):
    rule = Langevin(
        step_size=0.01, inverse_temperature=20, step_schedule=Schedule("cosine", STEPS, 0.1)
    )
    return toys.job(steps=STEPS, rule=rule), start(toys)


def adam_run(toys):
    return toys.job(steps=STEPS, rule=Adam(learning_rate=0.05)), start(toys)


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
