"""The error of a denoiser on held-out latents, beside that of a normal law."""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from ..rng import stream_of
from .ddim import NoiseOf, diffused
from .schedule import NoiseSchedule

__all__ = ["NoiseErrors", "gaussian_denoiser", "noise_error"]

LEVELS = 16
"""Number of times at which the error is measured."""
ROWS, NUMBERS = 1024, 1 << 16
"""Largest numbers of latents and of coordinates at a time."""
FULL = 2048
"""Largest dimension for which the normal law has a full covariance."""


@dataclass(frozen=True)
class NoiseErrors:
    """Mean squared error of the predicted noise per coordinate, over latents and times.

    Attributes:
        prior: of the diffusion prior, on held-out latents.
        gaussian: of the best denoiser of a normal law with the moments of the training latents,
            on the same latents and noise.
        held_out: number of held-out latents; without any, errors are on the training latents.
        trained: number of latents of the training.
    """

    prior: float
    gaussian: float
    held_out: int
    trained: int

    def __str__(self) -> str:
        on = f"{self.held_out} held-out latents" if self.held_out else "the training latents"
        return f"noise error {self.prior:.4f} on {on} (a normal law {self.gaussian:.4f})"


@torch.no_grad()
def noise_error(
    noise_of: NoiseOf,
    schedule: NoiseSchedule,
    white: Float[Tensor, "rows dim"],
) -> float:
    """Returns the mean squared error of the predicted noise per coordinate.

    It is the mean over evenly spread times, at each of which every latent gets the same noise at
    every call.

    Args:
        noise_of: the denoiser.
        schedule: noise levels.
        white: whitened latents.
    """
    last = len(schedule) - 1
    count = min(LEVELS, len(schedule))
    times = [round(last * (n + 0.5) / count) for n in range(count)]
    total = 0.0
    rows = max(1, min(ROWS, NUMBERS // white.shape[1]))
    for t in times:
        stream = stream_of("noise error", t)
        for part in white.split(rows):
            noise = torch.randn(part.shape, generator=stream).to(part)
            on = torch.full((len(part),), t, dtype=torch.long, device=part.device)
            found = noise_of(diffused(schedule, part, on, noise), on)
            total += float((found - noise).double().square().sum())
    return total / (white.numel() * len(times))


def gaussian_denoiser(white: Float[Tensor, "rows dim"], schedule: NoiseSchedule) -> NoiseOf:
    """Returns the best denoiser of the normal law with the moments of whitened latents.

    For N(m, S) the noise is sqrt(1 - a) (a S + (1 - a) I)^-1 (x - sqrt(a) m). Above 2,048
    coordinates S is diagonal.

    Args:
        white: whitened latents.
        schedule: noise levels.
    """
    x = white.cpu().double()
    mean = x.mean(dim=0)
    if x.shape[1] <= FULL:
        values, vectors = torch.linalg.eigh((x - mean).mT @ (x - mean) / len(x))
    else:
        values, vectors = x.var(dim=0, correction=0), None
    held = [(t if t is None else t.to(white)) for t in (mean, values.clamp_min(0), vectors)]

    def noise_of(x: Tensor, t: Tensor) -> Tensor:
        mean, values, vectors = held
        assert mean is not None
        assert values is not None
        level = schedule.level(t).to(x)[:, None]
        off = x - level.sqrt() * mean
        if vectors is None:
            return (1 - level).sqrt() * off / (level * values + 1 - level)
        turned = off @ vectors / (level * values + 1 - level)
        return (1 - level).sqrt() * (turned @ vectors.mT)

    return noise_of
