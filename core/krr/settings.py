"""The settings of a flow."""

import math
from dataclasses import dataclass, field
from typing import Literal, TypeAlias, get_args

from ..errors import InvalidInput
from .divergences import DIVERGENCES, Divergence
from .kernels import Bandwidth, checked_bandwidth
from .mollifier import Mollifier
from .weights import Ridge, checked_ridge

__all__ = ["Estimator", "FlowSettings"]

Estimator: TypeAlias = Literal["krr", "kde", "stein"]


@dataclass(frozen=True)
class FlowSettings:
    """How the three terms of KRR flow's eq. (6) are made.

    Attributes:
        generated: lambda_1 >= 0, of the particles' own log density, which spreads them.
        real: lambda_2 >= 0, of the real images' log density; no effect without real images.
        condition: lambda_3 >= 0, of log p(c|x); no effect without a condition.
        eta: > 0, ridge of the particles' weights, or `count` for the number of particles of a
            density; the paper does not tell its own. At `count`, n, the step is within some 10 %
            of that of the kernel density estimator, the limit of large eta (3 to 9 % on the
            digits, by `latentsteer bench krr`). A tenth of n is ridge regression proper: 23 to
            48 % from it, and on the digits as good. From a hundredth down weights become negative,
            and particles may collapse.
        xi: the same for the real images' weights; `count` is the number of real images of a step.
        bandwidth: h of the kernel: `one` (the paper), `median`, or a number. The median is of the
            real images' features where there are any, else of the particles' at each step.
        mollifier: of the kernel.
        estimator: `krr`; `kde`, its limit for large eta and xi; or `stein`, the paper's ablation:
            the particles' score by Stein's identity with ridge eta, the real images' by `krr`. The
            curve of its first term is then that of `kde`.
        self_term: whether a particle is in its own density, as in the paper.
        divergence: that the flow lowers; see `core.krr.divergences` for what r is.
        floor: guard of the logarithms, see `core.krr.density.log_density`.
        pooled: whether particles of several conditions share one density, log q(x); else each
            condition has its own, log q(x|c), as in algorithm 1, which has one c.
        real_samples: how many of the real images a density is made of, drawn without
            replacement; 0 for all of them. Algorithm 1 draws as many as there are particles.
        real_fresh: whether they are drawn anew at each step; else once for the run, as in
            algorithm 1. No effect where all are taken.

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
    # Interrupted runs are told by the text of this: these are named where they have an effect.
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
            raise InvalidInput(f"Estimator {self.estimator!r}; there are {known}.")
        if self.divergence not in DIVERGENCES:
            known = ", ".join(DIVERGENCES)
            raise InvalidInput(f"Divergence {self.divergence!r}; there are {known}.")
        if not 0 < self.floor < 1:
            raise InvalidInput(f"The floor is {self.floor}; expected a number in (0, 1).")
        if self.real_samples < 0 or self.real_samples == 1:
            raise InvalidInput(
                f"{self.real_samples} real images of a step; a density needs at least 2. Take 0 "
                "for all of them."
            )
