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
    """What smooths the kernel: psi = N(0, sigma^2 I).

    In feature space the convolution is closed-form: with s = sigma sqrt(h) it is
    (1 + 2 sigma^2)^(-D/2) exp(-|u - v|^2 / (h (1 + 2 sigma^2))), a wider kernel times a constant.
    The constant divides out of weights and logarithm alike, up to eta: (c K + eta I)^-1 1 times c
    is (K + (eta / c) I)^-1 1. It is dropped: eta and xi count in units of it.
    For D = 512 and sigma = 1 it is 1e-122, and any eta of the paper's form would be infinite.

    In image space it is the mean over samples of k(x, x' - eps), of pixels in [0, 1]: the same
    eps for all pairs and steps, every one with its opposite so that their mean is 0, and the
    matrix of the weights symmetrised. The features of every image are then computed `samples`
    times more.

    Attributes:
        kind: `none`, `feature` or `image`.
        sigma: standard deviation at the first step, above 0; of features in units of the kernel's
            length sqrt(h), of pixels in those of [0, 1]. The paper does not give its own.
        samples: m of eq. (3), even; no effect but in image space.
        final: share of sigma at the last step, at least 0; the paper lets the variance decrease,
            and with 0 it is the density itself that is followed at the end.
        schedule: how sigma gets there: constant (`final` has no effect), linear or cosine.

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
            raise InvalidInput(f"Mollifier {self.kind!r}; there are {known}.")
        if not 0 < self.sigma < math.inf:
            raise InvalidInput(f"The mollifier's sigma is {self.sigma}; it must exceed 0.")
        if self.samples < 2 or self.samples % 2:
            raise InvalidInput(
                f"{self.samples} samples of the mollifier; expected an even number of at least 2."
            )
        Schedule(self.schedule, 1, self.final)

    def sigma_at(self, step: int, steps: int) -> float:
        """The standard deviation at a step of a run; 0 without a mollifier."""
        if self.kind == "none":
            return 0.0
        return self.sigma * Schedule(self.schedule, steps, self.final)(step)


def widened(width: float, sigma: float) -> float:
    """The h of the kernel that a mollifier in feature space makes, sigma in units of sqrt(h)."""
    return width * (1 + 2 * sigma**2)


def offsets(
    samples: int, shape: tuple[int, ...], seed: int, *, like: Tensor
) -> Float[Tensor, "samples ..."]:
    """Standard normal eps, each with its opposite: the same on every machine."""
    stream = stream_of(seed, "mollifier")
    half = torch.randn(samples // 2, *shape, generator=stream)
    return torch.cat([half, -half]).to(like)


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
    """The h of a bandwidth for these features, which only `median` uses."""
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
    points = as_float64(features.detach())
    above = torch.ones(rows, rows, dtype=torch.bool, device=features.device).triu(1)
    found = float(squared_distances(points, points)[above].median())
    if found > 1e-12 * float(points.square().sum(dim=1).mean()):
        return found
    raise InvalidInput(
        "The median bandwidth is 0: half of the pairs of images have the same features. Remove "
        "duplicates, take other features, or set the bandwidth to a number."
    )
