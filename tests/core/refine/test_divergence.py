"""Energies and positions that stop being finite end a run with an error."""

import pytest
import torch
from latentsteer.core.energy import Energy
from latentsteer.core.errors import Diverged
from latentsteer.core.latent_files import load_latents, save_latents
from latentsteer.core.refine.refinement import refine
from latentsteer.core.refine.rules import Langevin
from latentsteer.core.spaces import IMAGES
from latentsteer.core.terms import Term

from .short_runs import STEPS, start


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
