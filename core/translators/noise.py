"""Noise on the conditions of a training, TR0N eq. (12), isotropic or as the pairs' conditions."""

from typing import Literal, TypeAlias

import torch
from jaxtyping import Float
from torch import Tensor

from ..devices import placed
from ..errors import InvalidInput

__all__ = ["ConditionNoise", "NoiseKind", "covariance_root"]

NoiseKind: TypeAlias = Literal["isotropic", "covariance"]
"""The law of the noise, without gamma: N(0, I), or N(0, C) with C the conditions' covariance."""
BLOCK = 1 << 14
"""Conditions whose products are summed at a time."""


class ConditionNoise:
    """Adds gamma e to conditions, with e drawn again for every batch.

    The paper has isotropic noise, e from N(0, I). With the option `--with_covariance` of the
    released code e is from N(0, C), where C is the covariance of the conditions of all pairs: the
    noise has the directions in which conditions differ, and gamma is relative to their spread.

    Departure: the released code factors C by Cholesky, which fails for a singular one such as that
    of class probabilities. Here it is C's symmetric root.

    Args:
        std: gamma.
        kind: law of e.
        conditions: conditions of all pairs, on the CPU.

    Raises:
        InvalidInput: fewer than two pairs, which have no covariance.
    """

    def __init__(
        self, std: float, kind: NoiseKind, conditions: Float[Tensor, "pairs embed"]
    ) -> None:
        self.std = std
        wanted = std > 0 and kind == "covariance"
        self.root = covariance_root(conditions).float() if wanted else None

    def added(
        self, conditions: Float[Tensor, "batch embed"], stream: torch.Generator
    ) -> Float[Tensor, "batch embed"]:
        """Returns the conditions of a batch with their noise; draws none if gamma is 0."""
        if self.std == 0:
            return conditions
        drawn = torch.randn(conditions.shape, generator=stream)
        if self.root is not None:
            drawn = drawn @ self.root
        return conditions + self.std * placed(drawn, conditions)


def covariance_root(conditions: Float[Tensor, "pairs embed"]) -> Float[Tensor, "embed embed"]:
    """Returns the symmetric root of the covariance of conditions, normalised by n - 1.

    The sums are in float64, block by block.

    Raises:
        InvalidInput: fewer than two rows.
    """
    count = len(conditions)
    if count < 2:
        raise InvalidInput(
            f"Noise with the covariance of {count} pairs; at least 2 are needed. Make more pairs, "
            "or choose isotropic noise."
        )
    mean = sum(block.double().sum(dim=0) for block in conditions.split(BLOCK)) / count
    centred = (block.double() - mean for block in conditions.split(BLOCK))
    covariance = sum((block.T @ block for block in centred), torch.zeros(())) / (count - 1)
    values, vectors = torch.linalg.eigh(covariance)
    return (vectors * values.clamp_min(0).sqrt()) @ vectors.T
