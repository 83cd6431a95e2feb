"""Moves along a direction: strengths against the analytic threshold, alone and in a batch."""

from dataclasses import replace

import pytest
import torch
from latentsteer.core.auxiliary import Classifier
from latentsteer.core.charts import MixtureOfBasis, Start
from latentsteer.core.chunking import Chunking
from latentsteer.core.condition import Condition
from latentsteer.core.errors import ConditionMismatch, GeneratorMismatch, InvalidInput
from latentsteer.core.generator import Gaussian, Generator
from latentsteer.core.identity import ModelId
from latentsteer.core.latents import Latents
from latentsteer.core.pairs.contrast import Contrast
from latentsteer.core.pairs.directions import LatentDirection
from latentsteer.core.pairs.moving import moved_along, moved_until
from latentsteer.core.pairs.search import MoveSearch
from latentsteer.core.rng import SampleRng
from latentsteer.core.spaces import Block, Identity, Space
from torch import nn

CPU = torch.device("cpu")
CHUNKS = Chunking(4, padded=True)
SPACE = Space((Block("z", (3,), -50.0, 50.0),))
VECTOR, UNIT = torch.tensor([0.6, 0.8, 0.0]), 0.5
GAIN = torch.tensor([2.0, -0.5, 1.0])
SLOPE = UNIT * float(VECTOR @ GAIN)
"""Growth of the log odds with the strength."""


def generator(space=SPACE, model="g", noise=0.0):
    def render(parts, rng):
        z = parts["z"]
        z = z + noise * rng.normal(3, like=z) if noise else z
        return z[:, :, None, None]

    return Generator("toy", model, "toy", nn.Identity(), space, Gaussian(3), (1, 1), render)


def classifier(curve=lambda odds: odds):
    def logits(images):
        odds = curve(images[:, :, 0, 0] @ GAIN)
        return torch.stack([torch.zeros_like(odds), odds], dim=1)

    return Classifier("toy f", "f", nn.Identity(), ("no", "yes"), logits, logits)


def contrast(auxiliary="f"):
    no, yes = (
        Condition(torch.eye(2)[[row]], (name,), auxiliary, "toy f")
        for row, name in enumerate(("no", "yes"))
    )
    return Contrast(yes, no, 1.0)


def direction(**changes):
    fields = {
        "vector": VECTOR,
        "unit": UNIT,
        "distance": 1.0,
        "overlap": 0.5,
        "effective": (10.0, 10.0),
        "contrast": contrast(),
        "space": SPACE,
        "generator": "g",
        "generator_name": "toy",
    }
    return LatentDirection(**fields | changes)


def points(count, seed=0):
    values = torch.randn(count, 3, generator=torch.Generator().manual_seed(seed))
    return Latents.of(Start(values, Identity(SPACE)), generator())


def searched(latents, *, model=None, aux=None, along=None, **changes):
    search = MoveSearch(**{"most": 8.0, "grid": 8, "bisections": 12, "certainty": 0.8} | changes)
    return moved_until(
        latents,
        along or direction(),
        model or generator(),
        aux or classifier(),
        search=search,
        chunking=CHUNKS,
        device=CPU,
    )


def test_the_smallest_strength_is_the_analytic_threshold():
    latents = points(20)
    moved = searched(latents)
    needed = torch.tensor(0.8).logit() - latents.values @ GAIN
    expected = (needed / SLOPE).clamp_min(0).double()
    assert (expected == 0).any()
    inside = expected <= 8
    assert inside.sum() > 10
    precision = 8 / 8 / 2**12
    # Never below the threshold (up to rounding), and above by at most the last interval.
    excess = (moved.strengths - expected)[inside]
    assert excess.min() > -1e-5
    assert excess.max() < precision + 1e-5
    assert torch.equal(moved.reached, inside)
    assert (moved.probability[inside] >= 0.8).all()
    shift = moved.strengths.float()[:, None] * UNIT * VECTOR
    torch.testing.assert_close(moved.latents.values, latents.values + shift)


def test_samples_that_do_not_reach_it_stay_at_the_largest_strength():
    latents = points(12)
    moved = searched(latents, most=1.0)
    missed = ~moved.reached
    assert missed.any()
    assert moved.reached.any()
    assert (moved.strengths[missed] == 1).all()
    assert (moved.probability[missed] < 0.8).all()
    lines = moved.summary().splitlines()
    assert [line.endswith("not reached") for line in lines] == missed.tolist()


