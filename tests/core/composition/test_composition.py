"""Composed generation: runs, their streams, the choice, and resumption."""

from dataclasses import replace

import pytest
import torch
from latentsteer.core.charts import MixtureOfBasis
from latentsteer.core.composition.compose import Composer, CompositionJob
from latentsteer.core.composition.placement import placements
from latentsteer.core.energies.classification import classification
from latentsteer.core.energy import Energy
from latentsteer.core.errors import (
    ConditionMismatch,
    GeneratorMismatch,
    InvalidInput,
    ResumeMismatch,
)
from latentsteer.core.latent_files import load_latents, save_latents
from latentsteer.core.refine.barrier import Barrier
from latentsteer.core.rng import SampleRng
from latentsteer.core.snapshot import lowest
from latentsteer.core.spaces import IMAGES
from latentsteer.core.terms import Term

from .compositions import STEPS


def noise():
    """An energy of random draws alone, independent of the image."""
    return Energy.of(
        Term("noise", IMAGES, lambda x, rng: rng.normal(1, like=x)[:, 0] + 0 * x.sum((1, 2, 3)))
    )


def test_what_comes_of_it_fits_together(given):
    job, front, back = given(blend="none")
    composer = Composer(job, front, back)
    found = composer.run()
    assert found.energies.shape == (2, 9)
    assert found.all_images.shape == (18, 3, 8, 8)
    assert found.placements == tuple(job.placements[n] for n in found.best.tolist())
    assert torch.equal(found.best, found.energies.argmin(dim=1))
    assert found.secondary.shape == (STEPS, 18)
    assert found.falls.shape == (2, 9)
    for row, placement in enumerate(found.placements):
        box = placement.box((8, 8))
        assert torch.equal(found.masks[row], box.mask((8, 8)))
        own = found.all_images.unflatten(0, (2, 9))[row, int(found.best[row])]
        assert torch.equal(found.images[row], own)
    rng = SampleRng.of(0, 2)
    behind = job.generator(found.background.values, rng)
    outside = ~found.masks[:, None].expand_as(behind)
    assert torch.allclose(found.images[outside], behind[outside], atol=1e-6)
    assert found.foreground.samples == front.samples
    assert found.foreground.generator == found.background.generator == job.generator.id


def test_runs_of_a_sample_share_their_start_and_have_their_own_streams(given):
    job, front, back = given()
    start = Composer(job, front, back).start
    assert len(set(start.samples)) == len(start) == 18
    both = torch.cat([front.values, back.values], dim=1)
    assert torch.equal(start.values.unflatten(0, (2, 9)), both[:, None].expand(2, 9, -1))


@pytest.mark.bits
@pytest.mark.parametrize("what", [{}, {"energy": noise()}])
def test_a_batch_equals_its_members(what, given):
    """Bit for bit, independent of other placements."""
    job, front, back = given(3, **what)
    whole = Composer(job, front, back).run()
    changes = {"energy": whole_of(job, 1)} if not what else {}
    one = Composer(replace(job, **changes), front.picked((1,)), back.picked((1,))).run()
    assert torch.equal(one.images[0], whole.images[1])
    assert torch.equal(one.energies[0], whole.energies[1])
    assert torch.equal(one.trace.energies, whole.trace.energies[:, 9:18])
    alone = Composer(replace(job, placements=placements([0.5], "centre")), front, back).run()
    number = [str(placement) for placement in job.placements].index("0.5 centre")
    assert torch.equal(alone.all_images, whole.all_images[number::9])
    assert torch.equal(alone.energies[:, 0], whole.energies[:, number])
    assert torch.equal(alone.trace.energies, whole.trace.energies[:, number::9])


def whole_of(job, row):
    """Returns the energy of the job with the condition's row of one sample."""
    ((weight, term),) = job.energy.terms
    condition = replace(
        term.condition,
        embedding=term.condition.embedding[row : row + 1],
        labels=term.condition.labels[row : row + 1],
    )
    seen = lambda x, rng: term.evaluate(x, SampleRng(rng.streams, [row] * len(rng)))  # noqa: E731
    return Energy(((weight, replace(term, condition=condition, evaluate=seen)),))


@pytest.mark.bits
def test_the_placements_of_a_sample_are_judged_by_the_same_draws(composed):
    energies = composed(energy=noise()).energies
    assert torch.equal(energies, energies[:, :1].expand_as(energies))
    assert float(energies[0, 0]) != float(energies[1, 0])


