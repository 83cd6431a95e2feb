"""Consecutive runs get fresh draws: the streams of a latent depend on its history."""

from dataclasses import replace

import pytest
import torch
from latentsteer.core.charts import MixtureOfBasis, Start
from latentsteer.core.checkpoints.checkpoint import read, write
from latentsteer.core.chunking import ALL_AT_ONCE, Chunking
from latentsteer.core.composition.compose import Composer, CompositionJob
from latentsteer.core.composition.placement import placements
from latentsteer.core.energy import Energy
from latentsteer.core.errors import CheckpointError, InvalidInput
from latentsteer.core.generator import Gaussian
from latentsteer.core.latent_files import load_latents, save_latents
from latentsteer.core.latents import Latents
from latentsteer.core.refine.cma_es import CmaEs
from latentsteer.core.refine.refinement import refine
from latentsteer.core.refine.rules import Descent, Langevin
from latentsteer.core.rng import SampleRng
from latentsteer.core.spaces import IMAGES, Block, Identity, Space
from latentsteer.core.starts.ranking import ranked
from latentsteer.core.starts.variation import variations
from latentsteer.core.terms import Term

COUNT = 150
LAMBDA = 0.05
DIM = 12
FEW, WIDE = COUNT // 10, DIM * 10
"""Samples and numbers of each: as many draws, from a tenth of the streams."""


@pytest.fixture
def flat(toys):
    return toys.energy_of(lambda z: 0 * z.sum(dim=1), toys.generator().source, "flat")


@pytest.fixture
def job(toys, flat):
    """Langevin steps of noise alone, all samples at once."""
    rule = Langevin(step_size=LAMBDA, inverse_temperature=1, momentum=0)

    def make(**changes):
        usual = {"energy": flat, "rule": rule, "chunking": ALL_AT_ONCE, "clamp": False}
        return toys.job(**{**usual, **changes})

    return make


@pytest.fixture
def begun(toys):
    def make(count=COUNT, **changes):
        return toys.latents(toys.generator(), torch.zeros(count, DIM), **changes)

    return make


@pytest.fixture
def wide(toys):
    """A generator of latents with many numbers, which no test renders."""
    source = Space((Block("z", (WIDE,)),))
    return replace(toys.generator(), source=source, prior=Gaussian(WIDE))


def chained(job, latents, runs):
    for _ in range(runs):
        latents, _ = refine(job, latents)
    return latents


def correlation(a, b):
    return float((a * b).sum() / (a.norm() * b.norm()))


def margin(count, dim=DIM):
    """Four standard errors of a correlation of independent draws."""
    return 4 / (count * dim) ** 0.5


def noisy(space, label="noise"):
    """An energy whose gradient is drawn: <eps, z>, from each sample's stream."""
    return Energy.of(
        Term(label, space, lambda v, rng: (rng.normal(v.shape[1], like=v) * v).sum(dim=1))
    )


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


@pytest.mark.parametrize("kind", ["rendered noise", "random energy", "flow of a random energy"])
def test_every_kind_of_draw_is_fresh_in_the_next_run(kind, toys, job, begun):
    """A descent along <eps, z> moves by its draws."""
    generator = toys.generator()
    rule = Descent(step_size=0.1)
    if kind == "rendered noise":
        # Half |z + s eps|^2: the gradient at 0 is the noise.
        energy = toys.energy_of(lambda z: z.square().sum(dim=1) / 2, generator.source)
        images = replace(generator, render=lambda parts, rng: _as_images(parts["z"]))
        energy = Energy.of(
            Term("seen", IMAGES, lambda x, rng: x.flatten(1)[:, :DIM].square().sum(dim=1) / 2)
        )
        made = job(generator=images, energy=energy, rule=rule, latent_noise=0.3, steps=1)
    else:
        made = job(energy=noisy(generator.source), rule=rule, steps=4)
    first = chained(made, begun(), 1)
    second = chained(made, first, 1)
    moved = second.values - first.values
    # The pull of the well towards 0 is a tenth of a first step.
    pull = -0.1 * first.values if kind == "rendered noise" else torch.zeros(())
    assert float(moved.norm()) > 0
    assert abs(correlation(moved - pull, first.values)) < margin(COUNT)


def _as_images(z):
    return torch.nn.functional.pad(z, (0, 192 - DIM)).reshape(-1, 3, 8, 8)


