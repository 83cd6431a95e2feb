"""Few-shot conditions from words over pairs."""

import pytest
import torch
from latentsteer.core.condition import Condition
from latentsteer.core.d2c.words import from_words
from latentsteer.core.errors import ConditionMismatch, GeneratorMismatch, InvalidInput
from latentsteer.core.pairs.pairs import Pairs

from .mixtures import generator, normal

TOY = generator(3)
TEXTS = torch.eye(2)


def row(number, label, auxiliary="f"):
    return Condition(TEXTS[number][None], (label,), auxiliary, auxiliary)


def pairs(count=1500, level=1.0, **changes):
    """Pairs whose condition is nearer to text 0 where z_0 > level."""
    z = normal(count, 3, seed=1).float()
    angle = torch.pi / 4 - 0.3 * (z[:, 0] - level)
    conditions = torch.stack([angle.cos(), angle.sin()], dim=1)
    return Pairs(z, **{"conditions": conditions, "generator": TOY.id, "auxiliary": "f", **changes})


def worded(made, wanted=0, against=1, **settings):
    texts = ("hat", "hair")
    other = None if against is None else row(against, texts[against])
    settings = {"scale": 10.0, "ridge": 1e-3, **settings}
    return from_words(made, row(wanted, texts[wanted]), other, TOY, **settings)


def test_pairs_nearer_to_the_wanted_text_are_the_positives():
    made = worded(pairs())
    z = normal(2000, 3, seed=2).float()
    assert ((made.probability(z) > 0.5) == (z[:, 0] > 1)).float().mean() > 0.97
    assert made.vector()[0] > 0.99
    # P(N(0, 1) > 1)
    assert made.share == pytest.approx(0.1587, abs=0.03)
    assert (made.classes, made.kind) == (("hair", "hat"), "words")


def test_fewer_pairs_balance_the_sides_and_keep_the_share_of_all():
    made = worded(pairs(), most=200)
    assert made.figures["labels"] == 200
    assert made.fitted_shares == (0.5, 0.5)
    assert made.share == worded(pairs()).share
    z = normal(2000, 3, seed=2).float()
    assert float(made.probability(z).mean()) == pytest.approx(0.1587, abs=0.04)


def test_unclear_pairs_are_left_out():
    """Half of the labels near the boundary are wrong; without them they have no effect."""
    made = pairs()
    z = made.latents[:, 0]
    # There the probability of the wanted lies between 0.23 and 0.77.
    wrong = ((z - 1).abs() < 0.2) & (torch.arange(len(z)) % 2 == 0)
    noisy = pairs(conditions=torch.where(wrong[:, None], made.conditions.flip(1), made.conditions))
    sure, every = worded(noisy, sure=0.8), worded(noisy, sure=0.5)
    assert torch.equal(sure.weight, worded(made, sure=0.8).weight)
    assert sure.share == every.share
    ends = torch.tensor([[0.5, 0.0, 0.0], [1.5, 0.0, 0.0]])
    assert every.logit(ends).diff() < worded(made, sure=0.5).logit(ends).diff()
    assert worded(noisy).figures["labels"] < 1500


def test_a_share_and_the_average_pair():
    assert worded(pairs(), share=0.4).share == 0.4
    made = worded(pairs(), against=None)
    assert made.vector()[0] > 0.99
    assert made.classes == ("others", "hat")


def test_bad_input_is_refused():
    with pytest.raises(InvalidInput, match=r"hat - hair: [0-4] of 1500 pairs are nearer"):
        worded(pairs(level=4.0))
    with pytest.raises(GeneratorMismatch):
        worded(pairs(generator="another"))
    with pytest.raises(ConditionMismatch):
        worded(pairs(auxiliary="another"))
    with pytest.raises(InvalidInput, match="At most 4 pairs"):
        worded(pairs(), most=4)
    with pytest.raises(InvalidInput, match="`sure` is 1;"):
        worded(pairs(), sure=1.0)
