"""Discriminators of AutoGAN, SN-GAN, WGAN-GP, and those of DOT and DGflow.

Weights are plain, or have spectral normalisation in the form of PyTorch's `spectral_norm`, with
stored vectors. Names are those of the official state dicts.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from einops import reduce
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from ...biggan.networks.spectral import StoredConv2d, StoredLinear

__all__ = [
    "ConvolutionalDiscriminator",
    "CriticBlock",
    "CriticLayout",
    "ResidualDiscriminator",
    "critic_layers",
]

SLOPE = 0.2


def _convolution(
    before: int, after: int, side: int, stride: int = 1, *, spectral: bool
) -> nn.Module:
    if spectral:
        return StoredConv2d(before, after, side, stride=stride)
    return nn.Conv2d(before, after, side, stride, (side - 1) // 2)


def _linear(before: int, *, bias: bool, spectral: bool) -> nn.Module:
    if spectral:
        return StoredLinear(before, 1, bias=bias)
    return nn.Linear(before, 1, bias=bias)


@dataclass(frozen=True)
class CriticBlock:
    """A residual block.

    Attributes:
        before: channels of its input.
        hidden: channels between its convolutions.
        after: channels of its value.
        shortcut: whether the input is added after a convolution; else as it is.
        halves: whether the side is halved.
    """

    before: int
    hidden: int
    after: int
    shortcut: bool
    halves: bool


@dataclass(frozen=True)
class CriticLayout:
    """Sizes of a residual discriminator.

    Attributes:
        blocks: its blocks; the first one takes the image.
        last: name of the last layer, such as `l5`.
        bias: whether the last layer has a bias.
        spectral: whether weights have spectral normalisation.
        mean: whether the last map is averaged (WGAN-GP); else it is summed.
        rectified: whether shortcuts start with a ReLU, which mimicry applies in place.
    """

    blocks: tuple[CriticBlock, ...]
    last: str
    bias: bool = True
    spectral: bool = True
    mean: bool = False
    rectified: bool = True


class _Block(nn.Module):
    def __init__(
        self, layout: CriticBlock, *, first: bool, spectral: bool, rectified: bool
    ) -> None:
        super().__init__()
        self.first, self.halves, self.rectified = first, layout.halves, rectified
        self.c1 = _convolution(layout.before, layout.hidden, 3, spectral=spectral)
        self.c2 = _convolution(layout.hidden, layout.after, 3, spectral=spectral)
        self.c_sc = None
        if layout.shortcut:
            self.c_sc = _convolution(layout.before, layout.after, 1, spectral=spectral)

    def forward(self, x: Tensor) -> Tensor:
        before = x if self.first else functional.relu(x)
        h = self.c2(functional.relu(self.c1(before)))
        # Means and convolutions with 1x1 kernels commute.
        shortcut = self._halved(before if self.rectified else x)
        if self.c_sc is not None:
            shortcut = self.c_sc(shortcut)
        return self._halved(h) + shortcut

    def _halved(self, x: Tensor) -> Tensor:
        return functional.avg_pool2d(x, 2) if self.halves else x


class ResidualDiscriminator(nn.Module):
    """Discriminator from images in [-1, 1] to logits.

    Args:
        layout: its sizes.
    """

    def __init__(self, layout: CriticLayout) -> None:
        super().__init__()
        self.layout = layout
        self._blocks = [
            _Block(block, first=number == 0, spectral=layout.spectral, rectified=layout.rectified)
            for number, block in enumerate(layout.blocks)
        ]
        for number, block in enumerate(self._blocks, start=1):
            self.add_module(f"block{number}", block)
        width = layout.blocks[-1].after
        self._last = (_linear(width, bias=layout.bias, spectral=layout.spectral),)
        self.add_module(layout.last, self._last[0])

    def features(self, x: Float[Tensor, "batch 3 h w"]) -> Float[Tensor, "batch channels"]:
        """Features that the logit is a linear function of."""
        for block in self._blocks:
            x = block(x)
        how = "mean" if self.layout.mean else "sum"
        return reduce(functional.relu(x), "batch channels h w -> batch channels", how)

    def forward(self, x: Float[Tensor, "batch 3 h w"]) -> Float[Tensor, "batch 1"]:
        """Logits."""
        return self._last[0](self.features(x))


def critic_layers(names: Sequence[str]) -> list[tuple[str, int, int]]:
    """Name, side of the kernel and stride of each convolution: 3x3, and 4x4 that halve the side.

    Args:
        names: of the seven convolutions in order.
    """
    return [(name, 4, 2) if number % 2 else (name, 3, 1) for number, name in enumerate(names)]


class ConvolutionalDiscriminator(nn.Module):
    """Seven convolutions with leaky ReLU, of which three halve the side, and a linear layer.

    Miyato et al. (2018), table 3.

    Args:
        names: of the convolutions in order.
        channels: of the image and after each convolution.
        base: side of the last map.
        spectral: whether weights have spectral normalisation.
    """

    def __init__(
        self, names: Sequence[str], channels: Sequence[int], base: int, *, spectral: bool
    ) -> None:
        super().__init__()
        self.base = base
        self._convolutions: list[nn.Module] = []
        widths = pairwise(channels)
        for (name, side, stride), (before, after) in zip(
            critic_layers(names), widths, strict=True
        ):
            layer = _convolution(before, after, side, stride, spectral=spectral)
            self.add_module(name, layer)
            self._convolutions.append(layer)
        self.l4 = _linear(channels[-1] * base**2, bias=True, spectral=spectral)

    @property
    def side(self) -> int:
        """Side of the images in pixels."""
        return self.base * 8

    def features(self, x: Float[Tensor, "batch 3 h w"]) -> Float[Tensor, "batch features"]:
        """Features that the logit is a linear function of."""
        for layer in self._convolutions:
            x = functional.leaky_relu(layer(x), SLOPE)
        return x.flatten(1)

    def forward(self, x: Float[Tensor, "batch 3 h w"]) -> Float[Tensor, "batch 1"]:
        """Logits."""
        return self.l4(self.features(x))
