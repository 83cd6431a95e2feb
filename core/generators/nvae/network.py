"""NVAE's decoder: groups of latents from coarse to fine, and the law of the pixels.

Vahdat and Kautz, "NVAE: A Deep Hierarchical Variational Autoencoder" (2020), figures 2 and 3.
Written from the paper and from the names and shapes in official state dicts.
"""

from collections.abc import Sequence
from typing import Final

import torch
from jaxtyping import Float
from torch import Tensor, nn

from ...rng import SampleRng
from ..d2c.networks.cells import Cell, NormedConv
from ..d2c.networks.logistics import LogisticMixture
from .layouts import NvaeLayout

__all__ = ["LEAST_DEVIATION", "NvaeDecoder", "softly_clamped"]

LEAST_DEVIATION: Final = 1e-2
"""Added to every standard deviation."""
BOUND: Final = 5.0


def softly_clamped(x: Float[Tensor, "*any"]) -> Float[Tensor, "*any"]:
    """5 tanh(x / 5), by which means and log deviations stay within [-5, 5]."""
    return BOUND * (x / BOUND).tanh()


class _Entry(nn.Module):
    """Where a group of latents enters: a 1x1 convolution of maps and latents."""

    def __init__(self, width: int, latent: int) -> None:
        super().__init__()
        self.conv = NormedConv(width + latent, width, 1)

    def forward(self, x: Tensor, z: Tensor) -> Tensor:
        return self.conv(torch.cat([x, z], dim=1))


class NvaeDecoder(nn.Module):
    """Decoder from z_0 and the noise of the other groups to the law of the pixels.

    Args:
        layout: its sizes.
    """

    def __init__(self, layout: NvaeLayout) -> None:
        super().__init__()
        self.layout = layout
        width = layout.width
        self.prior_ftr0 = nn.Parameter(torch.zeros(width, layout.base, layout.base))
        self.dec_tower = nn.ModuleList()
        self.dec_sampler = nn.ModuleList()
        entered = 0
        for cell in layout.tower:
            if cell is not None:
                self.dec_tower.append(Cell(cell))
                width = cell.outputs
                continue
            if entered:
                law = NormedConv(width, 2 * layout.latent, 1)
                self.dec_sampler.append(nn.Sequential(nn.ELU(), law))
            self.dec_tower.append(_Entry(width, layout.latent))
            entered += 1
        self.post_process = nn.ModuleList(map(Cell, layout.post))
        if layout.post:
            width = layout.post[-1].outputs
        self.image_conditional = nn.Sequential(nn.ELU(), NormedConv(width, layout.outputs))

    def forward(
        self,
        z: Float[Tensor, "batch latent h w"],
        noise: Sequence[Float[Tensor, "batch latent _ _"] | None],
        temperature: float = 1.0,
    ) -> Float[Tensor, "batch outputs height width"]:
        """Numbers of the law of each pixel.

        Args:
            z: the first group, z_0.
            noise: standard normal noise of each other group; None for its mean.
            temperature: factor on the deviations of these groups.
        """
        x = self.prior_ftr0.expand(len(z), -1, -1, -1)
        entered = 0
        for part in self.dec_tower:
            if not isinstance(part, _Entry):
                x = part(x)
                continue
            if entered:
                z = self._group(entered - 1, x, noise[entered - 1], temperature)
            x = part(x, z)
            entered += 1
        for cell in self.post_process:
            x = cell(x)
        return self.image_conditional(x)

    def _group(self, number: int, x: Tensor, noise: Tensor | None, temperature: float) -> Tensor:
        mean, log_deviation = self.dec_sampler[number](x).chunk(2, dim=1)
        mean = softly_clamped(mean)
        if noise is None:
            return mean
        deviation = softly_clamped(log_deviation).exp() + LEAST_DEVIATION
        return mean + noise * (temperature * deviation)

    def images(
        self, numbers: Float[Tensor, "batch outputs h w"], rng: SampleRng | None = None
    ) -> Float[Tensor, "batch 3 h w"]:
        """Images in [0, 1].

        Args:
            numbers: value of `forward`.
            rng: streams to draw the colours from; None for their means.
        """
        if self.layout.mixtures:
            law = LogisticMixture.of(numbers)
            return law.plug_in_mean() if rng is None else law.sample(rng)
        mean, log_deviation = map(softly_clamped, numbers.chunk(2, dim=1))
        if rng is not None:
            deviation = log_deviation.exp() + LEAST_DEVIATION
            mean = mean + deviation * rng.normal(*mean.shape[1:], like=mean)
        return mean.clamp(-1, 1) / 2 + 0.5
