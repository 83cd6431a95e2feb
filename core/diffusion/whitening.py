"""Standardisation of latents for a diffusion."""

import math
from dataclasses import dataclass
from typing import Literal, TypeAlias, get_args

import torch
from einops import repeat
from jaxtyping import Float
from torch import Tensor

from ..devices import placed
from ..errors import InvalidInput
from ..spaces import Space

__all__ = ["Whitening", "WhiteningKind"]

WhiteningKind: TypeAlias = Literal["none", "coordinates", "channels", "matrix"]
LEAST = 1e-6
"""Smallest standard deviation relative to the largest one; below it a coordinate is constant."""


@dataclass(frozen=True, eq=False)
class Whitening:
    """Affine map between latents z and x = (z - mean) / scale of mean 0 and variance 1.

    Attributes:
        mean: (dim,).
        scale: standard deviation of each coordinate, (dim,), or a lower triangular matrix with
            z = mean + scale x, (dim, dim).

    Raises:
        InvalidInput: shapes that do not fit, or a scale that is not invertible.
    """

    mean: Float[Tensor, " dim"]
    scale: Float[Tensor, "..."]

    def __post_init__(self) -> None:
        dim = len(self.mean)
        if self.scale.shape not in ((dim,), (dim, dim)):
            raise InvalidInput(
                f"A whitening with a mean of {dim} numbers and a scale of the shape "
                f"{list(self.scale.shape)}; expected [{dim}] or [{dim}, {dim}]."
            )
        own = self.scale if self.scale.ndim == 1 else self.scale.diagonal()
        if not bool(((own > 0) & (own < math.inf)).all() & self.mean.isfinite().all()):
            raise InvalidInput("A whitening whose scales are not all finite and above 0.")

    @classmethod
    def of(
        cls, latents: Float[Tensor, "rows dim"], space: Space, kind: WhiteningKind
    ) -> "Whitening":
        """Returns the whitening of some latents, computed in float64.

        Coordinates that do not vary are only shifted.

        Args:
            latents: latents on the CPU, finite.
            space: their space.
            kind: `none` changes nothing; `coordinates` divides by the standard deviation of each
                coordinate; `channels` by that of each channel of a grid, as D2C does, and of each
                other block's coordinate; `matrix` by the Cholesky factor of the covariance.

        Raises:
            InvalidInput: an unknown kind, or fewer than 2 latents.
        """
        if kind not in get_args(WhiteningKind):
            raise InvalidInput(
                f"Whitening {kind!r}; expected one of {', '.join(get_args(WhiteningKind))}."
            )
        if kind == "none":
            return cls(torch.zeros(space.dim), torch.ones(space.dim))
        if len(latents) < 2:
            raise InvalidInput(f"Whitening of {len(latents)} latents; at least 2 needed.")
        z = latents.double()
        if kind == "matrix":
            mean = z.mean(dim=0)
            return cls(mean.float(), _factor((z - mean).mT @ (z - mean) / len(z)).float())
        if kind == "channels":
            mean, std = _by_channel(z, space)
        else:
            mean, std = z.mean(dim=0), z.std(dim=0, correction=0)
        std = torch.where(std > LEAST * std.max(), std, 1)
        return cls(mean.float(), std.float())

    def to_white(self, z: Float[Tensor, "batch dim"]) -> Float[Tensor, "batch dim"]:
        """Returns x for latents z, on their device and in their type."""
        mean, scale = placed(self.mean, z), placed(self.scale, z)
        if scale.ndim == 1:
            return (z - mean) / scale
        return torch.linalg.solve_triangular(scale, (z - mean).mT, upper=False).mT

    def from_white(self, x: Float[Tensor, "batch dim"]) -> Float[Tensor, "batch dim"]:
        """Returns z for whitened latents x, on their device and in their type."""
        mean, scale = placed(self.mean, x), placed(self.scale, x)
        return mean + (x * scale if scale.ndim == 1 else x @ scale.mT)


def _factor(covariance: Tensor) -> Tensor:
    """Cholesky factor of a covariance, of which some directions may not vary."""
    floor = LEAST**2 * covariance.diagonal().max().clamp_min(torch.finfo(covariance.dtype).tiny)
    values, vectors = torch.linalg.eigh(covariance)
    steady = vectors * torch.where(values > floor, values, 1) @ vectors.mT
    return torch.linalg.cholesky(steady)


def _by_channel(z: Tensor, space: Space) -> tuple[Tensor, Tensor]:
    means: list[Tensor] = []
    stds: list[Tensor] = []
    for block in space.blocks:
        part = z[:, space.slices()[block.name]]
        if len(block.shape) == 3:
            channels = part.reshape(len(z), block.shape[0], -1)
            size = channels.shape[-1]
            mean, std = channels.mean(dim=(0, 2)), channels.std(dim=(0, 2), correction=0)
            means.append(repeat(mean, "channels -> (channels size)", size=size))
            stds.append(repeat(std, "channels -> (channels size)", size=size))
        else:
            means.append(part.mean(dim=0))
            stds.append(part.std(dim=0, correction=0))
    return torch.cat(means), torch.cat(stds)