def test_generations_are_fresh_in_the_next_search(toys, job, begun):
    pytest.importorskip("cmaes")
    count = 40
    made = job(refiner=CmaEs(population=6, sigma=0.5), steps=1)
    noise = Energy.of(
        Term("any", toys.generator().source, lambda v, rng: rng.normal(1, like=v)[:, 0])
    )
    made = replace(made, energy=noise)
    first = chained(made, begun(count), 1)
    second = chained(made, first, 1)
    assert abs(correlation(second.values - first.values, first.values)) < margin(count)
    assert not torch.allclose(second.values, 2 * first.values)


def test_variations_of_variations_are_fresh(toys):
    generator = toys.generator()
    near = toys.latents(generator, torch.zeros(1, DIM))

    def varied(latents, each, **changes):
        rng = SampleRng.of(0, len(latents) * each, "variation")
        start: Start = variations(
            latents,
            generator,
            rng,
            variation=0.6,
            chunking=ALL_AT_ONCE,
            device=toys.cpu,
            **changes,
        )
        made = toys.latents(generator, start.values, range(len(rng)))
        return replace(made, history=start.history)

    first = varied(near, COUNT)
    assert first.history == (1,) * COUNT
    second = varied(first, 1)
    assert second.history == (2,) * COUNT
    assert abs(correlation(second.values - 0.8 * first.values, first.values)) < margin(COUNT)
    # New ones towards a variation get none of the draws of the variation.
    towards = varied(near, COUNT, towards=first)
    assert towards.history == (2,) * COUNT
    assert abs(correlation(towards.values, first.values)) < margin(COUNT)


def test_frames_between_latents_draw_afresh_of_both(toys, job, begun):
    once = chained(job(), begun(3), 1)
    frames = once.interpolated(begun(1), [0.0, 0.5])
    assert frames.history == (1,) * 6
    assert begun(1).interpolated(begun(1), [0.5]).history == (0,)
    # The first frame is the first sample, with its own number.
    assert torch.equal(refine(job(), frames)[0].values[0], refine(job(), once)[0].values[0])


def test_what_a_basis_stands_for_keeps_its_history(toys):
    chart = MixtureOfBasis(toys.generator().source, 2, ("z",))
    basis = toys.latents(toys.generator(), toys.normal(2, chart.source.dim), chart=chart)
    assert replace(basis, history=(3, 1)).plain().history == (3, 1)


def test_looks_are_alike_whatever_the_history(job, begun):
    """Previews and the last image of a generator with random noise."""
    latents, once = begun(3), chained(job(), begun(3), 1)
    same = [one.rng(0, "decode").normal(5, like=one.values) for one in (latents, once)]
    assert torch.equal(*same)
    other = [one.rng(0, "refine").normal(5, like=one.values) for one in (latents, once)]
    assert not torch.equal(*other)


def test_a_choice_after_a_run_is_by_fresh_draws(toys, job, begun):
    generator = toys.generator()

    def order(latents):
        found = ranked(
            latents,
            generator,
            Energy.of(Term("any", generator.source, lambda v, rng: rng.normal(1, like=v)[:, 0])),
            seed=0,
            keep=20,
            chunking=ALL_AT_ONCE,
            device=toys.cpu,
        )
        return found.rows

    assert order(begun(20)) == order(begun(20))
    assert order(begun(20)) != order(chained(job(), begun(20), 1))


def test_a_second_composition_draws_afresh_and_both_halves_remember(toys):
    generator = toys.generator()
    count = 30
    job = CompositionJob(
        generator=generator,
        energy=Energy.of(
            Term(
                "noise",
                IMAGES,
                lambda x, rng: (rng.normal(*x.shape[1:], like=x) * x).sum((1, 2, 3)),
            )
        ),
        features=None,
        steps=1,
        seed=3,
        chunking=Chunking(8, padded=True),
        device=toys.cpu,
        placements=placements([0.5])[:1],
        rule=Descent(step_size=1.0),
    )
    front = toys.latents(generator, torch.zeros(count, DIM))
    back = toys.latents(generator, torch.zeros(count, DIM))
    first = Composer(job, front, back).run()
    assert first.foreground.history == first.background.history == (1,) * count
    # From the same points, with the history of the first alone.
    aged = [replace(one, history=(1,) * count) for one in (front, back)]
    second = Composer(job, *aged).run()
    assert second.foreground.history == (2,) * count
    assert not torch.allclose(first.background.values, second.background.values)
    assert abs(correlation(first.background.values, second.background.values)) < 0.5
    older = Composer(job, replace(front, history=(4,) * count), back)
    assert older.start.history == (4,) * count
