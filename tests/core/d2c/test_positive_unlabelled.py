"""Positives against unlabelled samples: the constant, the risks, exact posteriors."""

import inspect
import math

import pytest
import torch
from latentsteer.core.d2c.few_shot import fit_positive_unlabelled
from latentsteer.core.d2c.logistic import folds_of
from latentsteer.core.d2c.plateau import line_of, saturating
from latentsteer.core.d2c.positive_unlabelled import (
    check_risk,
    fit_elkan_noto,
    fit_non_negative,
    held_out_constant,
    non_negative_risk,
)
from latentsteer.core.errors import InvalidInput

from .mixtures import drawn, generator, mixed, normal, posterior

FAR = 6.0
RIDGES = (1e-1, 1e-2, 1e-3)


def sets(positives, count, share, distance, seed=0):
    """Inputs of positives and of unlabelled samples, which of them are labelled, and the folds."""
    up = drawn(torch.ones(positives), seed=seed, distance=distance)
    rest, _ = mixed(count, share, seed=seed + 1, distance=distance)
    positive = torch.arange(positives + count) < positives
    return torch.cat([up, rest]), positive, folds_of(positive.long(), 5, 0)


def test_the_constant_and_the_share_of_classes_that_do_not_overlap():
    x, positive, fold = sets(200, 1000, 0.2, FAR)
    found = fit_elkan_noto(x, positive, fold, ridges=RIDGES)
    # Of 400 positives, 200 are labelled.
    assert found.constant == pytest.approx(0.5, abs=0.05)
    assert found.share == pytest.approx(0.2, abs=0.02)


def test_the_constant_is_the_mean_over_held_out_positives():
    assert held_out_constant(torch.tensor([0.2, 0.4])) == pytest.approx(0.3)


def test_a_given_share_determines_the_constant():
    x, positive, fold = sets(50, 100, 0.3, FAR)
    found = fit_elkan_noto(x, positive, fold, share=0.3, ridges=RIDGES)
    assert found.share == 0.3
    assert found.constant == pytest.approx(50 / (50 + 100 * 0.3))


@pytest.mark.parametrize("risk", ["elkan-noto", "non-negative"])
def test_both_risks_find_the_exact_posterior_of_overlapping_classes(risk):
    x, positive, _ = sets(300, 1500, 0.2, 3.0, seed=3)
    made = fit_positive_unlabelled(
        x[positive], x[~positive], generator(), risk=risk, share=0.2, ridge=1e-3
    )
    z, _ = mixed(2000, 0.2, seed=9)
    exact = posterior(z, 0.2)
    assert (made.probability(z) - exact).abs().mean() < 0.035
    # What a classifier of labelled against unlabelled gives instead.
    odds = 300 / 1500 * exact / 0.2
    assert (odds / (1 + odds) - exact).abs().mean() > 0.08
    assert made.kind == "positive-unlabelled"
    assert made.share == 0.2


def test_the_line_calibrates_distorted_log_odds():
    x, positive, _ = sets(1500, 6000, 0.25, 2.5, seed=5)
    exact = posterior(x, 0.25, 2.5).logit()
    factor, offset = line_of((exact - 0.5) / 3, positive, 0.25)
    assert factor == pytest.approx(3, abs=0.4)
    assert offset == pytest.approx(0.5, abs=0.25)


def test_the_non_negative_risk_is_equation_6():
    odds = torch.tensor([1.0, -0.5, 0.2, 2.0], dtype=torch.float64)
    positive = torch.tensor([True, True, False, False])

    def loss(v):
        return math.log1p(math.exp(-v))

    up = (loss(1.0) + loss(-0.5)) / 2
    down = (loss(-1.0) + loss(0.5)) / 2
    rest = (loss(-0.2) + loss(-2.0)) / 2
    assert float(non_negative_risk(odds, positive, 0.3)) == pytest.approx(
        0.3 * up + rest - 0.3 * down
    )
    # The bound: with a share of 1 the negatives' part would be below 0.
    low = torch.tensor([3.0, 3.0, -3.0, -3.0], dtype=torch.float64)
    assert loss(3.0) - loss(-3.0) < 0
    assert float(non_negative_risk(low, positive, 1.0)) == pytest.approx(loss(3.0))


def test_the_least_risk_is_not_above_that_of_the_exact_posterior():
    x, positive, fold = sets(300, 1500, 0.2, 3.0, seed=7)
    found = fit_non_negative(x, positive, fold, share=0.2, ridges=(1e-6,))
    logits = found.classifier.logits(x)
    least = non_negative_risk(logits[:, 1] - logits[:, 0], positive, 0.2)
    assert least <= non_negative_risk(posterior(x, 0.2).logit(), positive, 0.2) + 1e-6


def test_positives_like_all_others_are_refused():
    x, positive = normal(400, 8, seed=8), torch.arange(400) < 50
    with pytest.raises(InvalidInput, match=r"do not differ .* more than by chance: held-out AUC"):
        fit_elkan_noto(x, positive, folds_of(positive.long(), 5, 0), ridges=RIDGES)


def test_the_curve_finds_its_plateau():
    stream = torch.Generator().manual_seed(0)
    odds = 3 * normal(6000, seed=10)
    g = 0.4 * (0.5 * odds - 1).sigmoid()
    positive = torch.rand(6000, generator=stream, dtype=torch.float64) < g
    found = saturating(odds, positive)
    assert found.plateau == pytest.approx(0.4, abs=0.06)
    assert (found(odds) - g).abs().mean() < 0.01


@pytest.mark.parametrize(("up", "rest", "words"), [(4, 50, "4 positive"), (50, 4, "4 unlabelled")])
def test_too_few_are_refused(up, rest, words):
    with pytest.raises(InvalidInput, match=f"{words} images; at least 5"):
        fit_positive_unlabelled(normal(up, 2), normal(rest, 2), generator())


def test_an_unknown_risk_and_a_bad_share_are_refused():
    z = normal(20, 2)
    with pytest.raises(InvalidInput, match="'other'; expected one of elkan-noto, non-negative"):
        inspect.unwrap(check_risk)("other")  # the type check of the tests reports it too
    with pytest.raises(InvalidInput, match="share of 1 "):
        fit_positive_unlabelled(z, z, generator(), share=1.0)
