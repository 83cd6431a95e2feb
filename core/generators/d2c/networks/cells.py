"""Residual cells of D2C's autoencoder, which are those of NVAE (Vahdat and Kautz, 2020).

Written from the papers and from the names and shapes in official state dicts.
"""

from typing import Final

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from ..layouts import BranchLayout, CellLayout, ConvBranch, SideChange

__all__ = ["Cell", "NormedConv"]

MOMENTUM: Final = 0.05
"""Share of the newest batch in the running statistics."""
RESIDUAL: Final = 0.1
"""Factor on the residual branch of a cell."""
LEAST_NORM: Final = 1e-5


class NormedConv(nn.Conv2d):
    """Convolution with weight normalisation: w = exp(log norm) W / (|W| + 1e-5) per output.

    Args:
        inputs: channels of the input.
        outputs: channels of the output.
        kernel: side of the kernel; the input is padded so that its side is kept.
        stride: stride of the kernel.
        dilation: dilation of the kernel.
        bias: whether a bias is added.
    """

    def __init__(
        self,
        inputs: int,
        outputs: int,
        kernel: int = 3,
        *,
        stride: int = 1,
        dilation: int = 1,
        bias: bool = True,
    ) -> None:
        super().__init__(
            inputs,
            outputs,
            kernel,
            stride,
            padding=dilation * (kernel - 1) // 2,
            dilation=dilation,
            bias=bias,
        )
        self.log_weight_norm = nn.Parameter(torch.zeros(outputs, 1, 1, 1))

    @property
    def normed(self) -> Float[Tensor, "outputs inputs height width"]:
        """The weight that is applied."""
        norms = self.weight.square().sum(dim=(1, 2, 3), keepdim=True).sqrt()
        return self.log_weight_norm.exp() * self.weight / (norms + LEAST_NORM)

    def forward(self, x: Float[Tensor, "batch _ _ _"]) -> Float[Tensor, "batch _ _ _"]:
        """Applies the normalised weight and the bias."""
        return self._conv_forward(x, self.normed, self.bias)


class _Norm(nn.Module):
    """Batch normalisation under the name that files have it."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.bn = nn.BatchNorm2d(channels, momentum=MOMENTUM)

    def forward(self, x: Tensor) -> Tensor:
        return self.bn(x)


class _ConvSwish(nn.Module):
    """Convolution without bias, batch normalisation and swish."""

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int, groups: int) -> None:
        super().__init__()
        padding = (kernel - 1) // 2
        self.conv = nn.Sequential(
            nn.Conv2d(inputs, outputs, kernel, stride, padding, groups=groups, bias=False),
            nn.BatchNorm2d(outputs, momentum=MOMENTUM),
            nn.SiLU(),
        )

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(x)


class _ConvBranch(nn.Module):
    def __init__(self, inputs: int, outputs: int, layout: ConvBranch, side: SideChange) -> None:
        super().__init__()
        self.doubles = side == "up"
        self.swish = layout.activation == "swish"
        if self.swish:
            self.bn_act = nn.BatchNorm2d(inputs, momentum=MOMENTUM)
        else:
            self.bn = _Norm(inputs)
        self.conv_0 = NormedConv(
            inputs,
            outputs,
            layout.kernel,
            stride=2 if side == "down" else 1,
            dilation=layout.dilation,
        )

    def forward(self, x: Tensor) -> Tensor:
        x = functional.silu(self.bn_act(x)) if self.swish else functional.elu(self.bn(x))
        if self.doubles:
            x = functional.interpolate(x, scale_factor=2, mode="nearest")
        return self.conv_0(x)


class _InvertedBranch(nn.Module):
    def __init__(
        self,
        inputs: int,
        outputs: int,
        hidden: int,
        kernel: int,
        groups: int,
        side: SideChange,
    ) -> None:
        super().__init__()
        stride = 2 if side == "down" else 1
        first = [nn.UpsamplingNearest2d(scale_factor=2)] if side == "up" else []
        self.conv = nn.Sequential(
            *first,
            _Norm(inputs),
            _ConvSwish(inputs, hidden, 1, 1, 1),
            _ConvSwish(hidden, hidden, kernel, stride, groups),
            nn.Conv2d(hidden, outputs, 1, bias=False),
            _Norm(outputs),
        )

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(x)


def _branch(inputs: int, outputs: int, layout: BranchLayout, side: SideChange) -> nn.Module:
    if isinstance(layout, ConvBranch):
        return _ConvBranch(inputs, outputs, layout, side)
    groups = layout.groups or layout.hidden
    return _InvertedBranch(inputs, outputs, layout.hidden, layout.kernel, groups, side)


class _HalvedSkip(nn.Module):
    """Swish and four 1x1 convolutions of stride 2, each of other pixels: all pixels count once."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        quarter = outputs // 4
        self.conv_1 = NormedConv(inputs, quarter, 1, stride=2)
        self.conv_2 = NormedConv(inputs, quarter, 1, stride=2)
        self.conv_3 = NormedConv(inputs, quarter, 1, stride=2)
        self.conv_4 = NormedConv(inputs, outputs - 3 * quarter, 1, stride=2)

    def forward(self, x: Tensor) -> Tensor:
        x = functional.silu(x)
        return torch.cat(
            [
                self.conv_1(x),
                self.conv_2(x[:, :, 1:, 1:]),
                self.conv_3(x[:, :, :, 1:]),
                self.conv_4(x[:, :, 1:, :]),
            ],
            dim=1,
        )


class _SqueezeExcite(nn.Module):
    """Scales channels by a function of their means."""

    def __init__(self, channels: int, squeezed: int) -> None:
        super().__init__()
        self.se = nn.Sequential(
            nn.Linear(channels, squeezed), nn.ReLU(), nn.Linear(squeezed, channels), nn.Sigmoid()
        )

    def forward(self, x: Tensor) -> Tensor:
        return x * self.se(x.mean(dim=(2, 3)))[:, :, None, None]


class Cell(nn.Module):
    """Residual cell: skip(x) + 0.1 branch(x).

    Args:
        layout: its sizes.
    """

    def __init__(self, layout: CellLayout) -> None:
        super().__init__()
        inputs, outputs, side = layout.inputs, layout.outputs, layout.side
        if side == "down":
            self.skip = _HalvedSkip(inputs, outputs)
        elif side == "up":
            doubled = nn.Upsample(scale_factor=2, mode="bilinear", align_corners=True)
            self.skip = nn.Sequential(doubled, NormedConv(inputs, outputs, 1, bias=False))
        else:
            self.skip = nn.Identity()
        self._ops = nn.ModuleList(
            _branch(outputs if number else inputs, outputs, own, "none" if number else side)
            for number, own in enumerate(layout.branches)
        )
        self.se = _SqueezeExcite(outputs, layout.squeezed) if layout.squeezed else nn.Identity()

    def forward(self, x: Float[Tensor, "batch _ _ _"]) -> Float[Tensor, "batch _ _ _"]:
        """Maps of half, equal or double side."""
        branch = x
        for operation in self._ops:
            branch = operation(branch)
        return self.skip(x) + RESIDUAL * self.se(branch)
