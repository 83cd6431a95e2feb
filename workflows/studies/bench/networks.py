"""Stand-ins for the papers' generators in benchmarks: plain convolutions with random weights.

Channels, resolutions and parameter counts are those of BigGAN at 512 pixels (width 96) and of
StyleGAN2 at 1024. Attention, normalisation and noise are omitted, since they cost little.
"""

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

__all__ = ["GrowingNetwork", "StyledNetwork", "biggan_512", "numbers", "stylegan2_1024"]


class _Residual(nn.Module):
    """Residual block that doubles the side: two 3 x 3 convolutions and a 1 x 1 shortcut."""

    def __init__(self, given: int, made: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(given, made, 3, padding=1)
        self.second = nn.Conv2d(made, made, 3, padding=1)
        self.shortcut = nn.Conv2d(given, made, 1)

    def forward(self, x: Tensor) -> Tensor:
        h = functional.interpolate(x.relu(), scale_factor=2.0)
        h = self.second(self.first(h).relu())
        return h + functional.interpolate(self.shortcut(x), scale_factor=2.0)


class GrowingNetwork(nn.Module):
    """BigGAN-like generator: residual blocks that each double the side, from 4 pixels.

    Args:
        latent: length of z.
        channels: channels at 4, 8, ... pixels.
    """

    def __init__(self, latent: int, channels: Sequence[int]) -> None:
        super().__init__()
        self.latent = latent
        self.project = nn.Linear(latent, channels[0] * 16)
        self.blocks = nn.ModuleList(_Residual(wide, narrow) for wide, narrow in pairwise(channels))
        self.image = nn.Conv2d(channels[-1], 3, 3, padding=1)

    def forward(self, z: Tensor) -> Tensor:
        """Images in [0, 1]."""
        x = self.project(z).unflatten(1, (-1, 4, 4))
        for block in self.blocks:
            x = block(x)
        return self.image(x.relu()).sigmoid()


class StyledNetwork(nn.Module):
    """StyleGAN2-like generator: two convolutions per resolution, each scaled by its style.

    Args:
        latent: length of z and of the styles.
        channels: channels at 4, 8, ... pixels.
    """

    def __init__(self, latent: int, channels: Sequence[int]) -> None:
        super().__init__()
        self.latent = latent
        self.mapping = nn.ModuleList(nn.Linear(latent, latent) for _ in range(8))
        self.start = nn.Parameter(torch.zeros(1, channels[0], 4, 4))
        widths = [(channels[0], channels[0])]
        for wide, narrow in pairwise(channels):
            widths += [(wide, narrow), (narrow, narrow)]
        self.convolutions = nn.ModuleList(nn.Conv2d(i, o, 3, padding=1) for i, o in widths)
        self.styles = nn.ModuleList(nn.Linear(latent, i) for i, _ in widths)
        self.images = nn.ModuleList(nn.Conv2d(width, 3, 1) for width in channels)

    def forward(self, z: Tensor) -> Tensor:
        """Images in [0, 1]."""
        style = z
        for layer in self.mapping:
            style = functional.leaky_relu(layer(style), 0.2)
        x = self.start
        image = z.new_zeros(len(z), 3, 4, 4)
        for number, (convolve, scale) in enumerate(
            zip(self.convolutions, self.styles, strict=True)
        ):
            if number % 2 == 1:
                x = functional.interpolate(x, scale_factor=2.0)
                image = functional.interpolate(image, scale_factor=2.0, mode="bilinear")
            x = functional.leaky_relu(convolve(x * scale(style)[:, :, None, None]), 0.2)
            if number % 2 == 0:
                image = image + self.images[number // 2](x)
        return image.sigmoid()


def biggan_512() -> nn.Module:
    """BigGAN-like generator of 82 million parameters at 512 pixels."""
    return _frozen(GrowingNetwork(148, [96 * times for times in (16, 16, 8, 8, 4, 2, 1, 1)]))


def stylegan2_1024() -> nn.Module:
    """StyleGAN2-like generator of 30 million parameters at 1024 pixels."""
    return _frozen(StyledNetwork(512, (512, 512, 512, 512, 512, 256, 128, 64, 32)))


def numbers(module: nn.Module) -> int:
    """Number of parameters of a network."""
    return sum(parameter.numel() for parameter in module.parameters())


def _frozen(module: nn.Module) -> nn.Module:
    return module.eval().requires_grad_(False)