def test_a_move_goes_on_beyond_the_smallest_and_stays_within_the_bounds():
    latents = points(20)
    least, further = searched(latents), searched(latents, beyond=1.5)
    moves = [one.latents.values - latents.values for one in (least, further)]
    torch.testing.assert_close(moves[1], 1.5 * moves[0])
    torch.testing.assert_close(further.strengths, 1.5 * least.strengths)
    still = least.strengths == 0
    assert still.any()
    assert torch.equal(further.latents.values[still], latents.values[still])
    assert float(searched(latents, beyond=1e6).latents.values.abs().max()) <= 50
    with pytest.raises(InvalidInput, match="0 times the smallest move"):
        MoveSearch(beyond=0.0)


def test_a_checked_move_goes_beyond_only_where_the_wanted_is_still_shown():
    """f sees the wanted between strengths 2.5 and 3, and from 6 on."""

    def curve(odds):
        s = odds / SLOPE
        return torch.where(((s > 2.5) & (s < 3)) | (s > 6), 9.0, -9.0)

    begin = -torch.tensor([[0.0], [3.6]]) * SLOPE * GAIN / GAIN.square().sum()
    latents = Latents.of(Start(begin, Identity(SPACE)), generator())
    own = {"aux": classifier(curve), "most": 9.0, "grid": 18}
    least = searched(latents, **own)
    assert least.strengths.tolist() == pytest.approx([2.5, 6.1], abs=1e-2)
    # 1.25 times: 3.125 is lost, and 7.625 - 3.6 as well; 1.15 times: 2.875 is shown.
    for beyond, factors in ((1.25, (1.0, 1.0)), (1.15, (1.15, 1.0)), (0.5, (0.5, 0.5))):
        moved = searched(latents, beyond=beyond, checked=True, **own)
        expected = least.strengths * torch.tensor(factors, dtype=torch.float64)
        torch.testing.assert_close(moved.strengths, expected)
        shift = expected.float()[:, None] * UNIT * VECTOR
        torch.testing.assert_close(moved.latents.values, begin + shift)
        assert moved.reached.all()


def test_a_checked_end_is_looked_at_as_drawn_again_from_its_image():
    """The encoder shrinks latents, and with them the log odds."""
    latents = points(20)
    shrinking = replace(generator(), encode=lambda images: 0.9 * images[:, :, 0, 0])
    moved = searched(latents, model=shrinking, beyond=1.25, checked=True)
    odds, needed = latents.values @ GAIN, torch.tensor(0.8).logit()
    far = torch.where(odds < needed, odds + 1.25 * (needed - odds), odds)
    expected = (0.9 * far).sigmoid().double()
    there = searched(latents).reached
    torch.testing.assert_close(moved.probability[there], expected[there], rtol=1e-3, atol=1e-3)
    assert torch.equal(moved.reached, moved.probability >= 0.8)
    assert 0 < int(moved.reached.sum()) < 20


def test_a_checked_search_asks_for_no_more_than_pairs_attain():
    latents = points(8)
    for attainable, certainty in ((0.6, 0.6), (0.3, 0.5), (0.99, 0.8)):
        along = direction(attainable=attainable)
        assert torch.equal(
            searched(latents, along=along, checked=True).latents.values,
            searched(latents, certainty=certainty, checked=True).latents.values,
        )
        plain = searched(latents, along=along)
        assert torch.equal(plain.latents.values, searched(latents).latents.values)


def test_what_shows_the_wanted_already_stays_to_the_bit():
    latents = points(30)
    moved = searched(latents)
    there = latents.values @ GAIN > 1.5
    assert there.any()
    assert torch.equal(moved.latents.values[there], latents.values[there])
    assert (moved.strengths[there] == 0).all()


@pytest.mark.bits
def test_a_sample_is_moved_alone_as_in_a_batch():
    latents, noisy = points(9), generator(noise=0.3)
    together = searched(latents, model=noisy)
    for row in range(9):
        alone = searched(latents.picked((row,)), model=noisy)
        assert torch.equal(alone.strengths[0], together.strengths[row])
        assert torch.equal(alone.latents.values[0], together.latents.values[row])


