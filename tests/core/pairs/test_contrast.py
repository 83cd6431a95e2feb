"""Contrast directions against closed forms: Gaussian latents that f sees linearly."""

from dataclasses import replace

import pytest
import torch
from latentsteer.core.condition import Condition
from latentsteer.core.energies.example import toy_classifier, toy_clip
from latentsteer.core.errors import ConditionMismatch, GeneratorMismatch, InvalidInput
from latentsteer.core.pairs.contrast import contrast_of, sharpness
from latentsteer.core.pairs.directions import contrast_direction, overlap_with_all
from latentsteer.core.pairs.pairs import Pairs
from latentsteer.core.spaces import Block, Space
from torch.nn import functional

from .toy import normal, of_space

COUNT = 40_000
Z = Space((Block("z", (4,)),))
WITH_CLASS = Space((Block("y", (1,), role="class"), Block("z", (4,))))


def generator(space=Z):
    return of_space(space)


def one_hot(*classes, of=3, auxiliary="f"):
    rows = torch.eye(of)[list(classes)]
    return Condition(rows, tuple(f"class {c}" for c in classes), auxiliary, "toy f")


MIX = normal(4, 4, seed=1) * torch.tensor([3.0, 1.0, 0.5, 0.1])
GAIN = 0.7 * normal(3, 4, seed=2)


def linear(count=COUNT, gain=GAIN, classes=3):
    """Latents N(0, MIX MIX^T) whose class probabilities are softmax(gain z)."""
    z = normal(count, 4) @ MIX.T
    return Pairs(z, (z @ gain.T).softmax(dim=1), "g", "f")


def test_the_direction_is_the_covariance_times_the_gradient_of_f():
    pairs = linear()
    found = contrast_direction(pairs, generator(), one_hot(1), one_hot(0), scale=1.0)
    expected = functional.normalize(MIX @ MIX.T @ (GAIN[1] - GAIN[0]), dim=0)
    # The error of a mean of 40,000 is about 1 / 200 of a standard deviation on either side.
    assert float(found.vector @ expected) > 0.999
    assert float(found.vector.norm()) == pytest.approx(1, abs=1e-6)
    deviation = float((MIX.T @ expected).norm())
    assert found.unit == pytest.approx(deviation, rel=0.03)


def test_the_weights_are_the_softmax_of_f_and_the_distance_is_of_the_means():
    pairs = linear(500)
    found = contrast_direction(pairs, generator(), one_hot(1), one_hot(0, 2), scale=2.0)
    z, c = pairs.latents.double(), pairs.conditions.double()
    p = c[:, 1].square() / c.square().sum(dim=1)
    difference = (p @ z) / p.sum() - ((1 - p) @ z) / (1 - p).sum()
    torch.testing.assert_close(found.vector.double(), difference / difference.norm())
    assert found.unit == pytest.approx(float((z @ found.vector.double()).std()), rel=1e-6)
    assert found.distance == pytest.approx(float(difference.norm()) / found.unit, rel=1e-6)
    shares = torch.stack([p / p.sum(), (1 - p) / (1 - p).sum()])
    assert found.overlap == pytest.approx(float(shares.amin(dim=0).sum()), rel=1e-9)
    assert found.effective == pytest.approx((1 / shares.square().sum(dim=1)).tolist(), rel=1e-9)


def test_alternatives_of_the_wanted_add_their_probabilities():
    pairs = linear(300)
    both = contrast_of(pairs, one_hot(0, 1), one_hot(2), scale=1.0).probability(pairs.conditions)
    torch.testing.assert_close(both, 1 - pairs.conditions[:, 2].double(), rtol=1e-5, atol=1e-7)


def test_without_other_texts_the_contrast_is_with_the_average_pair():
    pairs = linear(300)
    p = contrast_of(pairs, one_hot(1), scale=1.0).probability(pairs.conditions)
    share = pairs.conditions[:, 1].double()
    torch.testing.assert_close(p, share / (share + share.mean()), rtol=1e-5, atol=1e-7)


