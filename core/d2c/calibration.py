"""Calibration of logits, and how well probabilities are calibrated."""

import math
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from scipy.optimize import minimize
from torch import Tensor
from torch.nn import functional

from ..errors import InvalidInput

__all__ = ["area_under_curve", "calibration_error", "platt", "temperature"]

LEAST, MOST = 1e-2, 1e2
"""Bounds of the factor on logits. At the lower one the logits order no better than chance."""


def platt(
    logits: Float[Tensor, " n"], positive: Tensor, weights: Float[Tensor, " n"] | None = None
) -> tuple[float, float]:
    """Returns p and q of Platt (1999): the probability is sigmoid(p logit + q).

    The logits must be of samples that the classifier was not trained on. Targets are Platt's:
    (n+ + 1) / (n+ + 2) of the positives and 1 / (n- + 2) of the negatives, which keep p finite
    where the logits separate both.

    Args:
        logits: held-out log odds.
        positive: whether each sample is positive.
        weights: weight of each sample; 1 if None.

    Raises:
        InvalidInput: only one of both kinds is there.
    """
    truth = positive.double()
    weight = torch.ones_like(truth) if weights is None else weights.double()
    up, down = float((weight * truth).sum()), float((weight * (1 - truth)).sum())
    if not up > 0 or not down > 0:
        raise InvalidInput("A calibration needs positives and negatives; there is one of both.")
    target = torch.where(truth > 0, (up + 1) / (up + 2), 1 / (down + 2))
    scores = logits.double()

    def value(flat: np.ndarray) -> tuple[float, np.ndarray]:
        moved = flat[0] * scores + flat[1]
        loss = weight * (functional.softplus(moved) - target * moved)
        slope = weight * (moved.sigmoid() - target)
        gradient = [float((slope * scores).sum()), float(slope.sum())]
        return float(loss.sum()) / (up + down), np.array(gradient) / (up + down)

    begin = np.array([1.0, math.log(up / down)])
    found: Any = minimize(
        value,
        begin,
        jac=True,
        method="L-BFGS-B",
        bounds=[(LEAST, MOST), (None, None)],
        options={"ftol": 1e-14, "gtol": 1e-9},
    )
    return float(found.x[0]), float(found.x[1])


def temperature(logits: Float[Tensor, "n classes"], targets: Float[Tensor, "n classes"]) -> float:
    """Returns the factor on held-out logits of several classes of the highest likelihood.

    Temperature scaling of Guo et al. (2017), whose temperature is the inverse of the factor.

    Args:
        logits: held-out logits.
        targets: weight of each class at each sample.
    """
    scores, weights = logits.double(), targets.double() / targets.sum()

    def value(flat: np.ndarray) -> tuple[float, np.ndarray]:
        logs = (math.exp(flat[0]) * scores).log_softmax(dim=1)
        loss = -(weights * logs).sum()
        slope = (logs.exp() * weights.sum(dim=1, keepdim=True) - weights) * scores
        return float(loss), np.array([math.exp(flat[0]) * float(slope.sum())])

    bounds = [(math.log(LEAST), math.log(MOST))]
    found: Any = minimize(value, np.zeros(1), jac=True, method="L-BFGS-B", bounds=bounds)
    return math.exp(float(found.x[0]))


def area_under_curve(scores: Float[Tensor, " n"], positive: Tensor) -> float:
    """Returns the share of pairs of a positive and a negative whose scores are in order (AUC).

    Equal scores count half.
    """
    truth = positive.bool()
    up, down = int(truth.sum()), int((~truth).sum())
    _, place, counts = scores.double().unique(return_inverse=True, return_counts=True)
    ends = counts.cumsum(0).double()
    ranks = (ends - (counts.double() - 1) / 2)[place]
    return (float(ranks[truth].sum()) - up * (up + 1) / 2) / (up * down) if up * down else math.nan


def calibration_error(
    probabilities: Float[Tensor, " n"], positive: Tensor, bins: int = 10
) -> float:
    """Returns the expected calibration error over bins with equal numbers of samples.

    It is the mean distance of a bin's mean probability from its share of positives.

    Args:
        probabilities: probability of the positive class.
        positive: whether each sample is positive.
        bins: number of bins.
    """
    order = probabilities.argsort()
    truth, found = positive.double()[order], probabilities.double()[order]
    parts = [part for part in torch.arange(len(order)).tensor_split(bins) if len(part)]
    gaps = [len(part) * abs(float(found[part].mean() - truth[part].mean())) for part in parts]
    return sum(gaps) / len(order)
