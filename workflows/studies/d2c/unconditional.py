"""Unconditional samples: the diffusion prior against Gaussians, by the judge's features."""

from collections.abc import Callable, Mapping
from functools import partial

import torch
from jaxtyping import Float
from torch import Tensor

from ....core.generator import Generator
from ....core.rng import SampleRng
from .models import D2CStudy

__all__ = ["STEPS", "from_encoder_coordinates", "gaussian_draws", "unconditional_rows"]

STEPS = (10, 50, 100)
"""Steps of the diffusion, those of the paper's table 4."""


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


def unconditional_rows(
    study: D2CStudy, seed: int, count: int
) -> Mapping[str, Callable[[], dict[str, float]]]:
    """Returns the rows of a seed, by name; each measures its distance from real avatars.

    Args:
        study: the models.
        seed: seed of the draws.
        count: number of samples.
    """
    def of(values: Callable[[], Tensor]) -> dict[str, float]:
        return {"fd": study.distance(study.seen(study.images(values())))}

    def fresh() -> SampleRng:
        return SampleRng.of(seed, count, "unconditional")

    return {
        **{f"steps_{n}": partial(of, lambda n=n: study.drawn(fresh(), n)) for n in STEPS},
        "raw": partial(of, lambda: gaussian_draws(study.generator, fresh(), whitened=False)),
        "whitened": partial(of, lambda: gaussian_draws(study.generator, fresh(), whitened=True)),
        "decoded": partial(of, lambda: study.latents[:count]),
        "real": lambda: {"fd": study.distance(study.seen(study.pictures[:count]))},
    }
