"""A normal prior truncated to [-2, 2] and scaled, as of DF-GAN and of BigGAN."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import torch
from jaxtyping import Float
from torch import Tensor

from ..devices import placed
from ..rng import SampleRng

__all__ = ["LIMIT", "TruncatedNormal", "truncated_normal"]

LIMIT: Final = 2.0
"""Bound at which the normal law is truncated."""


def truncated_normal(uniform: Float[Tensor, "*batch"]) -> Float[Tensor, "*batch"]:
    """Turns numbers of [0, 1), best in float64, into draws of N(0, 1) truncated to [-2, 2]."""
    tail = 0.5 * math.erfc(LIMIT / math.sqrt(2))
    return torch.special.ndtri(tail + (1 - 2 * tail) * uniform).clamp(-LIMIT, LIMIT)


@dataclass(frozen=True)
class TruncatedNormal:
    """Prior of psi times a normal truncated to [-2, 2].

    Attributes:
        dim: dimension of a point.
        psi: scale, in (0, 1].
    """

    dim: int
    psi: float = 1.0

    def sample(self, rng: SampleRng, like: Tensor) -> Float[Tensor, "batch dim"]:
        """Draws one point per row of rng."""
        uniform = rng.uniform(self.dim, like=torch.empty(0, dtype=torch.float64))
        return placed(self.psi * truncated_normal(uniform), like)

    @property
    def limit(self) -> float:
        """Largest absolute value under the prior."""
        return LIMIT * self.psi

    @property
    def log_density(self) -> Callable[[Tensor], Tensor]:
        """Log p(z) per row; -inf beyond the limit."""

        def evaluate(z: Float[Tensor, "batch dim"]) -> Float[Tensor, " batch"]:
            each = math.log(self.psi * math.sqrt(2 * math.pi) * math.erf(LIMIT / math.sqrt(2)))
            # The margin keeps points on the limit inside, however psi is rounded.
            inside = (z.abs() <= self.limit * (1 + 1e-6)).all(dim=1)
            return torch.where(inside, -self.potential(z) - self.dim * each, -torch.inf)

        return evaluate

    def potential(
        self, z: Float[Tensor, "batch dim"], scale: float = 1.0
    ) -> Float[Tensor, " batch"]:
        """|z|^2 / (2 (scale psi)^2) per row, ignoring the truncation."""
        return z.square().sum(dim=1) / (2 * (scale * self.psi) ** 2)

    def __str__(self) -> str:
        return f"z ~ {self.psi:g} x truncnorm[-{LIMIT:g}, {LIMIT:g}]"
