"""Codes of a discrete VAE as latents: their features on a grid, and a prior over them."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from einops import rearrange
from jaxtyping import Float, Int
from torch import Tensor

from ...devices import placed
from ...rng import SampleRng

__all__ = ["CodePrior", "grid_of"]


def grid_of(
    codes: Int[Tensor, "batch places"], table: Float[Tensor, "codes features"], side: int
) -> Float[Tensor, "batch dim"]:
    """Latents of codes: the features of each, channels first, as flat rows.

    Args:
        codes: a code per place, row by row of the grid.
        table: features of each code.
        side: places a side of the grid.
    """
    return rearrange(
        table[codes],
        "batch (row column) features -> batch (features row column)",
        row=side,
    )


@dataclass(frozen=True, eq=False)
class CodePrior:
    """Prior of a code at each place of a grid, independent of the other places.

    It is not the law of images: DALL-E's is a transformer's, which has never been released. A flow
    or a search moves the features from there.

    Attributes:
        table: features of each code, on the CPU.
        side: places a side of the grid.
        shares: the probability of each code at each place, up to a factor, on the CPU; None where
            all codes are alike.
    """

    table: Float[Tensor, "codes features"]
    side: int
    shares: Float[Tensor, "places codes"] | None = None

    def sample(self, rng: SampleRng, like: Tensor) -> Float[Tensor, "batch dim"]:
        """Draws one point per row of rng."""
        drawn = rng.uniform(self.side**2, like=torch.empty(0, dtype=torch.float64))
        last = len(self.table) - 1
        if self.shares is None:
            codes = (drawn * len(self.table)).long().clamp(max=last)
        else:
            up_to = self.shares.double().cumsum(dim=1)
            level = (drawn * up_to[:, -1]).mT.contiguous()
            codes = torch.searchsorted(up_to, level, right=True).mT.clamp(max=last)
        return placed(grid_of(codes, self.table, self.side), like)

    @property
    def log_density(self) -> Callable[[Tensor], Tensor] | None:
        """None, since the prior is of single points."""
        return None

    def __str__(self) -> str:
        places = f"{self.side} x {self.side}"
        how = "all alike" if self.shares is None else "by its share there"
        return f"one of {len(self.table)} codes at each of {places} places, {how}"
