"""What a refinement returns and leaves alone, and what it refuses."""

from dataclasses import replace
from functools import partial

import pytest
import torch
from latentsteer.core.energies.classification import classification
from latentsteer.core.energies.prior import prior_energy
from latentsteer.core.errors import ConditionMismatch, GeneratorMismatch, InvalidInput
from latentsteer.core.refine.cma_es import CmaEs
from latentsteer.core.refine.refinement import refine
from latentsteer.core.refine.rules import Langevin
from latentsteer.core.rng import SampleRng

from .short_runs import STEPS, keep_best_run, langevin_run


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


def test_the_best_point_is_that_of_the_named_terms(toys):
    job, latents = keep_best_run(toys)
    regulariser = prior_energy(job.generator)
    energy = job.energy + 0.5 * regulariser
    job = replace(job, energy=energy)
    (own, *_), pulled = energy.names(), energy.pullback(job.generator)
    found = {}
    for kept_by in (None, (own,)):
        positions = [latents.values]
        chosen = replace(job, kept_by=kept_by)
        best, trace = refine(chosen, latents, on_step=partial(_note, positions))
        readings = [
            pulled.readings(at, latents.rng(0, "refine"), job.chunking) for at in positions
        ]
        counted = torch.stack([one["energy" if kept_by is None else own] for one in readings])
        for row, step in enumerate(counted.argmin(dim=0).tolist()):
            assert torch.equal(best.values[row], positions[step][row])
        found[kept_by] = positions[-1], counted.argmin(dim=0).tolist(), trace.energies
    # The same path, another end.
    (last, by_all, curve), (again, by_own, same) = found.values()
    assert torch.equal(last, again)
    torch.testing.assert_close(curve, same)
    assert by_all != by_own


def _note(positions, snapshot):
    positions.append(snapshot.state.position)


def test_a_best_point_of_terms_that_are_not_there_is_refused(toys):
    job, latents = keep_best_run(toys)
    with pytest.raises(InvalidInput, match=r"begins with 'HPSv2'.*There are: classifier"):
        refine(replace(job, kept_by=("HPSv2",)), latents)
    searched = replace(job, refiner=CmaEs(population=4), kept_by=job.energy.names())
    with pytest.raises(InvalidInput, match="no value of the single term"):
        refine(searched, latents)


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
