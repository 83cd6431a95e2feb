"""Discriminators of BigGAN and BigGAN-deep with ajbrock/BigGAN-PyTorch's state dicts."""

from collections.abc import Collection, Sequence

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional as F

from .ajbrock import Attention
from .spectral import Spectral, SpectralConv2d, SpectralEmbedding, SpectralLinear

__all__ = ["BigGanDeepDiscriminator", "BigGanDiscriminator"]

Widths = tuple[int, int, int]
"""Channels of a block's input, hidden layers and output."""


class _Projection(nn.Module):
    """Projection discriminator (Miyato and Koyama, 2018) from images in [-1, 1] to logits.

    Args:
        stages: layers of each stage in order.
        width: channels of the last layer.
        classes: number of classes.
        outputs: number of unconditional logits, 1 in the papers.
        spectral: spectral normalisation of all weights.
    """

    def __init__(
        self,
        stages: Sequence[Sequence[nn.Module]],
        width: int,
        classes: int,
        outputs: int,
        spectral: Spectral,
    ) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(nn.ModuleList(stage) for stage in stages)
        self.linear = SpectralLinear(width, outputs, spectral=spectral)
        self.embed = SpectralEmbedding(classes, width, spectral=spectral)

    def stem(self, x: Tensor) -> Tensor:
        return x

    def features(self, x: Float[Tensor, "batch 3 size size"]) -> Float[Tensor, "batch channels"]:
        """Features that the logit is a linear function of."""
        x = self.stem(x)
        for stage in self.blocks:
            for layer in stage:
                x = layer(x)
        return F.relu(x).sum(dim=(2, 3))

    def forward(
        self, x: Float[Tensor, "batch 3 size size"], y: Int[Tensor, " batch"] | None = None
    ) -> Float[Tensor, "batch outputs"]:
        """Logits; without classes, their unconditional part."""
        features = self.features(x)
        logits = self.linear(features)
        if y is None:
            return logits
        return logits + (self.embed(y) * features).sum(dim=1, keepdim=True)


class _Block(nn.Module):
    """Residual block of two convolutions; the network's first block starts without ReLU."""

    def __init__(self, widths: Widths, *, first: bool, halves: bool, spectral: Spectral) -> None:
        super().__init__()
        before, hidden, after = widths
        self.first, self.halves = first, halves
        self.conv1 = SpectralConv2d(before, hidden, spectral=spectral)
        self.conv2 = SpectralConv2d(hidden, after, spectral=spectral)
        if halves or before != after:
            self.conv_sc = SpectralConv2d(before, after, 1, spectral=spectral)

    def forward(self, x: Tensor) -> Tensor:
        h = self.conv2(F.relu(self.conv1(x if self.first else F.relu(x))))
        if self.halves:
            # Except in the first block, the official code pools after conv_sc; the two commute.
            h, x = F.avg_pool2d(h, 2), F.avg_pool2d(x, 2)
        return h + (self.conv_sc(x) if hasattr(self, "conv_sc") else x)


class BigGanDiscriminator(_Projection):
    """Discriminator of BigGAN, with one block per stage.

    Args:
        widths: channels of each block.
        halves: numbers of the blocks that halve the side.
        attention: numbers of the blocks followed by attention.
        classes: as in `_Projection`.
        outputs: as in `_Projection`.
        spectral: as in `_Projection`.
    """

    def __init__(
        self,
        widths: Sequence[Widths],
        halves: Collection[int],
        attention: Collection[int],
        classes: int,
        outputs: int,
        spectral: Spectral,
    ) -> None:
        stages: list[list[nn.Module]] = []
        for number, three in enumerate(widths):
            first, smaller = number == 0, number in halves
            stages.append([_Block(three, first=first, halves=smaller, spectral=spectral)])
            if number in attention:
                stages[number].append(Attention(three[2], spectral))
        super().__init__(stages, widths[-1][2], classes, outputs, spectral)


class _DeepBlock(nn.Module):
    """Residual block of four convolutions; the shortcut appends channels."""

    def __init__(self, widths: Widths, *, halves: bool, spectral: Spectral) -> None:
        super().__init__()
        before, hidden, after = widths
        self.halves = halves
        self.conv1 = SpectralConv2d(before, hidden, 1, spectral=spectral)
        self.conv2 = SpectralConv2d(hidden, hidden, spectral=spectral)
        self.conv3 = SpectralConv2d(hidden, hidden, spectral=spectral)
        self.conv4 = SpectralConv2d(hidden, after, 1, spectral=spectral)
        if before != after:
            self.conv_sc = SpectralConv2d(before, after - before, 1, spectral=spectral)

    def forward(self, x: Tensor) -> Tensor:
        h = self.conv2(F.relu(self.conv1(F.relu(x))))
        h = F.relu(self.conv3(F.relu(h)))
        if self.halves:
            h, x = F.avg_pool2d(h, 2), F.avg_pool2d(x, 2)
        if hasattr(self, "conv_sc"):
            x = torch.cat([x, self.conv_sc(x)], dim=1)
        return self.conv4(h) + x


class BigGanDeepDiscriminator(_Projection):
    """Discriminator of BigGAN-deep: a convolution, then stages of blocks.

    Args:
        widths: channels of the blocks of each stage.
        halves: numbers of the stages whose first block halves the side.
        attention: numbers of the stages followed by attention.
        classes: as in `_Projection`.
        outputs: as in `_Projection`.
        spectral: as in `_Projection`.
    """

    def __init__(
        self,
        widths: Sequence[Sequence[Widths]],
        halves: Collection[int],
        attention: Collection[int],
        classes: int,
        outputs: int,
        spectral: Spectral,
    ) -> None:
        stages: list[list[nn.Module]] = []
        for number, stage in enumerate(widths):
            first = number in halves
            stages.append(
                [
                    _DeepBlock(three, halves=first and place == 0, spectral=spectral)
                    for place, three in enumerate(stage)
                ]
            )
            if number in attention:
                stages[number].append(Attention(stage[-1][2], spectral))
        super().__init__(stages, widths[-1][-1][2], classes, outputs, spectral)
        self.input_conv = SpectralConv2d(3, widths[0][0][0], spectral=spectral)

    def stem(self, x: Tensor) -> Tensor:
        return self.input_conv(x)
