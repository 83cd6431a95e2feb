"""Logistic regression with a ridge chosen by cross-validation, in float64."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int
from scipy.optimize import minimize
from torch import Tensor

from ..errors import InvalidInput
from ..rng import stream_of

__all__ = [
    "RIDGES",
    "CrossValidation",
    "Logistic",
    "cross_validated",
    "fit_logistic",
    "folds_of",
    "minimum",
]

RIDGES = tuple(10.0 ** (n / 2) for n in range(4, -9, -1))
"""Ridges to choose from, strongest first: 100 to 1e-4 in half decades."""
FOLDS = 5
PATIENCE = 3
"""Ridges in succession that are worse than the best before the search ends."""
STEPS = 500
"""Most steps of L-BFGS."""


@dataclass(frozen=True)
class Logistic:
    """A linear classifier; its logits are W x + b, of two classes (0, w x + b).

    Attributes:
        weight: W, one row for two classes, otherwise one per class.
        bias: b.
    """

    weight: Float[Tensor, "rows dim"]
    bias: Float[Tensor, " rows"]

    def logits(self, x: Float[Tensor, "n dim"]) -> Float[Tensor, "n classes"]:
        """Returns a logit per class."""
        return full(x @ self.weight.T + self.bias)


def full(rows: Float[Tensor, "n rows"]) -> Float[Tensor, "n classes"]:
    """Returns logits per class from those of a classifier's rows."""
    return torch.nn.functional.pad(rows, (1, 0)) if rows.shape[1] == 1 else rows


def fit_logistic(
    x: Float[Tensor, "n dim"],
    targets: Float[Tensor, "n classes"],
    ridge: float,
    *,
    start: Logistic | None = None,
) -> Logistic:
    """Returns the minimum of sum_i t_i . (-log p_i) / sum_i |t_i| + ridge |W|^2 / 2, by L-BFGS.

    The bias has no ridge. With several classes the biases have mean 0.

    Args:
        x: inputs, of standard deviation about 1, in float64.
        targets: weight of each class at each input, at least 0: one-hot rows are labels, other
            rows are weighted or soft labels.
        ridge: at least 0.
        start: where to start; at 0 if None.
    """
    classes = targets.shape[1]
    rows = 1 if classes == 2 else classes
    dim = x.shape[1]
    weights = targets / targets.sum()
    total = weights.sum(dim=1)

    def value(flat: np.ndarray) -> tuple[float, np.ndarray]:
        table = torch.from_numpy(flat).view(rows, dim + 1)
        logits = full(x @ table[:, :dim].T + table[:, dim])
        logs = logits.log_softmax(dim=1)
        loss = -(weights * logs).sum() + ridge / 2 * table[:, :dim].square().sum()
        slope = (logs.exp() * total[:, None] - weights)[:, classes - rows :]
        gradient = torch.cat([slope.T @ x + ridge * table[:, :dim], slope.sum(dim=0)[:, None]], 1)
        return float(loss), gradient.flatten().numpy()

    begin = np.zeros(rows * (dim + 1))
    if start is not None:
        begin = torch.cat([start.weight, start.bias[:, None]], dim=1).flatten().numpy().copy()
    table = minimum(value, begin).view(rows, dim + 1)
    weight, bias = table[:, :dim].clone(), table[:, dim].clone()
    return Logistic(weight, bias if rows == 1 else bias - bias.mean())


def minimum(value: Callable[[np.ndarray], tuple[float, np.ndarray]], begin: np.ndarray) -> Tensor:
    """Returns the minimum of a smooth function from its values and gradients, by L-BFGS."""
    limits = {"maxiter": STEPS, "ftol": 1e-11, "gtol": 1e-6, "maxcor": 20}
    found: Any = minimize(value, begin, jac=True, method="L-BFGS-B", options=limits)
    return torch.from_numpy(found.x)


def folds_of(
    labels: Int[Tensor, " n"], folds: int, seed: int, purpose: str = "folds"
) -> Int[Tensor, " n"]:
    """Returns the fold of each sample: each class is spread evenly, in an order from the seed.

    Args:
        labels: class of each sample.
        folds: number of folds.
        seed: seed of the order.
        purpose: name of the random stream.

    Raises:
        InvalidInput: fewer than 2 folds, or a class with fewer samples than folds.
    """
    classes, counts = labels.unique(return_counts=True)
    if folds < 2 or int(counts.min()) < folds:
        raise InvalidInput(
            f"{folds} folds of classes with {counts.tolist()} samples; expected at least 2 folds, "
            "and a sample of each class in each."
        )
    order = torch.rand(len(labels), generator=stream_of(seed, purpose), dtype=torch.float64)
    found = torch.empty(len(labels), dtype=torch.long)
    begin = 0
    for label in classes.tolist():
        own = (labels == label).nonzero()[:, 0]
        own = own[order[own].argsort()]
        # Each class begins where the one before ended, so that the folds have equal sizes.
        found[own] = (begin + torch.arange(len(own))) % folds
        begin += len(own)
    return found


@dataclass(frozen=True)
class CrossValidation:
    """What cross-validation found.

    Attributes:
        ridge: the chosen one.
        losses: mean held-out loss of each ridge, in the order of `ridges`.
        ridges: the ridges that were tried.
        logits: logits of each sample by the classifier that was trained without it, at the chosen
            ridge.
    """

    ridge: float
    losses: tuple[float, ...]
    ridges: tuple[float, ...]
    logits: Float[Tensor, "n classes"]


def cross_validated(
    x: Float[Tensor, "n dim"],
    targets: Float[Tensor, "n classes"],
    fold: Int[Tensor, " n"],
    ridges: Sequence[float] = RIDGES,
    *,
    fit: Callable[..., Logistic] = fit_logistic,
    loss: Callable[[Tensor, Tensor], float] | None = None,
    without: Mapping[int, Tensor] | None = None,
) -> CrossValidation:
    """Chooses the ridge of the lowest loss on held-out samples.

    The search ends at the third ridge in succession that is worse than the best.

    Args:
        x: inputs, in float64.
        targets: weight of each class at each input, see `fit_logistic`.
        fold: fold of each sample.
        ridges: ridges to choose from, strongest first; each fit starts at the one before.
        fit: fits a classifier to inputs, targets and a ridge, from a `start`.
        loss: loss of held-out logits and targets; mean negative log-likelihood if None.
        without: for each fold, the targets to train on without it, where they depend on labels of
            other samples; the same `targets` if None.
    """
    measure = _log_loss if loss is None else loss
    found: dict[int, Logistic] = {}
    best, losses = targets, list[float]()
    for ridge in ridges:
        parts = dict[int, Tensor]()
        for number in fold.unique().tolist():
            held = fold == number
            own = targets if without is None else without[number]
            start = found.get(number)
            found[number] = fit(x[~held], own[~held], ridge, start=start)
            parts[number] = found[number].logits(x[held])
        table = torch.empty(len(x), next(iter(parts.values())).shape[1], dtype=torch.float64)
        for number, part in parts.items():
            table[fold == number] = part
        losses.append(measure(table, targets))
        if losses[-1] <= min(losses):
            best = table
        if min(losses[-PATIENCE:]) > min(losses):
            break
    place = losses.index(min(losses))
    if not math.isfinite(losses[place]):
        raise InvalidInput("The held-out loss is not finite for any ridge; check the latents.")
    return CrossValidation(ridges[place], tuple(losses), tuple(ridges[: len(losses)]), best)


def _log_loss(logits: Tensor, targets: Tensor) -> float:
    return float(-(targets * logits.log_softmax(dim=1)).sum() / targets.sum())
