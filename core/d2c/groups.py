"""Classifiers of labelled and unlabelled latents together, and their mean with those of labels."""

import math
from dataclasses import replace
from functools import partial

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional

from ..conditions.few_shot import FewShot
from .calibration import area_under_curve, calibration_error, platt
from .coordinates import LatentCoordinates
from .logistic import FOLDS, Logistic, cross_validated, minimum

__all__ = ["fit_groups", "group_logits", "with_unlabelled"]

RIDGES = tuple(10.0**n for n in (-1.0, -1.5, -2.0, -2.5))
"""Ridges of the classifier of all groups, strongest first."""
MOST = 4096
"""Most unlabelled latents to train on."""
MOST_NUMBERS = 1 << 22
"""Most numbers of all latents to train on; beyond, unlabelled latents give the shares alone."""


def group_logits(
    odds: Float[Tensor, " n"], sizes: Float[Tensor, "3"], share: float
) -> Float[Tensor, "n 3"]:
    """Returns log p(group given z) up to a constant per row: rest, wanted, unlabelled.

    For n_0, n_1 labelled latents of each class and n_u unlabelled ones, of which a share pi is
    wanted, and s(z) = p(wanted given z) among the unlabelled, a latent of all together is of one
    of the groups with probabilities proportional to n_0 (1 - s) / (1 - pi), n_1 s / pi and n_u.
    Without the first group it is the likelihood of presence-only data (Ward et al. 2009).

    Args:
        odds: log odds of s.
        sizes: n_0, n_1, n_u.
        share: pi.
    """
    levels = sizes.log() - torch.tensor([math.log(1 - share), math.log(share), 0.0]).to(sizes)
    ones = (functional.logsigmoid(-odds), functional.logsigmoid(odds), torch.zeros_like(odds))
    return torch.stack(ones, dim=1) + levels


def fit_groups(
    x: Float[Tensor, "n dim"],
    groups: Float[Tensor, "n 3"],
    ridge: float,
    *,
    share: float,
    start: Logistic | None = None,
) -> Logistic:
    """Returns the linear log odds of s of the highest likelihood of the groups, less a ridge.

    Args:
        x: inputs, in float64.
        groups: one-hot rows: rest, wanted, unlabelled.
        ridge: factor on |w|^2 / 2, against the mean log-likelihood.
        share: pi.
        start: where to start; at the share if None.
    """
    sizes = groups.sum(dim=0)

    def value(flat: np.ndarray) -> tuple[float, np.ndarray]:
        numbers = torch.from_numpy(flat)
        odds = x @ numbers[:-1] + numbers[-1]
        logs = group_logits(odds, sizes, share).log_softmax(dim=1)
        total = -(groups * logs).sum() / len(x) + ridge / 2 * numbers[:-1].square().sum()
        gap, s = logs.exp() - groups, odds.sigmoid()
        by_odds = (gap[:, 1] * (1 - s) - gap[:, 0] * s) / len(x)
        slope = torch.cat([by_odds @ x + ridge * numbers[:-1], by_odds.sum()[None]])
        return float(total), slope.numpy()

    begin = np.zeros(x.shape[1] + 1)
    begin[-1] = math.log(share / (1 - share))
    if start is not None:
        begin = torch.cat([start.weight[0], start.bias]).numpy().copy()
    found = minimum(value, begin)
    return Logistic(found[None, :-1].clone(), found[-1:].clone())


def with_unlabelled(
    made: FewShot,
    latents: Float[Tensor, "n dim"],
    labels: Int[Tensor, " n"],
    fold: Int[Tensor, " n"],
    held: Float[Tensor, " n"],
    unlabelled: Float[Tensor, "m dim"],
    coordinates: LatentCoordinates | None = None,
) -> tuple[FewShot, Float[Tensor, " n"]]:
    """Improves a condition of two classes by unlabelled latents, if held-out labels agree.

    Few negatives leave open what most latents look like. Unlabelled ones show it, but a classifier
    of all groups errs where the share does. The mean of the log odds of both classifiers, each
    calibrated on held-out labels, is kept if these are more likely by it.

    Args:
        made: the condition of the labels, at the shares of the unlabelled latents.
        latents: labelled latents.
        labels: 0 or 1 for each.
        fold: fold of each.
        held: calibrated log odds of each by classifiers that were trained without it.
        unlabelled: unlabelled latents; `MOST` of them, evenly spaced, are used.
        coordinates: coordinates that the condition was trained in; standardised latents if None.

    Returns:
        The better condition, and its held-out log odds.
    """
    step = -(-len(unlabelled) // MOST)
    free = unlabelled[::step]
    count = len(labels)
    if (count + len(free)) * made.dim > MOST_NUMBERS or len(free) < count:
        return made, held
    both = torch.cat([latents.double(), free.double()])
    x = (both - made.mean) / made.std if coordinates is None else coordinates(both)
    own = torch.cat([labels.long(), torch.full((len(free),), 2)])
    groups = functional.one_hot(own, 3).double()
    folds = torch.cat([fold, torch.arange(len(free)) % FOLDS])
    share = made.shares[1]
    level = math.log(share / (1 - share)) - math.log(made.fitted_shares[1] / made.fitted_shares[0])

    def held_odds(logits: Tensor) -> Tensor:
        return logits[:count, 1] - logits[:count, 0] - level

    def loss(logits: Tensor, _: Tensor) -> float:
        odds = held_odds(logits)
        return _loss(_on(platt(odds, labels), odds), labels)

    fit = partial(fit_groups, share=share)
    found = cross_validated(x, groups, folds, RIDGES, fit=fit, loss=loss)
    line = platt(held_odds(found.logits), labels)
    mean = (held + _on(line, held_odds(found.logits))) / 2
    last = platt(mean, labels)
    better = _on(last, mean)
    figures = {**made.figures, "held-out loss of labels alone": _loss(held, labels)}
    if _loss(better, labels) >= _loss(held, labels):
        return replace(made, figures=figures), held
    other = fit(x, groups, found.ridge)
    weight = other.weight if coordinates is None else other.weight @ coordinates.matrix
    factor, offset = made.calibration
    r = better.sigmoid()
    figures |= {
        "held-out loss": _loss(better, labels),
        "auc": area_under_curve(r, labels),
        "calibration error": calibration_error(r, labels),
    }
    improved = replace(
        made,
        weight=(factor * made.weight + line[0] * weight) / 2,
        bias=(factor * made.bias + offset + line[0] * (other.bias - level) + line[1]) / 2,
        calibration=last,
        figures=figures,
    )
    return improved, better


def _on(line: tuple[float, float], odds: Tensor) -> Tensor:
    return line[0] * odds + line[1]


def _loss(odds: Tensor, labels: Tensor) -> float:
    return float(functional.binary_cross_entropy_with_logits(odds, labels.double()))
