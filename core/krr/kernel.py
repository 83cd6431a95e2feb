"""The Gaussian kernel of features, k(x, x') = exp(-|d(x) - d(x')|^2 / h)."""

import math
from dataclasses import dataclass
from typing import Literal, TypeAlias, get_args

import torch
from jaxtyping import Float
from torch import Tensor

from ..devices import as_float64
from ..errors import InvalidInput
from ..refine.schedule import Schedule, ScheduleName
from ..rng import stream_of

__all__ = [
    "Bandwidth",
    "Mollifier",
    "MollifierKind",
    "checked_bandwidth",
    "gram",
    "median_bandwidth",
    "offsets",
    "squared_distances",
    "widened",
    "width_of",
]

MollifierKind: TypeAlias = Literal["none", "feature", "image"]


@dataclass(frozen=True)
class Mollifier:
    """Mollifier that smooths the kernel: psi = N(0, sigma^2 I).

    In feature space the convolution is closed-form: with s = sigma sqrt(h) it is (1 + 2
    sigma^2)^(-D/2) exp(-|u - v|^2 / (h (1 + 2 sigma^2))), a wider kernel times a constant. The
    constant c divides out of weights and logarithm, up to eta: c (c K + eta I)^-1 1 is (K + (eta /
    c) I)^-1 1. It is dropped, and eta and xi are in units of it: for D = 512 and sigma = 1 it is
    1e-122, so that any eta of the paper's form would be infinite.

    In image space it is the mean over samples of k(x, x' - eps), with pixels in [0, 1]. The same
    eps serve all pairs and steps, each with its negative so that their mean is 0, and the matrix
    of the weights is symmetrised. The features of each image are then computed `samples` more
    times.

    Attributes:
        kind: `none`, `feature` or `image`.
        sigma: standard deviation at the first step, above 0; for features in units of the length
            sqrt(h) of the kernel, for pixels in [0, 1]. The paper does not state its value.
        samples: m of eq. (3), even; used in image space only.
        final: fraction of sigma at the last step, at least 0; the paper decreases the variance,
            and 0 ends with the unsmoothed density.
        schedule: schedule of sigma: constant (`final` has no effect), linear or cosine.

    Raises:
        InvalidInput: an unknown kind, or a number outside its range.
    """

    kind: MollifierKind = "none"
    sigma: float = 0.5
    samples: int = 8
    final: float = 1.0
    schedule: ScheduleName = "linear"

    def __post_init__(self) -> None:
        if self.kind not in get_args(MollifierKind):
            known = ", ".join(get_args(MollifierKind))
            raise InvalidInput(f"Mollifier {self.kind!r}; expected one of {known}.")
        if not 0 < self.sigma < math.inf:
            raise InvalidInput(f"The mollifier's sigma is {self.sigma}; it must exceed 0.")
        if self.samples < 2 or self.samples % 2:
            raise InvalidInput(
                f"{self.samples} samples of the mollifier; expected an even number of at least 2."
            )
        Schedule(self.schedule, 1, self.final)

    def sigma_at(self, step: int, steps: int) -> float:
        """Returns the standard deviation at a step of a run; 0 without a mollifier."""
        if self.kind == "none":
            return 0.0
        return self.sigma * Schedule(self.schedule, steps, self.final)(step)


def widened(width: float, sigma: float) -> float:
    """Returns h widened by a mollifier in feature space, with sigma in units of sqrt(h)."""
    return width * (1 + 2 * sigma**2)


def offsets(
    samples: int, shape: tuple[int, ...], seed: int, *, like: Tensor
) -> Float[Tensor, "samples ..."]:
    """Returns standard normal eps, each with its negative: the same on every machine."""
    stream = stream_of(seed, "mollifier")
    half = torch.randn(samples // 2, *shape, generator=stream)
    return torch.cat([half, -half]).to(like)


Bandwidth: TypeAlias = Literal["one", "median"] | float
"""h: 1 (the paper), the median of the squared distances of features, or any number above 0."""


def squared_distances(
    first: Float[Tensor, "first features"], second: Float[Tensor, "second features"]
) -> Float[Tensor, "first second"]:
    """Returns |u - v|^2 of all pairs, at least 0; differentiable."""
    # Distances do not depend on the origin, but cancellation does.
    centre = second.detach().mean(dim=0)
    u, v = first - centre, second - centre
    found = u.square().sum(dim=1)[:, None] + v.square().sum(dim=1) - 2 * u @ v.T
    return found.clamp_min(0)


def gram(
    first: Float[Tensor, "first features"],
    second: Float[Tensor, "second features"],
    width: float = 1.0,
) -> Float[Tensor, "first second"]:
    """Returns the kernel of all pairs.

    The paper's kernel has no bandwidth: h = 1. As a density it is N(0, h I / 2).

    Args:
        first: features of the first set.
        second: features of the second set.
        width: bandwidth h > 0.
    """
    return (-squared_distances(first, second) / width).exp()


def checked_bandwidth(bandwidth: Bandwidth) -> Bandwidth:
    """Checks that a bandwidth is `one`, `median` or a finite number above 0.

    Raises:
        InvalidInput: anything else.
    """
    if bandwidth in ("one", "median"):
        return bandwidth
    if not isinstance(bandwidth, str) and 0 < bandwidth < math.inf:
        return bandwidth
    raise InvalidInput(f"Bandwidth {bandwidth!r}; expected 'one', 'median' or a number above 0.")


def width_of(bandwidth: Bandwidth, features: Float[Tensor, "rows features"]) -> float:
    """Returns h of a bandwidth for these features, which only `median` uses."""
    if bandwidth == "median":
        return median_bandwidth(features)
    return 1.0 if bandwidth == "one" else float(bandwidth)


def median_bandwidth(features: Float[Tensor, "rows features"]) -> float:
    """Returns the median of the squared distances between different rows.

    Raises:
        InvalidInput: fewer than two rows, or half of the pairs are alike.
    """
    rows = len(features)
    if rows < 2:
        raise InvalidInput(f"A median bandwidth needs at least 2 images; got {rows}.")
    points = as_float64(features.detach())
    above = torch.ones(rows, rows, dtype=torch.bool, device=features.device).triu(1)
    found = float(squared_distances(points, points)[above].median())
    if found > 1e-12 * float(points.square().sum(dim=1).mean()):
        return found
    raise InvalidInput(
        "The median bandwidth is 0: half of the pairs of images have the same features. Remove "
        "duplicates, take other features, or set the bandwidth to a number."
    )