def test_away_from_a_text_are_the_usual_pairs_that_do_not_show_it():
    pairs = linear(2000)
    away = contrast_direction(pairs, generator(), one_hot(1), away=True, scale=1.0)
    share = pairs.conditions[:, 1].double()
    logit = (share / share.mean()).log()
    usual, weights = away.contrast.usual, (-logit).sigmoid()
    below = float(weights[logit <= usual].sum() / weights.sum())
    assert below == pytest.approx(0.5, abs=1e-3)
    terms = torch.stack([torch.zeros_like(logit), logit, 2 * usual - logit]).exp()
    kinds = (terms / terms.sum(dim=0)).T
    torch.testing.assert_close(away.contrast.shares(pairs.conditions), kinds)
    p = away.contrast.probability(pairs.conditions)
    expected = kinds[:, 0] * (1 + 2 * torch.tensor(usual).double().exp())
    torch.testing.assert_close(p, expected)
    assert float(p.max()) == pytest.approx(1, abs=1e-3)
    z = pairs.latents.double()
    means = [weight @ z / weight.sum() for weight in (p, kinds[:, 1])]
    torch.testing.assert_close(
        away.vector.double(), functional.normalize(means[0] - means[1], dim=0)
    )
    assert str(away.contrast) == "all - class 1"
    for others in ({"instead": one_hot(0)}, {"context": one_hot(0)}):
        with pytest.raises(InvalidInput, match="Away from a text"):
            contrast_direction(pairs, generator(), one_hot(1), away=True, scale=1.0, **others)


def test_what_is_most_unlike_a_text_is_not_away_from_it():
    """A sixth shows glasses, a sixth sunglasses, whose score for glasses is the lowest."""
    z = 0.1 * normal(6000, 4)
    kind = torch.arange(6000) % 6
    score = torch.where(kind == 0, 0.9, torch.where(kind == 1, -0.9, 0.0))
    z[:, 0] += kind == 0
    z[:, 1] += kind == 1
    shown = torch.stack([score, (1 - score.square()).sqrt()], dim=1)
    glasses = Condition(torch.tensor([[2.0, 0.0]]), ("glasses",), "f", "toy f")
    found = contrast_direction(
        Pairs(z, shown, "g", "f"), generator(), glasses, away=True, scale=10.0, keep=1.0
    )
    # The mean of all others has a fifth of sunglasses.
    assert float(found.vector[0]) < -0.97
    assert abs(float(found.vector[1])) < 0.06
    p = found.contrast.probability(shown)
    # A text that a sixth shows has the odds 6 there.
    for number, (least, most) in enumerate(((0.0, 0.15), (0.0, 0.15), (0.99, 1.0))):
        own = p[kind == number]
        assert own.min() >= least
        assert own.max() <= most + 1e-9
    # From glasses to a bare face, and from sunglasses too.
    for number in (0, 1):
        move = found.goals[0].towards(torch.zeros(2), shown[number])
        assert float(move[number] / move.norm()) < -0.95


def test_the_attainable_probability_is_that_of_the_surest_quarter_of_what_shows_it():
    pairs = linear(2000)
    found = contrast_direction(pairs, generator(), one_hot(1), one_hot(0), scale=1.0)
    p = found.contrast.probability(pairs.conditions)
    above = p[p >= found.attainable].sum() / p.sum()
    assert float(above) == pytest.approx(0.25, abs=2e-3)


def test_the_overlap_with_all_tells_what_some_pairs_show():
    shown = torch.zeros(100, 2)
    shown[:30, 0], shown[30:, 1] = 1.0, 1.0
    pairs = Pairs(normal(100, 4), shown, "g", "f")
    some, none = (
        Condition(torch.tensor([row]), ("t",), "f", "f") for row in ((1.0, -1.0), (1e-3, 1e-3))
    )
    assert overlap_with_all(pairs, some, scale=200.0) < 0.1
    assert overlap_with_all(pairs, none, scale=1.0) == pytest.approx(1, abs=1e-6)


def test_a_context_excludes_what_does_not_show_it_and_leads_there():
    """A third of all shows hats, whose colour is the first coordinate; else hair has a colour."""
    z = normal(20_000, 4)
    hat, red = z[:, 2] > 0.43, torch.where(z[:, 2] > 0.43, z[:, 0], z[:, 1]) > 0
    shown = torch.stack([red * 2.0 - 1, hat * 2.0 - 1, torch.full((20_000,), 0.1)], dim=1)
    pairs = Pairs(z, shown, "g", "f")
    red_one, blue_one, a_hat = (
        Condition(torch.tensor([row]), (name,), "f", "toy f")
        for row, name in (
            ((2.0, 0.0, 0.0), "red"),
            ((-2.0, 0.0, 0.0), "blue"),
            ((0.0, 2.0, 0.0), "hat"),
        )
    )
    texts = (generator(), red_one, blue_one)
    plain = contrast_direction(pairs, *texts, scale=8.0)
    # Mean difference of colours: a third by the first coordinate, two thirds by the second.
    expected = functional.normalize(torch.tensor([1 / 3, 2 / 3, 0, 0]), dim=0)
    assert float(plain.vector @ expected) > 0.99
    within = contrast_direction(pairs, *texts, context=a_hat, scale=8.0)
    means = z[hat & red].mean(dim=0) - z[~(hat & red)].mean(dim=0)
    assert float(within.vector @ functional.normalize(means, dim=0)) > 0.99
    # It leads to the context too, and the colour of hair stays nearly as it is.
    assert within.vector[2] > 0.6
    assert within.vector[0] > 0.5
    assert abs(float(within.vector[1])) < 0.2
    assert str(within.contrast) == "red - blue, within hat"


