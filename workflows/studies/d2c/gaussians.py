"""Draws of the priors of the avatars' VAE, which the diffusion prior is compared with."""

import torch
from jaxtyping import Float
from torch import Tensor

from ....core.generator import Generator
from ....core.rng import SampleRng

__all__ = ["from_encoder_coordinates", "gaussian_draws"]


def from_encoder_coordinates(
    generator: Generator, latents: Float[Tensor, "batch dim"]
) -> Float[Tensor, "batch dim"]:
    """Returns z for latents as the avatars' VAE was trained with: they are shift + scale z."""
    shift, scale = (generator.module.get_buffer(name).cpu() for name in ("shift", "scale"))
    return torch.linalg.solve_triangular(scale, (latents - shift).mT, upper=False).mT


def gaussian_draws(
    generator: Generator, rng: SampleRng, *, whitened: bool
) -> Float[Tensor, "batch dim"]:
    """Returns draws of the VAE's priors.

    Args:
        generator: the avatars' generator.
        rng: a stream per draw.
        whitened: N(0, I) of the generator's latents, which have the mean and the covariance of
            the encoder's; otherwise N(0, I) of the VAE's own latents, the prior of its training.
    """
    drawn = rng.normal(generator.source.dim, like=torch.empty(0))
    return drawn if whitened else from_encoder_coordinates(generator, drawn)
