"""StarGAN v2's networks (Choi et al., 2020) under the names of clovaai/stargan-v2.

The generator is split in two: an image's features, and the image that a style makes of them.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

__all__ = ["MASKED", "SLOPE", "StarGanBlock", "StarGanLayout", "StyleGenerator"]

SLOPE: Final = 0.2
STAYS: Final = 2
"""Blocks at the end of the encoder, and at the start of the decoder, that keep the side."""
MASKED: Final = {32: 0, 64: 1, 128: 1}
"""Side of maps that a masked image's details are added to, and the mask for them."""


@dataclass(frozen=True)
class StarGanLayout:
    """Sizes of a generator.

    Attributes:
        widths: channels at the image's side, then after each block of the encoder.
        style: length of a style.
        high_pass: whether details pass by a high-pass filter (CelebA-HQ) instead of shortcuts.
    """

    widths: tuple[int, ...]
    style: int
    high_pass: bool

    @property
    def halvings(self) -> int:
        """Blocks of the encoder that halve the side."""
        return len(self.widths) - 1 - STAYS

    @property
    def size(self) -> int:
        """Pixels a side of the images: the smallest maps have 16, with the filter 8."""
        return (8 if self.high_pass else 16) * 2**self.halvings


def _leaky(x: Tensor) -> Tensor:
    return functional.leaky_relu(x, SLOPE)


class _Convs(nn.Module):
    """Two convolutions, and a 1 x 1 convolution of the shortcut where channels change."""

    def __init__(self, before: int, inner: int, after: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(before, inner, 3, padding=1)
        self.conv2 = nn.Conv2d(inner, after, 3, padding=1)
        wider = before != after
        self.conv1x1 = nn.Conv2d(before, after, 1, bias=False) if wider else nn.Identity()


class StarGanBlock(_Convs):
    """Residual block that may halve the side.

    Args:
        before: channels.
        after: channels of the result.
        normal: whether instances are normalised, as in the generator alone.
        halves: whether the side is halved.
    """

    def __init__(self, before: int, after: int, *, normal: bool, halves: bool) -> None:
        super().__init__(before, before, after)
        self.halves = halves
        self.norm1, self.norm2 = (
            nn.InstanceNorm2d(before, affine=True) if normal else nn.Identity() for _ in range(2)
        )

    def forward(self, x: Tensor) -> Tensor:
        h = self.conv1(_leaky(self.norm1(x)))
        shortcut = self.conv1x1(x)
        if self.halves:
            h, shortcut = functional.avg_pool2d(h, 2), functional.avg_pool2d(shortcut, 2)
        return (shortcut + self.conv2(_leaky(self.norm2(h)))) / math.sqrt(2)


class _StyleNorm(nn.Module):
    """Instance normalisation whose scale and shift are linear in the style."""

    def __init__(self, style: int, width: int) -> None:
        super().__init__()
        self.fc = nn.Linear(style, 2 * width)

    def forward(self, x: Tensor, s: Tensor) -> Tensor:
        scale, shift = self.fc(s)[:, :, None, None].chunk(2, dim=1)
        return (1 + scale) * functional.instance_norm(x) + shift


class _StyleBlock(_Convs):
    """Residual block of the decoder; without shortcut where details pass by the filter."""

    def __init__(
        self, before: int, after: int, style: int, *, doubles: bool, shortcut: bool
    ) -> None:
        super().__init__(before, after, after)
        self.doubles, self.shortcut = doubles, shortcut
        self.norm1, self.norm2 = _StyleNorm(style, before), _StyleNorm(style, after)

    def _grown(self, x: Tensor) -> Tensor:
        if not self.doubles:
            return x
        return functional.interpolate(x, scale_factor=2.0, mode="nearest")

    def forward(self, x: Tensor, s: Tensor) -> Tensor:
        h = self.conv1(self._grown(_leaky(self.norm1(x, s))))
        h = self.conv2(_leaky(self.norm2(h, s)))
        if not self.shortcut:
            return h
        return (h + self.conv1x1(self._grown(x))) / math.sqrt(2)


class _HighPass(nn.Module):
    filter: Tensor

    def __init__(self) -> None:
        super().__init__()
        kernel = torch.full((3, 3), -1.0)
        kernel[1, 1] = 8.0
        self.register_buffer("filter", kernel)

    def forward(self, x: Tensor) -> Tensor:
        kernel = self.filter.expand(x.shape[1], 1, 3, 3)
        return functional.conv2d(x, kernel, padding=1, groups=x.shape[1])


class StyleGenerator(nn.Module):
    """Generator G(x, s).

    Args:
        layout: the sizes.
    """

    def __init__(self, layout: StarGanLayout) -> None:
        super().__init__()
        self.layout = layout
        widths, halvings = layout.widths, layout.halvings
        plain = not layout.high_pass
        self.from_rgb = nn.Conv2d(3, widths[0], 3, padding=1)
        self.encode = nn.ModuleList(
            StarGanBlock(before, after, normal=True, halves=number < halvings)
            for number, (before, after) in enumerate(pairwise(widths))
        )
        back = list(pairwise(widths[::-1]))
        self.decode = nn.ModuleList(
            _StyleBlock(*pair, layout.style, doubles=number >= STAYS, shortcut=plain)
            for number, pair in enumerate(back)
        )
        self.to_rgb = nn.Sequential(
            nn.InstanceNorm2d(widths[0], affine=True),
            nn.LeakyReLU(SLOPE),
            nn.Conv2d(widths[0], 3, 1),
        )
        self.hpf = _HighPass() if layout.high_pass else nn.Identity()

    def encoded(
        self, x: Float[Tensor, "batch 3 size size"], masks: Sequence[Tensor] = ()
    ) -> tuple[Float[Tensor, "batch width row column"], dict[int, Tensor]]:
        """The features of images, and the details that pass by the decoder, by their side.

        Args:
            x: images in [-1, 1].
            masks: where details stay, (batch, 1, height, width), for maps of 32 pixels and for
                larger ones; none for no details.
        """
        details: dict[int, Tensor] = {}
        x = self.from_rgb(x)
        for block in self.encode:
            side = x.shape[2]
            if masks and side in MASKED:
                mask = functional.interpolate(masks[MASKED[side]], size=side, mode="bilinear")
                details[side] = self.hpf(mask * x)
            x = block(x)
        return x, details

    def forward(
        self,
        features: Float[Tensor, "batch width row column"],
        s: Float[Tensor, "batch style"],
        details: Mapping[int, Tensor],
    ) -> Float[Tensor, "batch 3 size size"]:
        """Images, about in [-1, 1]."""
        x = features
        for block in self.decode:
            x = block(x, s)
            if x.shape[2] in details:
                x = x + details[x.shape[2]]
        return self.to_rgb(x)
