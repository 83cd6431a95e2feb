"""Classifiers from positives and unlabelled samples, of which some are positive (PU)."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Literal, TypeAlias, get_args

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.nn import functional

from ..errors import InvalidInput
from .calibration import area_under_curve
from .logistic import RIDGES, CrossValidation, Logistic, cross_validated, fit_logistic, minimum
from .plateau import line_of, saturating

__all__ = [
    "PositiveUnlabelled",
    "Risk",
    "check_risk",
    "fit_elkan_noto",
    "fit_non_negative",
    "held_out_constant",
    "non_negative_risk",
]

Risk: TypeAlias = Literal["elkan-noto", "non-negative"]
LEAST_SIGNAL = 2.0
"""Least area above 1/2, in its standard deviations for equal laws of both sets."""


@dataclass(frozen=True)
class PositiveUnlabelled:
    """A classifier of positives against negatives that never saw a negative.

    Attributes:
        classifier: logits of the negatives and the positives.
        calibration: factor and offset that make its log odds those among the unlabelled samples.
        share: share of positives among the unlabelled samples.
        constant: c, the probability that a positive of both sets together is labelled.
        validation: how the ridge was chosen.
    """

    classifier: Logistic
    calibration: tuple[float, float]
    share: float
    constant: float
    validation: CrossValidation


def held_out_constant(probabilities: Float[Tensor, " positives"]) -> float:
    """Returns c = p(labelled given positive), Elkan and Noto (2008), their estimator e1.

    It is the mean of g(z) = p(labelled given z) over positives that g was not trained on. It is
    exact where every positive is certain to be one, and too small where the classes overlap.
    """
    return float(probabilities.double().mean())


def fit_elkan_noto(
    x: Float[Tensor, "n dim"],
    positive: Bool[Tensor, " n"],
    fold: Int[Tensor, " n"],
    *,
    share: float | None = None,
    ridges: Sequence[float] = RIDGES,
) -> PositiveUnlabelled:
    """Fits a classifier by Elkan and Noto (2008), by their weights of unlabelled samples.

    A g(z) = p(labelled given z) is trained first, and calibrated by `saturating`. Its mean over
    positives that it was not trained on is c. An unlabelled sample is positive with probability
    w(z) = (1 - c) / c g(z) / (1 - g(z)), their section 3, so it counts as a positive of weight w
    and as a negative of weight 1 - w when the classifier is trained. Every g is of a classifier
    that was trained without the sample. The result is calibrated by `line_of`.

    Args:
        x: inputs, in float64, of standard deviation about 1.
        positive: whether each sample is a labelled positive; the others are unlabelled.
        fold: fold of each sample.
        share: share of positives among the unlabelled samples; None to estimate it. It gives
            c = n_p / (n_p + n_u share).
        ridges: ridges to choose from.

    Raises:
        InvalidInput: the positives do not differ from the unlabelled samples.
    """
    labelled, others = int(positive.sum()), int((~positive).sum())
    drawn = functional.one_hot(positive.long(), 2).double()
    first = cross_validated(x, drawn, fold, ridges)
    odds = first.logits[:, 1] - first.logits[:, 0]
    _check_signal(odds, positive)
    curve = saturating(odds, positive)
    if share is None:
        constant = held_out_constant(curve(odds[positive]))
    else:
        constant = labelled / (labelled + others * share)

    def targets_of(scores: Tensor) -> Tensor:
        g = curve(scores)
        found = (1 - constant) / constant * g / (1 - g)
        weights = torch.where(positive, 1, found.clamp_max(1))
        return torch.stack([1 - weights, weights], dim=1)

    targets = targets_of(odds)
    found = float(targets[~positive, 1].mean()) if share is None else share
    found = min(max(found, 1 / (2 * others)), 1 - 1 / (2 * others))
    nested = _nested_odds(x, drawn, fold, first.ridge)
    own = {number: targets_of(scores) for number, scores in nested.items()}
    second = cross_validated(x, targets, fold, ridges, without=own)
    return PositiveUnlabelled(
        fit_logistic(x, targets, second.ridge),
        line_of(second.logits[:, 1] - second.logits[:, 0], positive, found),
        found,
        constant,
        second,
    )


def _check_signal(odds: Tensor, positive: Tensor) -> None:
    """Checks that the area under the curve exceeds 1/2 by more than by chance."""
    labelled, others = int(positive.sum()), int((~positive).sum())
    area = area_under_curve(odds, positive)
    chance = math.sqrt((labelled + others + 1) / (12 * labelled * others))
    if not area > 0.5 + LEAST_SIGNAL * chance:
        raise InvalidInput(
            f"The positives do not differ from the unlabelled images in their latents more than "
            f"by chance: held-out AUC {area:.2f}, at least {0.5 + LEAST_SIGNAL * chance:.2f} "
            "needed. Give more positives, or images that do not show what is wanted."
        )


def _nested_odds(x: Tensor, drawn: Tensor, fold: Tensor, ridge: float) -> dict[int, Tensor]:
    """Returns for each fold the log odds of the others, held out of trainings without this fold.

    With weights by a classifier that has seen a fold, the labels of this fold would leak through
    the weights into a second classifier that has not.
    """
    numbers = fold.unique().tolist()
    found = {number: torch.zeros(len(x), dtype=torch.float64) for number in numbers}
    for one, other in combinations(numbers, 2):
        kept = (fold != one) & (fold != other)
        logits = fit_logistic(x[kept], drawn[kept], ridge).logits(x)
        odds = logits[:, 1] - logits[:, 0]
        found[one][fold == other] = odds[fold == other]
        found[other][fold == one] = odds[fold == one]
    return found


def non_negative_risk(
    odds: Float[Tensor, " n"], positive: Bool[Tensor, " n"], share: float
) -> Float[Tensor, ""]:
    """Returns the non-negative PU risk of Kiryo et al. (2017), equation 6, with the log loss.

    It is pi R_p^+ + max(0, R_u^- - pi R_p^-) for the log loss l of log odds. As l(v) - l(-v) = -v,
    it is convex in the odds: the larger of two convex risks, with and without the bound.

    Args:
        odds: log odds of the positive class.
        positive: whether each sample is a labelled positive; the others are unlabelled.
        share: pi, the share of positives among the unlabelled samples.
    """
    up, rest = odds[positive], odds[~positive]
    negatives = functional.softplus(rest).mean() - share * functional.softplus(up).mean()
    return share * functional.softplus(-up).mean() + negatives.clamp_min(0)


def fit_non_negative(
    x: Float[Tensor, "n dim"],
    positive: Bool[Tensor, " n"],
    fold: Int[Tensor, " n"],
    *,
    share: float,
    ridges: Sequence[float] = RIDGES,
) -> PositiveUnlabelled:
    """Fits the minimum of the non-negative PU risk and a ridge, by L-BFGS.

    Kiryo et al. train networks by stochastic steps, and turn a step round where the bound is
    active. Here the risk is convex and minimised itself. The ridge is chosen by the risk of
    held-out samples, and so is the calibration.

    Args:
        x: inputs, in float64, of standard deviation about 1.
        positive: whether each sample is a labelled positive; the others are unlabelled.
        fold: fold of each sample.
        share: pi, the share of positives among the unlabelled samples.
        ridges: ridges to choose from.
    """

    def fit(
        inputs: Tensor, targets: Tensor, ridge: float, *, start: Logistic | None = None
    ) -> Logistic:
        return _least_risk(inputs, targets[:, 1] > 0, share, ridge, start)

    def risk(logits: Tensor, targets: Tensor) -> float:
        return float(non_negative_risk(logits[:, 1] - logits[:, 0], targets[:, 1] > 0, share))

    drawn = functional.one_hot(positive.long(), 2).double()
    found = cross_validated(x, drawn, fold, ridges, fit=fit, loss=risk)
    labelled, others = int(positive.sum()), int((~positive).sum())
    return PositiveUnlabelled(
        _least_risk(x, positive, share, found.ridge, None),
        line_of(found.logits[:, 1] - found.logits[:, 0], positive, share),
        share,
        labelled / (labelled + others * share),
        found,
    )


def _least_risk(
    x: Tensor, positive: Tensor, share: float, ridge: float, start: Logistic | None
) -> Logistic:
    def value(flat: np.ndarray) -> tuple[float, np.ndarray]:
        numbers = torch.from_numpy(flat).requires_grad_(True)
        with torch.enable_grad():
            odds = x @ numbers[:-1] + numbers[-1]
            loss = (
                non_negative_risk(odds, positive, share) + ridge / 2 * numbers[:-1].square().sum()
            )
            (slope,) = torch.autograd.grad(loss, numbers)
        return float(loss.detach()), slope.numpy()

    begin = np.zeros(x.shape[1] + 1)
    begin[-1] = math.log(share / (1 - share))
    if start is not None:
        begin = torch.cat([start.weight[0], start.bias]).numpy().copy()
    found = minimum(value, begin)
    return Logistic(found[None, :-1].clone(), found[-1:].clone())


def check_risk(risk: Risk) -> None:
    """Checks the name of a risk.

    Raises:
        InvalidInput: it is unknown.
    """
    if risk not in get_args(Risk):
        raise InvalidInput(f"Risk {risk!r}; expected one of {', '.join(get_args(Risk))}.")
