"""Layers of networks whose normalisations are folded into their weights, equal up to rounding."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from einops import rearrange
from torch import Tensor, nn
from torch.nn import functional as F

__all__ = [
    "Affine",
    "Doubling",
    "FoldedConvolution",
    "Modulation",
    "activated",
    "frozen",
    "normalisation",
]

FEW_PIXELS = 64
"""Number of pixels of all images together up to which a matrix product of patches is the faster
convolution, since reading the weights dominates."""
SMALL_SIDE = 8
"""Side of a map up to which the same holds for a convolution after upsampling."""


@dataclass(frozen=True)
class Affine:
    """Map x -> scale * x + shift per channel, with scale and shift affine in a condition.

    Attributes:
        scale: linear part of the scale, (channels, condition).
        scale_base: scale at condition 0, (channels,).
        shift: linear part of the shift, (channels, condition).
        shift_base: shift at condition 0, (channels,).
    """

    scale: Tensor
    scale_base: Tensor
    shift: Tensor
    shift_base: Tensor

    def after(self, bias: Tensor) -> "Affine":
        """The map of x + bias."""
        bias = bias.double()
        return Affine(
            self.scale,
            self.scale_base,
            self.shift + bias[:, None] * self.scale,
            self.shift_base + bias * self.scale_base,
        )


def normalisation(
    moments: tuple[Tensor, Tensor] | None, eps: float, gain: Tensor, bias: Tensor
) -> Affine:
    """Affine form of (x - mean) / deviation * (1 + gain) + bias, linear in the condition.

    Args:
        moments: mean and variance per channel; None for 0 and 1.
        eps: number added to the variance.
        gain: matrix from the condition to the gain, (channels, condition).
        bias: matrix from the condition to the bias, (channels, condition).
    """
    gain, bias = gain.double(), bias.double()
    base = gain.new_ones(len(gain))
    mean = gain.new_zeros(len(gain))
    if moments is not None:
        mean, base = moments[0].double(), torch.rsqrt(moments[1].double() + eps)
    return Affine(base[:, None] * gain, base, bias - (mean * base)[:, None] * gain, -mean * base)


def frozen(weight: Tensor) -> nn.Parameter:
    """A parameter without gradient, in memory of its own size."""
    weight = weight.detach()
    if weight.untyped_storage().nbytes() > weight.numel() * weight.itemsize:
        weight = weight.clone(memory_format=torch.preserve_format)
    return nn.Parameter(weight, False)


class Modulation(nn.Module):
    """One linear map from a block's condition to all its scales and shifts."""

    def __init__(self, affines: Sequence[Affine]) -> None:
        super().__init__()
        parts = [(a.scale, a.shift) for a in affines]
        bases = [(a.scale_base, a.shift_base) for a in affines]
        self.widths = [len(part) for pair in parts for part in pair]
        self.weight = frozen(torch.cat([p for pair in parts for p in pair]).float())
        self.bias = frozen(torch.cat([p for pair in bases for p in pair]).float())

    def forward(self, condition: Tensor) -> list[tuple[Tensor, Tensor]]:
        flat = F.linear(condition, self.weight, self.bias)
        parts = flat[:, :, None, None].split(self.widths, dim=1)
        return list(zip(parts[::2], parts[1::2], strict=True))


def activated(x: Tensor, modulation: tuple[Tensor, Tensor]) -> Tensor:
    """ReLU of the scaled and shifted map."""
    scale, shift = modulation
    return torch.addcmul(shift, x, scale).relu_()


class FoldedConvolution(nn.Module):
    """Convolution that keeps the side."""

    def __init__(self, weight: Tensor, bias: Tensor | None = None) -> None:
        super().__init__()
        self.weight = frozen(weight.contiguous(memory_format=torch.channels_last))
        self.bias = None if bias is None else frozen(bias)

    def forward(self, x: Tensor) -> Tensor:
        side = self.weight.shape[-1]
        if side == 1 or len(x) * x.shape[2] * x.shape[3] > FEW_PIXELS:
            return F.conv2d(x, self.weight, self.bias, padding=side // 2)
        columns = rearrange(
            F.unfold(x, side, padding=side // 2),
            "batch (inputs taps) pixels -> (taps inputs) (batch pixels)",
            taps=side * side,
        )
        kernel = rearrange(self.weight, "outputs inputs row column -> outputs (row column inputs)")
        y = kernel @ columns
        if self.bias is not None:
            y = y + self.bias[:, None]
        return rearrange(
            y,
            "outputs (batch height width) -> batch outputs height width",
            batch=len(x),
            height=x.shape[2],
        )


class Doubling(nn.Module):
    """3 x 3 convolution after nearest-neighbour upsampling to twice the side."""

    def __init__(self, weight: Tensor, side: int) -> None:
        super().__init__()
        self.small = side <= SMALL_SIDE
        if self.small:
            taps = rearrange(weight, "outputs inputs row column -> outputs row column inputs")
            kernel = taps.flip(1, 2).flatten(0, 2).contiguous()
        else:
            # Upsampling repeats each pixel in a 2 x 2 square: the kernel is summed over 4 shifts.
            spread = F.pad(weight, (1, 1, 1, 1))
            kernel = sum(spread[:, :, i : i + 4, j : j + 4] for i in (0, 1) for j in (0, 1))
            kernel = kernel.flip(2, 3).transpose(0, 1)
            kernel = kernel.contiguous(memory_format=torch.channels_last)
        self.kernel = frozen(kernel)

    def forward(self, x: Tensor) -> Tensor:
        if not self.small:
            return F.conv_transpose2d(x, self.kernel, stride=2, padding=1)
        count, _, height, width = x.shape
        columns = rearrange(x, "batch inputs height width -> inputs (batch height width)")
        parts = rearrange(
            self.kernel @ columns,
            "patches (batch height width) -> batch patches height width",
            batch=count,
            height=height,
        )
        doubled = F.interpolate(parts, scale_factor=2).flatten(2)
        return F.fold(doubled, (2 * height, 2 * width), 3, padding=1)