def test_the_first_interval_that_reaches_it_is_taken():
    """f sees the wanted between strengths 2.5 and 3.5, and from 6.2 on."""

    def curve(odds):
        s = odds / SLOPE
        return torch.where(((s > 2.5) & (s < 3.5)) | (s > 6.2), 9.0, -9.0)

    latents = Latents.of(Start(torch.zeros(1, 3), Identity(SPACE)), generator())
    moved = searched(latents, aux=classifier(curve))
    assert 2.5 < float(moved.strengths) < 2.5 + 1 / 2**12 + 1e-6


def test_one_strength_moves_all_within_the_bounds():
    latents = points(5)
    moved = moved_along(latents, direction(), -2.0)
    torch.testing.assert_close(moved.values, latents.values - 2 * UNIT * VECTOR)
    assert moved.samples == latents.samples
    far = moved_along(latents, direction(), 1000.0)
    assert (far.values[:, :2] == 50).all()
    assert torch.equal(far.values[:, 2], latents.values[:, 2])
    assert torch.equal(moved_along(latents, direction(), 0.0).values, latents.values)


def test_latents_in_a_basis_are_written_plainly():
    chart = MixtureOfBasis(SPACE, 2, ("z",), "scalar")
    basis = torch.randn(1, 2, 3, generator=torch.Generator().manual_seed(3))
    start = Start(chart.start({"z": basis}, torch.full((1, 2), 0.5), {}), chart)
    moved = moved_along(Latents.of(start, generator()), direction(), 1.0)
    assert moved.chart == Identity(SPACE)
    torch.testing.assert_close(moved.values, basis.mean(dim=1) + UNIT * VECTOR)


def test_progress_counts_rounds():
    search = MoveSearch(most=1.0, grid=3, bisections=2)
    rounds = []
    moved_until(
        points(4),
        direction(),
        generator(),
        classifier(),
        search=search,
        chunking=CHUNKS,
        device=CPU,
        report=rounds.append,
    )
    assert rounds == list(range(1, len(rounds) + 1))
    assert len(rounds) <= search.evaluations(direction()) == 6


def test_images_that_f_cannot_see_do_not_reach_it():
    nothing = classifier(lambda odds: odds * float("nan"))
    moved = searched(points(2), aux=nothing)
    assert not moved.reached.any()
    assert (moved.probability == 0).all()


def test_what_does_not_fit_is_refused():
    latents = points(2)
    with pytest.raises(GeneratorMismatch, match="direction is of generator 'toy'"):
        moved_along(latents, direction(generator="h"), 1.0)
    start = Start(latents.values, Identity(SPACE))
    own = Latents.of(start, generator(model=ModelId("g", {"psi": 1.0})))
    other = direction(generator=ModelId("g", {"psi": 0.5}))
    with pytest.raises(GeneratorMismatch, match="psi"):
        moved_along(own, other, 1.0)
    with pytest.raises(GeneratorMismatch, match=r"points of z\[3\], the direction of w\[3\]"):
        moved_along(latents, direction(space=Space((Block("w", (3,)),))), 1.0)
    with pytest.raises(GeneratorMismatch, match="latents are of generator"):
        searched(latents, model=generator(model="h"))
    with pytest.raises(ConditionMismatch, match="made by 'toy f'"):
        searched(latents, along=direction(contrast=contrast("another")))
    with pytest.raises(InvalidInput, match="strength of nan"):
        moved_along(latents, direction(), float("nan"))
    for wrong in ({"most": 0.0}, {"grid": 0}, {"bisections": -1}):
        with pytest.raises(InvalidInput, match="Largest strength"):
            MoveSearch(**wrong)
    with pytest.raises(InvalidInput, match="certainty of 1"):
        MoveSearch(certainty=1.0)


def test_the_streams_of_an_evaluation_are_those_of_the_decoded_image():
    """With random noise the image whose probability is reported is the one that Decode shows."""
    latents, noisy = points(5), generator(noise=0.5)
    moved = searched(latents, model=noisy)
    images = noisy(moved.latents.values, moved.latents.rng(0, "decode"))
    shown = classifier().embed(images)[:, 1].double()
    torch.testing.assert_close(moved.probability, shown, rtol=1e-4, atol=1e-5)
    other = classifier().embed(noisy(moved.latents.values, SampleRng.of(9, 5)))[:, 1]
    assert not torch.allclose(other.double(), shown, atol=1e-3)
