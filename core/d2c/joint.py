"""The diffusion's term of eq. (5), and how its gradient reaches the encoder."""

import math
from collections.abc import Iterable

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from ..devices import as_float64
from .ddim import diffused
from .schedule import NoiseSchedule

__all__ = ["LatentStatistics", "antithetic_times", "gradient_times", "noise_error"]


def gradient_times(x: Float[Tensor, "*shape"], factor: float) -> Float[Tensor, "*shape"]:
    """Returns x, through which gradients pass multiplied by a factor; by 0 none passes."""
    fixed = x.detach()
    return fixed + factor * (x - fixed) if factor else fixed


def noise_error(
    denoiser: nn.Module,
    latents: Float[Tensor, "batch *shape"],
    schedule: NoiseSchedule,
    times: Int[Tensor, " batch"],
    noise: Float[Tensor, "batch *shape"],
) -> Float[Tensor, " batch"]:
    """Returns a term of l_diff, eq. (2): the squared error of the noise, summed over a latent.

    Its mean over uniform times and normal noise is eq. (2) with w = 1/T, the released loss.

    Args:
        denoiser: predicts the noise from noisy latents and times.
        latents: clean latents, standardised.
        schedule: noise levels.
        times: noise level of each row, 0 to T - 1.
        noise: standard normal noise.
    """
    noisy = diffused(schedule, latents.flatten(1), times, noise.flatten(1)).view_as(latents)
    return (denoiser(noisy, times) - noise).float().square().flatten(1).sum(dim=1)


class LatentStatistics(nn.Module):
    """Mean and standard deviation of each channel of the latents; the diffusion's coordinates.

    While it trains it standardises by the statistics of the batch, through which gradients flow:
    otherwise a jointly trained encoder would lower the diffusion's term by shrinking its latents,
    a minimum that eq. (5) does not exclude for a deterministic encoder. The buffers then follow the
    batches. In evaluation it standardises by the buffers. Their names and shapes are those of
    `latent_mod` in the official files.

    Args:
        channels: channels of a latent.
        rate: share of each batch in the buffers.
    """

    mean: Float[Tensor, "1 channels 1 1"]
    std: Float[Tensor, "1 channels 1 1"]

    def __init__(self, channels: int, rate: float = 0.01) -> None:
        super().__init__()
        self.rate = rate
        self.register_buffer("mean", torch.zeros(1, channels, 1, 1))
        self.register_buffer("std", torch.ones(1, channels, 1, 1))

    def forward(
        self, latents: Float[Tensor, "batch channels height width"]
    ) -> Float[Tensor, "batch channels height width"]:
        """Returns standardised latents."""
        if not self.training:
            return (latents - self.mean) / self.std
        axes = (0, 2, 3)
        variance, mean = torch.var_mean(latents, axes, correction=0, keepdim=True)
        std = (variance + 1e-8).sqrt()
        with torch.no_grad():
            self.mean.lerp_(mean, self.rate)
            self.std.lerp_(std, self.rate)
        return (latents - mean) / std

    @torch.no_grad()
    def measure(self, latents: Iterable[Float[Tensor, "batch channels height width"]]) -> None:
        """Sets the buffers to the mean and the standard deviation of all these latents."""
        count, total, squares = 0, torch.zeros(1), torch.zeros(1)
        for some in latents:
            exact = as_float64(some)
            count += exact.numel() // exact.shape[1]
            total = total.to(exact) + exact.sum((0, 2, 3), keepdim=True)
            squares = squares.to(exact) + exact.square().sum((0, 2, 3), keepdim=True)
        mean = total / count
        self.mean.copy_(mean)
        self.std.copy_((squares / count - mean.square()).clamp(min=1e-8).sqrt())

    def undone(
        self, white: Float[Tensor, "batch channels height width"]
    ) -> Float[Tensor, "batch channels height width"]:
        """Returns the latents of standardised ones."""
        return white * self.std + self.mean


def antithetic_times(count: int, times: int, stream: torch.Generator) -> Int[Tensor, " count"]:
    """Draws noise levels for a batch, in pairs t and T - 1 - t, as DDIM's and D2C's code does."""
    half = torch.randint(times, (math.ceil(count / 2),), generator=stream)
    return torch.cat([half, times - 1 - half])[:count]
