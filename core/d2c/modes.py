"""Modes of the latents that show a condition, in what they vary more than the others."""

from typing import Final

import torch
from jaxtyping import Float
from torch import Tensor

from ..rng import stream_of

__all__ = ["modes_of"]

LEAST_PER_COORDINATE: Final = 4
"""Smallest number of latents per coordinate from which covariances are compared."""
LEAST_EXTRA: Final = 3.0
"""Smallest ratio of variances of a direction in which there are modes. With 4 latents per
coordinate the ratio is up to 2.25 by chance."""
RESTARTS: Final = 4
ROUNDS: Final = 50


def modes_of(
    values: Float[Tensor, "members dim"], r: Float[Tensor, " members"], most: int
) -> list[Float[Tensor, " members"]]:
    """Returns the weights of the members of each mode, the largest first; none without modes.

    The latents that show what is wanted (r above 1/2) may vary in directions in which the others
    do not: beards have colours, and a face without a beard has no colour of the beard. These are
    the directions of the largest ratios of the variance with r to that with 1 - r, the generalised
    eigenvectors of both covariances. The modes are the clusters there, found by k-means.

    Args:
        values: latents, float64.
        r: r of each.
        most: largest number of modes.
    """
    shown = (r > 0.5).nonzero()[:, 0]
    if most < 2 or min(float(r.sum()), len(shown)) < LEAST_PER_COORDINATE * values.shape[1]:
        return []
    mean, wide = _moments(values, r)
    _, narrow = _moments(values, 1 - r)
    floor = 1e-6 * narrow.diagonal().mean() * torch.eye(len(narrow)).to(narrow)
    inverse = torch.linalg.inv(torch.linalg.cholesky(narrow + floor))
    ratios, vectors = torch.linalg.eigh(inverse @ wide @ inverse.mT)
    extra = ratios > LEAST_EXTRA
    if not bool(extra.any()):
        return []
    axes = inverse.mT @ vectors[:, extra] * (ratios[extra] - 1).sqrt()
    groups = _clusters((values[shown] - mean) @ axes, r[shown], most)
    found: list[Tensor] = []
    for number in range(most):
        members = shown[groups == number]
        if len(members) >= LEAST_PER_COORDINATE:
            weights = torch.zeros_like(r)
            weights[members] = r[members]
            found.append(weights)
    return sorted(found, key=lambda weights: -float(weights.sum()))


def _moments(values: Tensor, weights: Tensor) -> tuple[Tensor, Tensor]:
    """Returns the weighted mean and covariance."""
    shares = weights / weights.sum()
    mean = shares @ values
    off = values - mean
    return mean, (off * shares[:, None]).mT @ off


def _clusters(points: Tensor, weights: Tensor, count: int) -> Tensor:
    """Returns the cluster of each point by weighted k-means: the best of some restarts."""
    stream = stream_of(0, "modes")
    best, least = torch.zeros(len(points), dtype=torch.long), torch.inf
    for _ in range(RESTARTS):
        centres = _seeds(points, weights, count, stream)
        distances = torch.cdist(points, centres)
        nearest = distances.argmin(dim=1)
        for _ in range(ROUNDS):
            one_hot = torch.nn.functional.one_hot(nearest, count).to(points) * weights[:, None]
            totals = one_hot.sum(dim=0)
            means = one_hot.mT @ points / totals.clamp_min(1e-12)[:, None]
            centres = torch.where(totals[:, None] > 0, means, centres)
            distances, before = torch.cdist(points, centres), nearest
            nearest = distances.argmin(dim=1)
            if torch.equal(nearest, before):
                break
        cost = float((weights * distances.amin(dim=1).square()).sum())
        if cost < least:
            best, least = nearest, cost
    return best


def _seeds(points: Tensor, weights: Tensor, count: int, stream: torch.Generator) -> Tensor:
    """Returns the first centres of k-means++: each far from those before."""
    chosen = [int(torch.multinomial(weights, 1, generator=stream))]
    for _ in range(count - 1):
        gaps = torch.cdist(points, points[chosen]).amin(dim=1).square() * weights
        gaps = gaps if bool(gaps.sum() > 0) else weights
        chosen.append(int(torch.multinomial(gaps, 1, generator=stream)))
    return points[chosen]
