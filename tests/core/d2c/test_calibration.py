"""Calibration: known lines, areas and errors."""

import pytest
import torch
from latentsteer.core.d2c.calibration import (
    area_under_curve,
    calibration_error,
    platt,
    temperature,
)
from latentsteer.core.errors import InvalidInput

from .mixtures import normal, posterior_of_three, three


def coins(p, seed):
    stream = torch.Generator().manual_seed(seed)
    return torch.rand(p.shape, generator=stream, dtype=torch.float64) < p


def test_platt_finds_the_line_that_distorted_logits():
    true = 2 * normal(20_000, seed=1) - 1
    factor, offset = platt((true - 0.7) / 0.4, coins(true.sigmoid(), 2))
    assert factor == pytest.approx(0.4, abs=0.02)
    assert offset == pytest.approx(0.7, abs=0.06)


def test_platt_weighs_samples():
    scores, truth = normal(50, seed=3), coins(torch.full((50,), 0.5), 4)
    twice = platt(torch.cat([scores, scores]), torch.cat([truth, truth]))
    weighted = platt(scores, truth, torch.full((50,), 2.0))
    assert twice == pytest.approx(weighted, abs=1e-4)


def test_platt_stays_finite_where_logits_separate_both():
    scores = torch.linspace(-3, 3, 40).double()
    factor, offset = platt(scores, scores > 0)
    r = (factor * scores + offset).sigmoid()
    # Platt's targets: the largest probability is about that of a sample more of the other kind.
    assert 0.9 < r.max() < 0.999
    assert factor < 20


def test_platt_needs_both_kinds():
    with pytest.raises(InvalidInput, match="positives and negatives"):
        platt(torch.zeros(3), torch.ones(3))


def test_logits_without_order_get_the_least_factor():
    scores = torch.linspace(-3, 3, 40).double()
    assert platt(scores, scores < 0)[0] == pytest.approx(1e-2)


def test_temperature_finds_the_factor_of_several_classes():
    z, labels = three([2000, 2000, 2000], seed=5)
    logits = posterior_of_three(z, (1 / 3, 1 / 3, 1 / 3)).log()
    targets = torch.nn.functional.one_hot(labels).double()
    assert temperature(logits / 0.3, targets) == pytest.approx(0.3, abs=0.02)


def test_the_area_counts_ordered_pairs_and_half_of_ties():
    scores = torch.tensor([0.1, 0.4, 0.4, 0.8])
    truth = torch.tensor([False, True, False, True])
    # Pairs (positive, negative): .4 > .1, .4 = .4, .8 > .1, .8 > .4.
    assert area_under_curve(scores, truth) == pytest.approx(3.5 / 4)


def test_the_error_is_the_mean_gap_of_bins():
    p = torch.tensor([0.2] * 10 + [0.9] * 10)
    truth = torch.tensor([True] * 4 + [False] * 6 + [True] * 10)
    assert calibration_error(p, truth, bins=2) == pytest.approx((0.2 + 0.1) / 2)
    sure = normal(20_000, seed=6).sigmoid()
    assert calibration_error(sure, coins(sure, 7)) < 0.02
