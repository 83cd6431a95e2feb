"""Settings of KRR flow."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, TypeAlias, get_args

import torch
from jaxtyping import Float
from torch import Tensor

from ..devices import numbers_on
from ..errors import InvalidInput
from .density import Ridge, checked_ridge
from .kernel import Bandwidth, Mollifier, checked_bandwidth

__all__ = ["DIVERGENCES", "Divergence", "Estimator", "FlowSettings", "speeds"]

Divergence: TypeAlias = Literal["KL", "reverse KL", "Jensen-Shannon", "Hellinger", "Pearson"]
FASTEST = 20.0
"""Largest speed of a particle relative to one at the mean of log r."""
_SPEEDS: Mapping[Divergence, Callable[[Tensor], Tensor]] = {
    "KL": torch.ones_like,
    "reverse KL": lambda r: r,
    "Jensen-Shannon": lambda r: 2 * r / (1 + r),
    "Hellinger": lambda r: r.sqrt(),
    "Pearson": lambda r: r.square(),
}
DIVERGENCES: tuple[Divergence, ...] = tuple(_SPEEDS)


def speeds(
    divergence: Divergence,
    log_ratio: Float[Tensor, " batch"],
    groups: Sequence[Sequence[int]] | None = None,
) -> Float[Tensor, " batch"]:
    """Returns the speed of each particle along grad log r, r = p(x|c) / q(x|c).

    The appendix defines D_f as the integral of q f(p / q). Its first variation is f(r) - r f'(r),
    and its flow moves x along r^2 f''(r) grad log r. With f = -log it is KL(q, p), the paper's, of
    speed 1; with u log u (reverse KL) r; Jensen-Shannon r / (1 + r); Hellinger sqrt(r) / 2;
    Pearson 2 r^2.

    The lambdas of eq. (6) are step sizes of three gradients. They do not belong to the
    distributions, so r does not contain them. log r = log p(x) + log p(c|x) - log q(x|c), each
    term with weight 1 and the energy's own weights within log p(c|x), while the particle moves
    along the weighted gradient; with lambdas of (1, 1, 1) that is the flow of D_f. A term that is
    left out counts as constant, as the paper sets B = 0 without real images. Without p(x), or with
    lambda_2 = 0, r is p(c|x) / q(x|c); with lambda_3 = 0 it is p(x) / q(x|c). Without q (lambda_1
    = 0) there is no ratio, and all divergences move particles as KL does.

    Departures: densities are known up to constants, so log r is centred at its mean over the
    particles of a density, and each speed is scaled to 1 there (a factor that the step size
    absorbs); speeds are at most 20.

    Args:
        divergence: name of the divergence.
        log_ratio: log r, up to a constant for each density.
        groups: positions of the particles of each density; None for one density.

    Raises:
        InvalidInput: an unknown divergence.
    """
    if divergence not in _SPEEDS:
        raise InvalidInput(f"Divergence {divergence!r}; expected one of {', '.join(DIVERGENCES)}.")
    if groups is None:
        middle = log_ratio.mean()
    else:
        middle = torch.zeros_like(log_ratio)
        for places in filter(len, groups):
            own = numbers_on(places, log_ratio.device)
            middle = middle.index_fill(0, own, log_ratio[own].mean())
    centred = (log_ratio - middle).clamp(-30, 30)
    return _SPEEDS[divergence](centred.exp()).clamp_max(FASTEST)


Estimator: TypeAlias = Literal["krr", "kde", "stein"]


@dataclass(frozen=True)
class FlowSettings:
    """Settings of the three terms of KRR flow's eq. (6).

    Attributes:
        generated: lambda_1 >= 0, weight of the particles' own log density, which spreads them.
        real: lambda_2 >= 0, weight of the log density of real images; no effect without them.
        condition: lambda_3 >= 0, weight of log p(c|x); no effect without a condition.
        eta: ridge of the particles' weights, > 0, or `count` for the number of particles of a
            density; the paper does not state its value. At `count`, n, the step is within some 10
            % of that of the kernel density estimator, the limit of large eta (3 to 9 % on the
            digits, by `latentsteer bench krr`). A tenth of n is ridge regression proper: 23 to 48
            % from it, and on the digits as good. From a hundredth down weights become negative,
            and particles may collapse.
        xi: the same for the real images' weights; `count` is the number of real images of a step.
        bandwidth: h of the kernel: `one` (the paper), `median`, or a number. The median is taken
            over the features of the real images where there are any, else over those of the
            particles at each step.
        mollifier: mollifier of the kernel.
        estimator: `krr`; `kde`, its limit for large eta and xi; or `stein`, the paper's ablation:
            the particles' score by Stein's identity with ridge eta, the real images' by `krr`. The
            curve of its first term is then that of `kde`.
        self_term: whether a particle counts in its own density, as in the paper.
        divergence: divergence that the flow lowers; see `core.krr.settings` for r.
        floor: floor of the guard of the logarithms, see `core.krr.density.log_density`.
        pooled: whether particles of several conditions share one density, log q(x). Otherwise each
            condition has its own, log q(x|c), as in algorithm 1, which has one c.
        real_samples: number of real images that a density uses, drawn without replacement; 0 for
            all. Algorithm 1 draws as many as there are particles.
        real_fresh: whether they are drawn again at each step; otherwise once for the run, as in
            algorithm 1. No effect where all are used.

    Raises:
        InvalidInput: a value outside its range.
    """

    generated: float = 1.0
    real: float = 1.0
    condition: float = 1.0
    eta: Ridge = 1.0
    xi: Ridge = 1.0
    bandwidth: Bandwidth = "median"
    mollifier: Mollifier = field(default_factory=Mollifier)
    estimator: Estimator = "krr"
    self_term: bool = True
    divergence: Divergence = "KL"
    floor: float = 1e-2
    # The text is part of the signature of the energy; groups and drawn images are signed
    # separately.
    pooled: bool = field(default=False, repr=False)
    real_samples: int = field(default=0, repr=False)
    real_fresh: bool = field(default=True, repr=False)

    def __post_init__(self) -> None:
        for name, value in (
            ("generated (lambda 1)", self.generated),
            ("real (lambda 2)", self.real),
            ("condition (lambda 3)", self.condition),
        ):
            if not 0 <= value < math.inf:
                raise InvalidInput(f"Weight {name} is {value}; expected a number of at least 0.")
        checked_ridge("eta", self.eta)
        checked_ridge("xi", self.xi)
        checked_bandwidth(self.bandwidth)
        if self.estimator not in get_args(Estimator):
            known = ", ".join(get_args(Estimator))
            raise InvalidInput(f"Estimator {self.estimator!r}; expected one of {known}.")
        if self.divergence not in DIVERGENCES:
            known = ", ".join(DIVERGENCES)
            raise InvalidInput(f"Divergence {self.divergence!r}; expected one of {known}.")
        if not 0 < self.floor < 1:
            raise InvalidInput(f"The floor is {self.floor}; expected a number in (0, 1).")
        if self.real_samples < 0 or self.real_samples == 1:
            raise InvalidInput(
                f"{self.real_samples} real images of a step; a density needs at least 2. Take 0 "
                "for all of them."
            )
