"""The settings of a flow."""

import math
from dataclasses import dataclass, field
from typing import Literal, TypeAlias, get_args

from ..errors import InvalidInput
from .divergences import DIVERGENCES, Divergence
from .kernels import Bandwidth, checked_bandwidth
from .mollifier import Mollifier
from .weights import checked_ridge

__all__ = ["Estimator", "FlowSettings"]

Estimator: TypeAlias = Literal["krr", "kde", "stein"]


@dataclass(frozen=True)
class FlowSettings:
    """How the three terms of KRR flow's eq. (6) are made.

    Attributes:
        generated: lambda_1 >= 0, of the particles' own log density, which spreads them.
        real: lambda_2 >= 0, of the real images' log density; no effect without real images.
        condition: lambda_3 >= 0, of log p(c|x); no effect without a condition.
        eta: > 0, ridge of the particles' weights; the paper does not tell its own. Small ones let
            particles collapse (weights become negative); large ones are the kernel density
            estimator, which is reached at about the number of particles.
        xi: the same for the real images' weights.
        bandwidth: h of the kernel: `one` (the paper), `median`, or a number. The median is of the
            real images' features where there are any, else of the particles' at each step.
        mollifier: of the kernel.
        estimator: `krr`; `kde`, its limit for large eta and xi; or `stein`, the paper's ablation:
            the particles' score by Stein's identity with ridge eta, the real images' by `krr`. The
            curve of its first term is then that of `kde`.
        self_term: whether a particle is in its own density, as in the paper.
        divergence: that the flow lowers.
        floor: guard of the logarithms, see `core.krr.density.log_density`.

    Raises:
        InvalidInput: a value outside its range.
    """

    generated: float = 1.0
    real: float = 1.0
    condition: float = 1.0
    eta: float = 1.0
    xi: float = 1.0
    bandwidth: Bandwidth = "median"
    mollifier: Mollifier = field(default_factory=Mollifier)
    estimator: Estimator = "krr"
    self_term: bool = True
    divergence: Divergence = "KL"
    floor: float = 1e-2

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
            raise InvalidInput(f"Estimator {self.estimator!r}; there are {known}.")
        if self.divergence not in DIVERGENCES:
            known = ", ".join(DIVERGENCES)
            raise InvalidInput(f"Divergence {self.divergence!r}; there are {known}.")
        if not 0 < self.floor < 1:
            raise InvalidInput(f"The floor is {self.floor}; expected a number in (0, 1).")
