"""Few-shot conditions trained in the coordinates of a diffusion prior, where that is better."""

from collections.abc import Callable
from dataclasses import replace

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional

from ..conditions.few_shot import FewShotCondition
from .inputs import Inputs
from .logistic import FOLDS, RIDGES, cross_validated, folds_of
from .whitening import Whitening

__all__ = ["in_latents", "in_the_better_coordinates", "white_is_better"]


def in_the_better_coordinates(
    fit: Callable[[Callable[[Tensor], Tensor]], FewShotCondition],
    latents: Float[Tensor, "n dim"],
    labels: Int[Tensor, " n"],
    whitening: Whitening,
    seed: int = 0,
) -> FewShotCondition:
    """Trains a condition on latents, or on the whitened latents of a diffusion prior.

    The ridge of a linear classifier prefers coordinates of large variance, so its result depends
    on the coordinates. A generator whose prior is standard normal has stretched the directions
    in which its encoder's latents hardly vary; those of the diffusion prior need not be so. The
    coordinates whose classifier predicts held-out labels better are taken.

    Args:
        fit: trains a condition, given the map to apply to all latents.
        latents: latents of the labelled images.
        labels: class of each.
        whitening: that of the prior.
        seed: seed of the folds.
    """
    if white_is_better(latents, labels, whitening, seed):
        return in_latents(fit(whitening.to_white), whitening)
    return fit(lambda z: z)


def white_is_better(
    latents: Float[Tensor, "n dim"], labels: Int[Tensor, " n"], whitening: Whitening, seed: int = 0
) -> bool:
    """Whether a classifier of whitened latents has a smaller loss on held-out labels.

    Args:
        latents: latents of the labelled images.
        labels: class of each.
        whitening: that of the prior.
        seed: seed of the folds.
    """
    targets = functional.one_hot(labels.long().cpu()).double()
    fold = folds_of(labels.cpu(), FOLDS, seed)
    plain, white = (
        min(cross_validated(Inputs.of(given).x, targets, fold, RIDGES).losses)
        for given in (latents, whitening.to_white(latents.cpu()))
    )
    return white < plain


def in_latents(condition: FewShotCondition, whitening: Whitening) -> FewShotCondition:
    """Returns a condition of whitened latents as the same condition of latents.

    Args:
        condition: of x = (z - mean) / scale.
        whitening: this map.
    """
    weight = condition.weight.double() / condition.std.double()
    scale = whitening.scale.double()
    # W A (z - m) with A the inverse of the scale.
    moved = (
        weight / scale
        if scale.ndim == 1
        else torch.linalg.solve_triangular(scale, weight, upper=False, left=False)
    )
    return replace(
        condition,
        weight=moved,
        bias=condition.bias.double() - weight @ condition.mean.double(),
        mean=whitening.mean.double(),
        std=torch.ones_like(whitening.mean, dtype=torch.float64),
    )
