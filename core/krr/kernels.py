"""The Gaussian kernel of features, k(x, x') = exp(-|d(x) - d(x')|^2 / h)."""

import math
from typing import Literal, TypeAlias

import torch
from jaxtyping import Float
from torch import Tensor

from ..devices import exact
from ..errors import InvalidInput

__all__ = [
    "Bandwidth",
    "checked_bandwidth",
    "exact",
    "gram",
    "median_bandwidth",
    "squared_distances",
    "width_of",
]

Bandwidth: TypeAlias = Literal["one", "median"] | float
"""h: 1 (the paper), the median of the squared distances of features, or any number above 0."""


def squared_distances(
    first: Float[Tensor, "first features"], second: Float[Tensor, "second features"]
) -> Float[Tensor, "first second"]:
    """|u - v|^2 of all pairs, at least 0; differentiable."""
    # Distances do not depend on the origin, but what cancels does.
    centre = second.detach().mean(dim=0)
    u, v = first - centre, second - centre
    found = u.square().sum(dim=1)[:, None] + v.square().sum(dim=1) - 2 * u @ v.T
    return found.clamp_min(0)


def gram(
    first: Float[Tensor, "first features"],
    second: Float[Tensor, "second features"],
    width: float = 1.0,
) -> Float[Tensor, "first second"]:
    """The kernel of all pairs.

    The paper's kernel has no bandwidth: h = 1. As a density it is N(0, h I / 2).

    Args:
        first: features.
        second: features.
        width: h > 0.
    """
    return (-squared_distances(first, second) / width).exp()


def checked_bandwidth(bandwidth: Bandwidth) -> Bandwidth:
    """Refuses anything but `one`, `median` and finite numbers above 0.

    Raises:
        InvalidInput: anything else.
    """
    if bandwidth in ("one", "median"):
        return bandwidth
    if not isinstance(bandwidth, str) and 0 < bandwidth < math.inf:
        return bandwidth
    raise InvalidInput(f"Bandwidth {bandwidth!r}; there are one, median, or a number above 0.")


def width_of(bandwidth: Bandwidth, features: Float[Tensor, "rows features"]) -> float:
    """The h of a bandwidth for these features, which `median` alone looks at."""
    if bandwidth == "median":
        return median_bandwidth(features)
    return 1.0 if bandwidth == "one" else float(bandwidth)


def median_bandwidth(features: Float[Tensor, "rows features"]) -> float:
    """The median of the squared distances between different rows.

    Raises:
        InvalidInput: fewer than two rows, or half of the pairs are alike.
    """
    rows = len(features)
    if rows < 2:
        raise InvalidInput(f"A median bandwidth needs at least 2 images; got {rows}.")
    points = exact(features.detach())
    above = torch.ones(rows, rows, dtype=torch.bool, device=features.device).triu(1)
    found = float(squared_distances(points, points)[above].median())
    if found > 1e-12 * float(points.square().sum(dim=1).mean()):
        return found
    raise InvalidInput(
        "The median bandwidth is 0: half of the pairs of images have the same features. Remove "
        "duplicates, take other features, or set the bandwidth to a number."
    )
