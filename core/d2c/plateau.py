"""Calibration of classifiers of labelled positives against unlabelled samples."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn import functional

from .logistic import minimum

__all__ = ["Saturating", "line_of", "saturating"]


@dataclass(frozen=True)
class Saturating:
    """A calibrated g(z) = C sigmoid(p odds + q), which has a plateau C below 1.

    A labelled share of the positives is all that g can reach, and a line of log odds has no limit.

    Attributes:
        plateau: C.
        factor: p.
        offset: q.
    """

    plateau: float
    factor: float
    offset: float

    def __call__(self, odds: Float[Tensor, " n"]) -> Float[Tensor, " n"]:
        """Returns g at log odds."""
        return self.plateau * (self.factor * odds + self.offset).sigmoid()


def saturating(odds: Float[Tensor, " n"], positive: Bool[Tensor, " n"]) -> Saturating:
    """Returns the curve of the highest likelihood of the labels.

    A normal prior of standard deviation 1 on log p keeps p finite where the odds separate both.

    Args:
        odds: log odds of labelled against unlabelled, by classifiers trained without the sample.
        positive: whether each sample is a labelled positive.
    """

    def likelihood(numbers: Tensor) -> Tensor:
        logs = functional.logsigmoid(numbers[0].exp() * odds + numbers[1])
        logs = logs + functional.logsigmoid(numbers[2])
        none = (-torch.expm1(logs)).clamp_min(torch.finfo(torch.float64).tiny).log()
        return (torch.where(positive, logs, none).sum() - numbers[0] ** 2 / 2) / len(odds)

    begin = torch.tensor([0.0, -float(odds[positive].median()), 0.0]).double()
    factor, offset, level = _highest(likelihood, begin).tolist()
    return Saturating(1 / (1 + math.exp(-level)), math.exp(factor), offset)


def line_of(
    odds: Float[Tensor, " n"], positive: Bool[Tensor, " n"], share: float
) -> tuple[float, float]:
    """Returns the factor p > 0 and the offset q that calibrate log odds, as `platt` with labels.

    With sigma(z) = sigmoid(p odds + q) for the unlabelled samples, of which a share pi is
    positive, a sample of both sets together is a labelled positive with probability
    k sigma / (1 + k sigma), k = n_p / (n_u pi). p and q maximise the likelihood of that. A normal
    prior of standard deviation 1 on log p keeps p finite where the odds separate both sets.

    Args:
        odds: log odds by classifiers that were trained without the sample.
        positive: whether each sample is a labelled positive; the others are unlabelled.
        share: pi.
    """
    labelled = float(positive.sum())
    level = math.log(labelled / ((len(odds) - labelled) * share))

    def likelihood(numbers: Tensor) -> Tensor:
        logs = level + functional.logsigmoid(numbers[0].exp() * odds + numbers[1])
        total = logs[positive].sum() - functional.softplus(logs).sum()
        return (total - numbers[0] ** 2 / 2) / len(odds)

    factor, offset = _highest(likelihood, torch.zeros(2).double()).tolist()
    return math.exp(factor), offset


def _highest(likelihood: Callable[[Tensor], Tensor], begin: Tensor) -> Tensor:
    """Returns the numbers of the highest likelihood, from a start, in float64."""

    def value(flat: np.ndarray) -> tuple[float, np.ndarray]:
        numbers = torch.from_numpy(flat).requires_grad_(True)
        with torch.enable_grad():
            loss = -likelihood(numbers)
            (slope,) = torch.autograd.grad(loss, numbers)
        return float(loss.detach()), slope.numpy()

    return minimum(value, begin.numpy())
