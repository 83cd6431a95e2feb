"""Consecutive runs get fresh draws: the streams of a latent depend on its history."""

import pytest
import torch
from latentsteer.core.checkpoints.checkpoint import read, write
from latentsteer.core.errors import CheckpointError, InvalidInput
from latentsteer.core.latent_files import load_latents, save_latents
from latentsteer.core.latents import Latents
from latentsteer.core.refine.refinement import refine
from latentsteer.core.refine.rules import Langevin
from latentsteer.core.spaces import Identity

from . import histories
from .histories import COUNT, FEW, LAMBDA, WIDE, chained, correlation, margin

begun, flat, job, wide = histories.begun, histories.flat, histories.job, histories.wide


@pytest.mark.parametrize("runs", [1, 2, 5])
def test_runs_in_a_row_spread_as_one_of_their_length(runs, job, wide, toys):
    steps = 50 // runs
    flat = toys.energy_of(lambda z: 0 * z.sum(dim=1), wide.source)
    begun = toys.latents(wide, torch.zeros(FEW, WIDE))
    found = chained(job(generator=wide, energy=flat, steps=steps), begun, runs)
    expected = (LAMBDA * steps * runs) ** 0.5
    # The relative standard error of a standard deviation is 1 / sqrt(2 n).
    assert float(found.values.std()) == pytest.approx(expected, rel=4 / (2 * FEW * WIDE) ** 0.5)


