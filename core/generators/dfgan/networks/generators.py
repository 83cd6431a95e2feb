"""DF-GAN's generators of 2021 and of 2022 (Tao et al., arXiv 2008.05865), under official names.

Both fuse the sentence with the maps by affine maps of each channel. In 2022 these get z as well,
sides double at the start of a block, and residuals have no gain.
"""

from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

__all__ = ["DfGanGenerator", "DfGanLayout", "EarlyDfGanGenerator"]

SIDE: Final = 4
SLOPE: Final = 0.2


@dataclass(frozen=True)
class DfGanLayout:
    """Sizes of a generator.

    Attributes:
        z_dim: length of z.
        sentence: length of a sentence's vector.
        widths: channels of the first maps, then after each block.
        hidden: hidden units of the affine maps in the form of 2021; in that of 2022 they are as
            many as channels.
    """

    z_dim: int
    sentence: int
    widths: tuple[int, ...]
    hidden: int = 256


def _leaky(x: Tensor) -> Tensor:
    return functional.leaky_relu(x, SLOPE)


def _doubled(x: Tensor) -> Tensor:
    return functional.interpolate(x, scale_factor=2.0, mode="nearest")


class _Hidden(nn.Module):
    def __init__(self, inputs: int, hidden: int, outputs: int) -> None:
        super().__init__()
        self.linear1 = nn.Linear(inputs, hidden)
        self.linear2 = nn.Linear(hidden, outputs)

    def forward(self, y: Tensor) -> Tensor:
        return self.linear2(functional.relu(self.linear1(y)))


class _Affine(nn.Module):
    """Scale and shift of each channel, functions of the condition; then a leaky ReLU."""

    def __init__(self, condition: int, hidden: int, width: int) -> None:
        super().__init__()
        self.fc_gamma = _Hidden(condition, hidden, width)
        self.fc_beta = _Hidden(condition, hidden, width)

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        scale, shift = self.fc_gamma(y), self.fc_beta(y)
        return _leaky(x * scale[:, :, None, None] + shift[:, :, None, None])


class _Fusion(nn.Module):
    """Two affine maps."""

    def __init__(self, condition: int, width: int) -> None:
        super().__init__()
        self.affine0 = _Affine(condition, width, width)
        self.affine1 = _Affine(condition, width, width)

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        return self.affine1(self.affine0(x, y), y)


class _Convs(nn.Module):
    """What the blocks of both forms have: two convolutions and a shortcut."""

    def __init__(self, before: int, after: int) -> None:
        super().__init__()
        self.c1 = nn.Conv2d(before, after, 3, padding=1)
        self.c2 = nn.Conv2d(after, after, 3, padding=1)
        self.c_sc = nn.Conv2d(before, after, 1) if before != after else nn.Identity()


class _Block(_Convs):
    """Block of 2022: doubles the side, then adds the residual."""

    def __init__(self, condition: int, before: int, after: int) -> None:
        super().__init__(before, after)
        self.fuse1, self.fuse2 = _Fusion(condition, before), _Fusion(condition, after)

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        x = _doubled(x)
        h = self.c1(self.fuse1(x, y))
        return self.c_sc(x) + self.c2(self.fuse2(h, y))


class _EarlyBlock(_Convs):
    """Block of 2021: adds gamma times the residual."""

    def __init__(self, condition: int, hidden: int, before: int, after: int) -> None:
        super().__init__(before, after)
        self.affine0, self.affine1 = (_Affine(condition, hidden, before) for _ in range(2))
        self.affine2, self.affine3 = (_Affine(condition, hidden, after) for _ in range(2))
        self.gamma = nn.Parameter(torch.zeros(1))

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        h = self.c1(self.affine1(self.affine0(x, y), y))
        h = self.c2(self.affine3(self.affine2(h, y), y))
        return self.c_sc(x) + self.gamma * h


def _colours(width: int) -> nn.Sequential:
    return nn.Sequential(nn.LeakyReLU(SLOPE), nn.Conv2d(width, 3, 3, padding=1), nn.Tanh())


class DfGanGenerator(nn.Module):
    """Generator of 2022; images of 4 * 2^blocks pixels.

    Args:
        layout: the sizes.
    """

    def __init__(self, layout: DfGanLayout) -> None:
        super().__init__()
        self.layout = layout
        widths, condition = layout.widths, layout.z_dim + layout.sentence
        self.size = SIDE * 2 ** (len(widths) - 1)
        self.fc = nn.Linear(layout.z_dim, widths[0] * SIDE**2)
        self.GBlocks = nn.ModuleList(_Block(condition, *pair) for pair in pairwise(widths))
        self.to_rgb = _colours(widths[-1])

    def forward(
        self, z: Float[Tensor, "batch z"], sentence: Float[Tensor, "batch sentence"]
    ) -> Float[Tensor, "batch 3 size size"]:
        """Images in [-1, 1]."""
        x = self.fc(z).unflatten(1, (-1, SIDE, SIDE))
        y = torch.cat([z, sentence], dim=1)
        for block in self.GBlocks:
            x = block(x, y)
        return self.to_rgb(x)


class EarlyDfGanGenerator(nn.Module):
    """Generator of 2021; images of 2 * 2^blocks pixels.

    Args:
        layout: the sizes.
    """

    def __init__(self, layout: DfGanLayout) -> None:
        super().__init__()
        self.layout = layout
        widths = layout.widths
        self.blocks = len(widths) - 1
        self.size = SIDE * 2 ** (self.blocks - 1)
        self.fc = nn.Linear(layout.z_dim, widths[0] * SIDE**2)
        for number in range(self.blocks):
            pair = widths[number], widths[number + 1]
            block = _EarlyBlock(layout.sentence, layout.hidden, *pair)
            self.add_module(f"block{number}", block)
        self.conv_img = _colours(widths[-1])

    def forward(
        self, z: Float[Tensor, "batch z"], sentence: Float[Tensor, "batch sentence"]
    ) -> Float[Tensor, "batch 3 size size"]:
        """Images in [-1, 1]."""
        x = self.fc(z).unflatten(1, (-1, SIDE, SIDE))
        for number in range(self.blocks):
            x = self.get_submodule(f"block{number}")(_doubled(x) if number else x, sentence)
        return self.conv_img(x)
