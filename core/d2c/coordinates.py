"""Coordinates of latents in which a classifier of few labels is trained."""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from ..diffusion.whitening import Whitening
from ..errors import InvalidInput

__all__ = ["LatentCoordinates"]

POWER = 0.25
"""Power of the covariance that coordinates are divided by: 0 keeps them, 1/2 whitens them."""
LEAST = 1e-8
"""Smallest variance of a direction relative to the mean one."""


@dataclass(frozen=True, eq=False)
class LatentCoordinates:
    """Linear coordinates u = A (z - mean) of latents.

    The ridge of a linear classifier prefers directions in which latents vary much, so with few
    labels its result depends on the coordinates. In whitened latents all directions are alike, and
    those of small variance are mostly noise of the encoder. In the encoder's own latents a detail
    of small variance is hardly found. These are halfway: each principal direction is divided by
    the square root of its standard deviation.

    Attributes:
        mean: (dim,), in float64.
        matrix: A, (dim, dim), in float64.
    """

    mean: Float[Tensor, " dim"]
    matrix: Float[Tensor, "dim dim"]

    @classmethod
    def of(cls, whitening: Whitening, latents: Float[Tensor, "rows dim"]) -> "LatentCoordinates":
        """Returns the coordinates C^(-1/4) (x - mean) of the whitened latents x of a prior.

        C is the covariance of x, shrunk towards a multiple of the identity by as much as if there
        were `dim` more latents of that covariance. Coordinates have a mean variance of 1.

        Args:
            whitening: that of the diffusion prior.
            latents: latents as the classifier will meet them, such as draws of the prior.

        Raises:
            InvalidInput: fewer than 2 latents.
        """
        if len(latents) < 2:
            raise InvalidInput(f"Coordinates of {len(latents)} latents; at least 2 needed.")
        z = latents.detach().cpu().double()
        exact = Whitening(whitening.mean.double(), whitening.scale.double())
        x = exact.to_white(z)
        count, dim = x.shape
        middle = x.mean(dim=0)
        own = torch.cov(x.mT)
        level = own.diagonal().mean()
        shrunk = (count * own + dim * level * torch.eye(dim, dtype=own.dtype)) / (count + dim)
        values, vectors = torch.linalg.eigh(shrunk)
        values = values.clamp_min(LEAST * values.mean())
        # exact.to_white(e_i + mean) are the columns of the inverse of the scale.
        inverse = exact.to_white(torch.eye(dim, dtype=own.dtype) + exact.mean).mT
        matrix = (vectors * values**-POWER) @ vectors.mT @ inverse
        matrix = matrix / values.pow(1 - 2 * POWER).mean().sqrt()
        return cls(exact.from_white(middle[None])[0], matrix)

    def __call__(self, z: Float[Tensor, "batch dim"]) -> Float[Tensor, "batch dim"]:
        """Returns the coordinates of latents, in float64."""
        return (z.double() - self.mean) @ self.matrix.mT
