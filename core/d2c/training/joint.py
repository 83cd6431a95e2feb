"""The diffusion's term of eq. (5), and how its gradient reaches the encoder."""

from collections.abc import Callable, Iterable

import torch
from jaxtyping import Float, Int
from torch import Tensor

from ...devices import as_float64
from ...diffusion.ddim import diffused
from ...diffusion.schedule import NoiseSchedule
from ...generators.d2c.networks.model import ChannelScale

__all__ = ["LatentStatistics", "antithetic_times", "diffusion_term", "gradient_times", "in_full"]

LEAST_VARIANCE = 1e-8


def in_full(x: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
    """Returns what autocast has computed in half precision in float32; other types as they are."""
    return x.float() if x.dtype in (torch.bfloat16, torch.float16) else x


def gradient_times(x: Float[Tensor, "*shape"], factor: float) -> Float[Tensor, "*shape"]:
    """Returns x, through which gradients pass multiplied by a factor; by 0 none passes."""
    fixed = x.detach()
    return fixed + factor * (x - fixed) if factor else fixed


def diffusion_term(
    denoiser: Callable[[Tensor, Tensor], Tensor],
    latents: Float[Tensor, "batch ..."],
    schedule: NoiseSchedule,
    times: Int[Tensor, " batch"],
    noise: Float[Tensor, "batch ..."],
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
    return in_full(denoiser(noisy, times) - noise).square().flatten(1).sum(dim=1)


class LatentStatistics(ChannelScale):
    """Mean and standard deviation of each channel of the latents; the diffusion's coordinates.

    While it trains it standardises by the statistics of the batch, through which gradients flow:
    otherwise a jointly trained encoder would lower the diffusion's term by shrinking its latents,
    a minimum that eq. (5) does not exclude for a deterministic encoder. The buffers then follow
    the batches. In evaluation it standardises by the buffers, `latent_mod` in official files.

    Args:
        channels: channels of a latent.
        rate: share of each batch in the buffers.
    """

    def __init__(self, channels: int, rate: float = 0.01) -> None:
        super().__init__(channels)
        self.rate = rate

    def forward(
        self, z: Float[Tensor, "batch channels h w"]
    ) -> Float[Tensor, "batch channels h w"]:
        """Returns standardised latents."""
        if not self.training:
            return super().forward(z)
        variance, mean = torch.var_mean(z, (0, 2, 3), correction=0, keepdim=True)
        std = (variance + LEAST_VARIANCE).sqrt()
        with torch.no_grad():
            self.mean.lerp_(mean, self.rate)
            self.std.lerp_(std, self.rate)
        return (z - mean) / std

    @torch.no_grad()
    def measure(self, latents: Iterable[Float[Tensor, "batch channels h w"]]) -> None:
        """Sets the buffers to the mean and the standard deviation of all these latents."""
        count, total, squares = 0, torch.zeros(1), torch.zeros(1)
        for some in latents:
            exact = as_float64(some)
            count += exact.numel() // exact.shape[1]
            total = total.to(exact) + exact.sum((0, 2, 3), keepdim=True)
            squares = squares.to(exact) + exact.square().sum((0, 2, 3), keepdim=True)
        mean = total / count
        self.mean.copy_(mean)
        self.std.copy_((squares / count - mean.square()).clamp(min=LEAST_VARIANCE).sqrt())


def antithetic_times(count: int, times: int, stream: torch.Generator) -> Int[Tensor, " count"]:
    """Draws noise levels for a batch, in pairs t and T - 1 - t, as DDIM's and D2C's code does."""
    half = torch.randint(times, (count // 2 + 1,), generator=stream)
    return torch.cat([half, times - 1 - half])[:count]