@pytest.mark.parametrize(("runs", "beta"), [(1, 1.0), (5, 1.0), (20, 4.0)])
def test_chained_kernels_reach_a_gaussians_stationary_law(runs, beta, job, wide, toys):
    """The step's stationary distribution: its variance is 1 / (beta (1 - beta lambda / 4))."""
    well = toys.energy_of(lambda z: z.square().sum(dim=1) / 2, wide.source)
    rule = Langevin(step_size=LAMBDA, inverse_temperature=beta, momentum=0)
    begun = toys.latents(wide, torch.zeros(FEW, WIDE))
    found = chained(job(generator=wide, energy=well, rule=rule, steps=200 // runs), begun, runs)
    shrink = (1 - beta * LAMBDA / 2) ** 400
    expected = (1 - shrink) / (beta * (1 - beta * LAMBDA / 4))
    assert float(found.values.var()) == pytest.approx(expected, rel=4 * (2 / (FEW * WIDE)) ** 0.5)
    assert abs(float(found.values.mean())) < 4 * (expected / (FEW * WIDE)) ** 0.5


def test_a_second_run_draws_nothing_of_the_first_whatever_its_seed(job, begun):
    first = chained(job(), begun(), 1)
    for seed in (3, 4):
        second, _ = refine(job(seed=seed), first)
        step = second.values - first.values
        assert abs(correlation(step, first.values)) < margin(COUNT)


def unwrapped(latents):
    """Returns the same values in new latents without other information."""
    bare = latents.values, latents.chart, latents.generator, latents.generator_name
    return Latents(*bare, latents.samples)


def test_values_taken_out_of_their_latents_keep_their_history(job, begun):
    whole = chained(job(), begun(), 2)
    loose = unwrapped(chained(job(), unwrapped(chained(job(), begun(), 1)), 1))
    assert torch.equal(loose.values, whole.values)
    assert loose.history == whole.history


def test_a_start_stays_new_after_a_run_from_it(job, begun):
    start = begun()
    chained(job(), start, 1)
    assert unwrapped(start).history == (0,) * len(start)


def test_branches_of_one_start_share_their_noise(job, begun):
    """Common random numbers: differences are then due to the settings."""
    first = chained(job(), begun(8), 1)
    one, other = (refine(job(steps=10), first)[0] for _ in range(2))
    assert torch.equal(one.values, other.values)
    hotter = Langevin(step_size=4 * LAMBDA, inverse_temperature=1, momentum=0)
    wide, _ = refine(job(steps=10, rule=hotter), first)
    torch.testing.assert_close(wide.values - first.values, 2 * (one.values - first.values))


def test_new_latents_have_no_history_and_each_run_adds_one(job, begun):
    assert begun(3).history == (0, 0, 0)
    assert chained(job(), begun(3), 2).history == (2, 2, 2)
    assert begun(3, samples=(4, 1, 2)).history == (0, 0, 0)


def test_a_sample_alone_equals_itself_in_the_batch(job, begun):
    batch = begun(5)
    twice = chained(job(), batch, 2)
    alone = chained(job(), batch.picked((3,)), 2)
    assert torch.equal(alone.values, twice.values[[3]])
    middle = chained(job(), chained(job(), batch, 1).picked((3, 0)), 1)
    assert torch.equal(middle.values, twice.values[[3, 0]])


def test_samples_of_different_histories_go_together(job, begun):
    once, new = chained(job(), begun(3), 1), begun(2)
    both = once.stacked(new)
    assert both.history == (1, 1, 1, 0, 0)
    found, _ = refine(job(), both)
    assert found.history == (2, 2, 2, 1, 1)
    assert torch.equal(found.values[:3], refine(job(), once)[0].values)
    mixed = found.picked((4, 1))
    assert mixed.history == (1, 2)
    assert torch.equal(refine(job(), mixed)[0].values, refine(job(), found)[0].values[[4, 1]])


def test_a_history_goes_through_a_file(job, begun, tmp_path):
    path = tmp_path / "l.safetensors"
    both = chained(job(), begun(3), 1).stacked(begun(2))
    save_latents(path, both)
    back = load_latents(path)
    assert back.history == both.history
    assert torch.equal(refine(job(), back)[0].values, refine(job(), both)[0].values)


def test_a_file_of_before_has_no_history(job, begun, tmp_path):
    path = tmp_path / "l.safetensors"
    save_latents(path, chained(job(), begun(3), 1))
    checkpoint = read(path)
    config = {name: value for name, value in checkpoint.config.items() if name != "history"}
    write(path, checkpoint.tensors, config)
    assert load_latents(path).history == (0, 0, 0)
    for wrong in ([1], [0, -1, 0], ["x", 0, 0], 3):
        write(path, checkpoint.tensors, config | {"history": wrong})
        with pytest.raises(CheckpointError, match="is damaged"):
            load_latents(path)


def test_a_history_is_of_as_many_samples(toys):
    generator = toys.generator()
    with pytest.raises(InvalidInput, match="Histories"):
        Latents(torch.zeros(2, 12), Identity(generator.source), "i", "n", (0, 1), history=(1,))


def interrupted(job, latents, step, tmp_path):
    class Stop(Exception):
        pass

    def on_step(snapshot):
        if snapshot.state.step == step:
            raise Stop

    kept = []
    with pytest.raises(Stop):
        refine(job, latents, on_step=on_step, on_stop=kept.append)
    save_latents(tmp_path / "i.safetensors", kept[-1])
    return load_latents(tmp_path / "i.safetensors")


@pytest.mark.parametrize("before", [0, 1, 3])
def test_a_resumed_run_equals_the_undisturbed_and_so_does_what_follows(
    before, job, begun, tmp_path
):
    latents = chained(job(), begun(4), before)
    whole, _ = refine(job(), latents)
    resumed, _ = refine(job(), interrupted(job(), latents, 4, tmp_path))
    again, _ = refine(
        job(), interrupted(job(), interrupted(job(), latents, 4, tmp_path), 7, tmp_path)
    )
    for found in (resumed, again):
        assert torch.equal(found.values, whole.values)
        assert found.history == whole.history
        assert torch.equal(refine(job(), found)[0].values, refine(job(), whole)[0].values)


def test_without_resume_an_unfinished_run_counts_too(job, begun, tmp_path):
    left = interrupted(job(), begun(COUNT), 5, tmp_path)
    drawn = left.values.clone()
    found, _ = refine(job(), left, resume=False)
    assert abs(correlation(found.values - drawn, drawn)) < margin(COUNT)
    assert found.history == (2,) * COUNT
    # And where it is first selected, stacked or made plain.
    for taken in (left.picked(tuple(range(COUNT))), left.plain()):
        assert torch.equal(refine(job(), taken)[0].values, found.values)


def test_an_unfinished_run_of_before_counts_too(job, begun, tmp_path):
    interrupted(job(), begun(4), 5, tmp_path)
    path = tmp_path / "i.safetensors"
    checkpoint = read(path)
    config = {name: value for name, value in checkpoint.config.items() if name != "history"}
    write(path, checkpoint.tensors, config)
    old = load_latents(path)
    assert old.history == (1,) * 4
    whole, _ = refine(job(), begun(4))
    found, _ = refine(job(), old)
    assert torch.equal(found.values, whole.values)
    assert found.history == whole.history
