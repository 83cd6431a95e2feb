"""What a refinement returns and leaves alone, and what it refuses."""

import pytest
import torch
from latentsteer.core.energies.classification import classification
from latentsteer.core.errors import ConditionMismatch, GeneratorMismatch, InvalidInput
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