def test_classes_stay_and_continuous_blocks_move():
    z = normal(3000, 5)
    pairs = Pairs(z, (z @ normal(5, 3, seed=4)).softmax(dim=1), "g", "f")
    found = contrast_direction(pairs, generator(WITH_CLASS), one_hot(1), one_hot(0), scale=1.0)
    assert found.vector[0] == 0
    assert float(found.vector[1:].norm()) == pytest.approx(1, abs=1e-6)
    only = Space((Block("y", (4,), role="class"), Block("c", (1,), 0, 1, shares=True)))
    with pytest.raises(InvalidInput, match="no continuous latents"):
        contrast_direction(pairs, generator(only), one_hot(1), one_hot(0), scale=1.0)


def test_texts_that_f_does_not_distinguish_are_refused():
    pairs = linear(4000, torch.cat([GAIN[:1], GAIN[:1] + 1e-3, GAIN[2:]]))
    with pytest.raises(
        InvalidInput, match=r"cannot distinguish the texts class 1 - class 0: overlap 1\.00, eff"
    ):
        contrast_direction(pairs, generator(), one_hot(1), one_hot(0), scale=1.0)


def test_a_difference_that_the_latents_do_not_show_is_refused():
    pairs = replace(linear(4000), latents=normal(4000, 4, seed=9))
    with pytest.raises(InvalidInput, match=r"not differ more than by chance \([01]\.\d\d times"):
        contrast_direction(pairs, generator(), one_hot(1), one_hot(0), scale=1.0)


def test_texts_that_few_pairs_show_are_refused():
    conditions = torch.tensor([[0.999, 0.001]]).repeat(2000, 1)
    conditions[:3] = torch.tensor([[1e-6, 1 - 1e-6]])
    pairs = Pairs(normal(2000, 4), conditions, "g", "f")
    with pytest.raises(InvalidInput, match=r"Too few pairs show .* effective numbers of pairs 3"):
        contrast_direction(pairs, generator(), one_hot(1, of=2), one_hot(0, of=2), scale=2.0)


def test_unusable_pairs_do_not_count():
    pairs = linear(1000)
    conditions = torch.cat([pairs.conditions, torch.full((5, 3), float("nan"))])
    spoilt = Pairs(torch.cat([pairs.latents, torch.zeros(5, 4)]), conditions, "g", "f")
    texts = (generator(), one_hot(1), one_hot(0))
    found, expected = (contrast_direction(one, *texts, scale=1.0) for one in (spoilt, pairs))
    torch.testing.assert_close(found.vector, expected.vector)
    conditions[:20] = float("nan")
    with pytest.raises(InvalidInput, match="25 of 1005 pairs"):
        contrast_direction(replace(spoilt, conditions=conditions), *texts, scale=1.0)


def test_what_does_not_fit_is_refused():
    pairs, texts = linear(100), (one_hot(1), one_hot(0))
    with pytest.raises(GeneratorMismatch, match="of another generator"):
        contrast_direction(replace(pairs, generator="h"), generator(), *texts, scale=1.0)
    with pytest.raises(ConditionMismatch, match="of another auxiliary"):
        contrast_direction(replace(pairs, auxiliary="h"), generator(), *texts, scale=1.0)
    other = replace(one_hot(0, auxiliary="h"), auxiliary_name="toy f")
    with pytest.raises(ConditionMismatch, match="made by 'toy f'"):
        contrast_direction(pairs, generator(), one_hot(1), other, scale=1.0)
    vague = replace(one_hot(0), embedding=torch.tensor([[1.0, -1.0, 0.0]]))
    with pytest.raises(InvalidInput, match="One of the conditions"):
        contrast_direction(pairs, generator(), one_hot(1), vague, scale=1.0)
    empty = replace(pairs, latents=pairs.latents[:0], conditions=pairs.conditions[:0])
    with pytest.raises(InvalidInput, match="There are no pairs"):
        contrast_direction(empty, generator(), *texts, scale=1.0)
    with pytest.raises(InvalidInput, match="A scale of 0"):
        contrast_direction(pairs, generator(), *texts, scale=0.0)


def test_the_scale_is_that_of_the_auxiliarys_training():
    assert sharpness(replace(toy_clip(), logit_scale=30.0)) == 30
    assert sharpness(toy_clip()) == 100
    assert sharpness(toy_classifier()) == 1
