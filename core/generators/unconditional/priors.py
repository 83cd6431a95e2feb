"""The uniform prior of the DCGANs of chainer-gan-lib."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from ...rng import SampleRng

__all__ = ["UniformPrior"]


@dataclass(frozen=True)
class UniformPrior:
    """Uniform prior on [-1, 1]^dim.

    Attributes:
        dim: dimension of a point.
    """

    dim: int

    def __str__(self) -> str:
        return "z ~ U(-1, 1)"

    def sample(self, rng: SampleRng, like: Tensor) -> Float[Tensor, "batch dim"]:
        """Draws one point per row of rng."""
        return 2 * rng.uniform(self.dim, like=like) - 1

    @property
    def log_density(self) -> Callable[[Tensor], Tensor]:
        """Log p(z) per row: -inf outside."""

        def evaluate(z: Float[Tensor, "batch dim"]) -> Float[Tensor, " batch"]:
            inside = (z.abs() <= 1).all(dim=1)
            # The gradient is zero everywhere.
            level = 0 * z.sum(dim=1) - self.dim * math.log(2)
            return torch.where(inside, level, -torch.inf)

        return evaluate