def test_a_condition_s_rows_go_to_their_samples(given, toys):
    job, front, back = given(3, wanted="abc", steps=1)
    found = Composer(job, front, back).run()
    classifier = toys.classifier()
    for row, name in enumerate("abc"):
        images = found.all_images.unflatten(0, (3, 9))[row]
        energy = classification(classifier, classifier.condition([name]))
        assert torch.allclose(energy(images, SampleRng.of(0, 9)), found.energies[row], atol=1e-5)


@pytest.mark.parametrize("weights", ["scalar", "linear"])
def test_bases_go_in_and_come_out(weights, given, toys):
    job, front, back = given()
    chart = MixtureOfBasis(job.generator.source, 3, ("z",), weights)
    basis = {"z": toys.normal(2, 3, 12)}
    values = chart.start(basis, torch.full((2, 3), 1 / 3), {})
    over = replace(front, values=values, chart=chart)
    found = Composer(job, over, back).run()
    assert found.foreground.chart == chart
    assert found.foreground.values.shape == values.shape
    moved = (found.foreground.values - values).abs() > 0
    assert bool(moved.all())
    assert found.background.chart == back.chart


@pytest.mark.bits
@pytest.mark.parametrize("stop", [1, STEPS])
def test_an_interrupted_composition_goes_on_to_the_same_bits(stop, given, tmp_path):
    job, front, back = given(energy=noise() + given()[0].energy)
    whole = Composer(job, front, back).run()
    kept = []

    def on_step(snapshot):
        if snapshot.state.step == stop:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Composer(job, front, back).run(on_step=on_step, on_stop=kept.append)
    save_latents(tmp_path / "kept.safetensors", kept[0])
    loaded = load_latents(tmp_path / "kept.safetensors")
    again = Composer(job, front, back).run(loaded)
    assert torch.equal(again.images, whole.images)
    assert torch.equal(again.trace.energies, whole.trace.energies)
    assert torch.equal(again.secondary, whole.secondary[stop:])
    with pytest.raises(ResumeMismatch, match="method"):
        Composer(replace(job, weighing=Barrier("linear")), front, back).run(loaded)
    with pytest.raises(GeneratorMismatch, match="composition of toy"):
        Composer(replace(job, placements=placements([0.4], "centre")), front, back).run(loaded)
    other = [replace(half, samples=(5, 6)) for half in (front, back)]
    with pytest.raises(InvalidInput, match="not the 18 runs of these samples"):
        Composer(job, *other).run(loaded)


def test_another_generator_s_latents(given):
    job, front, back = given()
    stranger = replace(back, generator="0123456789abcdef", generator_name="another")
    with pytest.raises(GeneratorMismatch, match=r"'toy' \(toy-generato\), the background of"):
        Composer(job, front, stranger)
    with pytest.raises(GeneratorMismatch, match="The latents are of generator 'another'"):
        Composer(job, stranger, back)


def test_different_numbers_of_samples(given):
    job, front, back = given()
    with pytest.raises(InvalidInput, match="2 foregrounds and 1 backgrounds; expected equal"):
        Composer(job, front, back.picked((0,)))


def test_a_condition_of_other_rows(given):
    job, front, back = given(3)
    with pytest.raises(ConditionMismatch, match="3 rows and the batch 2 samples"):
        Composer(job, front.picked((0, 1)), back.picked((0, 1)))


def test_energies_that_cannot_be_composed(given):
    job, front, back = given()
    ((_, term),) = job.energy.terms
    coupled = Energy.of(replace(term, coupled=True))
    with pytest.raises(InvalidInput, match="each placement of each sample is a separate run"):
        Composer(replace(job, energy=coupled), front, back)
    with pytest.raises(InvalidInput, match="has no term"):
        Composer(replace(job, energy=Energy(())), front, back)


def test_no_steps(given):
    with pytest.raises(InvalidInput, match="0 steps"):
        Composer(*given(steps=0)).run()


def test_what_is_no_number_is_never_the_best():
    energies = torch.tensor([[torch.nan, 2.0, 1.0], [torch.inf, torch.nan, 3.0]])
    assert lowest(energies, 1)[:, 0].tolist() == [2, 2]


def test_the_paper_s_placements_are_those_by_default(given):
    job, _, _ = given()
    settings = {name: getattr(job, name) for name in ("generator", "energy", "features", "steps")}
    rest = {name: getattr(job, name) for name in ("seed", "chunking", "device")}
    assert CompositionJob(**settings, **rest).placements == placements()
    assert CompositionJob(**settings, **rest).weighing == Barrier("bi-level", beta=1.0, unit=1.0)
