"""Layers of StyleGAN3's synthesis network, and their plans.

Weights have the names of NVIDIA's networks. Plans hold the settings that weights do not determine:
factors, padding and clamps.
"""

import math
from dataclasses import dataclass, replace

import torch
from einops import rearrange
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from .mapping import FullyConnected
from .ops import bias_act, upfirdn2d

__all__ = [
    "AliasFreeLayer",
    "FourierFeatures",
    "InputPlan",
    "LayerPlan",
    "centred",
    "filtered_lrelu",
]

Maps = Float[Tensor, "batch channels height width"]
Other = Float[Tensor, "batch others high wide"]
STYLE_EPS = 1e-8


@dataclass(frozen=True)
class InputPlan:
    """Plan of the Fourier features.

    Attributes:
        channels: number of features.
        size: (width, height) in pixels, including the margin outside the image.
        sampling_rate: pixels per unit of length; the image has length 1.
        bandwidth: largest frequency that is not attenuated.
    """

    channels: int
    size: tuple[int, int]
    sampling_rate: float
    bandwidth: float


@dataclass(frozen=True)
class LayerPlan:
    """Plan of a layer.

    Attributes:
        name: name in the state dict.
        channels: number of channels (in, out).
        kernel: side of the convolution kernel.
        up: upsampling factor before the leaky ReLU, along each axis.
        down: downsampling factor after it.
        up_filter: shape of the filter before the leaky ReLU, (taps,); empty for none.
        down_filter: shape of the filter after it, (taps,) or (taps, taps); empty for none.
        padding: padding of the upsampled maps (left, right, above, below); negative numbers crop.
        clamp: bound on the magnitude after the leaky ReLU, if any.
        to_rgb: whether it makes the image, without demodulation or leaky ReLU.
    """

    name: str
    channels: tuple[int, int]
    kernel: int
    up: int
    down: int
    up_filter: tuple[int, ...]
    down_filter: tuple[int, ...]
    padding: tuple[int, int, int, int]
    clamp: float | None
    to_rgb: bool

    def size(self, before: tuple[int, int]) -> tuple[int, int]:
        """Size (width, height) of the output for maps of the given size."""
        left, right, above, below = self.padding
        return self._side(before[0], left + right), self._side(before[1], above + below)

    def _side(self, before: int, padding: int) -> int:
        grown = (before + self.kernel - 1) * self.up + padding - self.taken
        return (grown - 1) // self.down + 1

    @property
    def taken(self) -> int:
        """Pixels by which the filters shrink the upsampled maps."""
        return sum(shape[-1] - 1 for shape in (self.up_filter, self.down_filter) if shape)


def centred(plan: LayerPlan, before: int, after: int) -> LayerPlan:
    """Returns a plan with the padding that keeps the centre in place (appendix C.3).

    Args:
        plan: plan whose padding is replaced.
        before: side of the input in pixels.
        after: side of the output in pixels.
    """
    total = (after - 1) * plan.down + 1 + plan.taken - (before + plan.kernel - 1) * plan.up
    low = (total + plan.up) // 2
    return replace(plan, padding=(low, total - low, low, total - low))


class FourierFeatures(nn.Module):
    """Fourier features, which w rotates and translates and a user-defined `transform` transforms.

    `transform` is the inverse of the transformation of the image: a homogeneous 3 x 3 matrix in
    units of the image's side, with the origin at the image's centre.

    Args:
        w_dim: length of w.
        plan: plan of the features.
    """

    def __init__(self, w_dim: int, plan: InputPlan) -> None:
        super().__init__()
        self.plan = plan
        self.weight = nn.Parameter(nn.init.zeros_(torch.empty(plan.channels, plan.channels)))
        self.affine = FullyConnected(w_dim, 4)
        self.register_buffer("transform", torch.eye(3))
        self.register_buffer("freqs", torch.zeros(plan.channels, 2))
        self.register_buffer("phases", torch.zeros(plan.channels))

    def forward(
        self, w: Float[Tensor, "batch w"], transform: Float[Tensor, "3 3"] | None = None
    ) -> Maps:
        frequencies, phases = self._moved(w, self.transform if transform is None else transform)
        rate, bandwidth = self.plan.sampling_rate, self.plan.bandwidth
        beyond = (frequencies.norm(dim=2) - bandwidth) / (rate / 2 - bandwidth)
        amplitudes = (1 - beyond).clamp(0, 1)
        turns = self._positions(w) @ frequencies.mT[:, None] + phases[:, None, None]
        waves = (turns * (2 * math.pi)).sin() * amplitudes[:, None, None]
        mixed = waves @ (self.weight / math.sqrt(self.plan.channels)).T
        return rearrange(
            mixed, "batch height width channels -> batch channels height width"
        ).contiguous()

    def _moved(
        self, w: Float[Tensor, "batch w"], transform: Float[Tensor, "3 3"]
    ) -> tuple[Float[Tensor, "batch channels 2"], Float[Tensor, "batch channels"]]:
        """Frequencies and phases, rotated, translated, then transformed by the user's matrix."""
        move = self.affine(w)
        move = move / move[:, :2].norm(dim=1, keepdim=True)
        cosine, sine, across, down = move.unbind(dim=1)
        turn = torch.stack([cosine, -sine, sine, cosine], dim=1)
        turn = rearrange(turn, "batch (row column) -> batch row column", row=2)
        shift = turn @ -torch.stack([across, down], dim=1)[:, :, None]
        whole = turn @ transform[:2] + shift * transform[2]
        return (
            self.freqs @ whole[:, :, :2],
            self.phases + (self.freqs @ whole[:, :, 2:])[:, :, 0],
        )

    def _positions(self, like: Tensor) -> Float[Tensor, "height width 2"]:
        """Centres (x, y) of the pixels."""
        x, y = (
            (torch.arange(side, device=like.device, dtype=like.dtype) + 0.5 - side / 2)
            / self.plan.sampling_rate
            for side in self.plan.size
        )
        return torch.stack(torch.meshgrid(x, y, indexing="xy"), dim=2)


class AliasFreeLayer(nn.Module):
    """Modulated convolution and filtered leaky ReLU.

    Args:
        w_dim: length of w.
        plan: plan of the layer.
    """

    def __init__(self, w_dim: int, plan: LayerPlan) -> None:
        super().__init__()
        self.plan = plan
        before, after = plan.channels
        self.weight = nn.Parameter(
            nn.init.zeros_(torch.empty(after, before, plan.kernel, plan.kernel))
        )
        self.bias = nn.Parameter(torch.zeros(after))
        self.affine = FullyConnected(w_dim, before)
        self.register_buffer("magnitude_ema", torch.ones(()))
        for name, shape in (("up_filter", plan.up_filter), ("down_filter", plan.down_filter)):
            taps = torch.full(shape, 1 / math.prod(shape)) if shape else None
            self.register_buffer(name, taps)

    def forward(self, maps: Maps, w: Float[Tensor, "batch w"]) -> Other:
        maps = self._convolved(maps, self.affine(w)) + self.bias[:, None, None]
        plan = self.plan
        return filtered_lrelu(
            maps,
            up=plan.up,
            up_filter=self.up_filter,
            down=plan.down,
            down_filter=self.down_filter,
            padding=plan.padding,
            slope=1.0 if plan.to_rgb else 0.2,
            gain=1.0 if plan.to_rgb else math.sqrt(2),
            clamp=plan.clamp,
        )

    def _convolved(self, maps: Maps, styles: Float[Tensor, "batch channels"]) -> Other:
        """Modulated convolution, rescaled to the input magnitude tracked in training.

        Departure: styles are normalised per row rather than over the batch, so that samples are
        independent. Outputs are demodulated afterwards, so the result differs only by an epsilon.
        """
        gain, weight, padding = self.magnitude_ema.rsqrt(), self.weight, self.plan.kernel - 1
        if self.plan.to_rgb:
            styles = styles * (gain / math.sqrt(weight[0].numel()))
            return functional.conv2d(maps * styles[:, :, None, None], weight, padding=padding)
        weight = weight * weight.square().mean(dim=(1, 2, 3), keepdim=True).rsqrt()
        styles = styles * styles.square().mean(dim=1, keepdim=True).rsqrt()
        norms = styles.square() @ weight.square().sum(dim=(2, 3)).T
        maps = functional.conv2d(maps * styles[:, :, None, None], weight, padding=padding)
        return maps * ((norms + STYLE_EPS).rsqrt() * gain)[:, :, None, None]


def filtered_lrelu(
    maps: Maps,
    *,
    up: int,
    up_filter: Tensor | None,
    down: int,
    down_filter: Tensor | None,
    padding: tuple[int, int, int, int],
    slope: float,
    gain: float,
    clamp: float | None,
) -> Float[Tensor, "batch channels high wide"]:
    """Filtered leaky ReLU: upsampling, leaky ReLU and downsampling (section 3.2).

    Args:
        maps: feature maps with the bias already added.
        up: upsampling factor before the leaky ReLU, along each axis.
        up_filter: separable (1-D) or 2-D filter of the upsampling; None for the identity.
        down: downsampling factor after it.
        down_filter: filter of the downsampling, as `up_filter`.
        padding: padding of the upsampled maps.
        slope: negative slope of the leaky ReLU.
        gain: factor on the rectified maps.
        clamp: bound on their magnitude after the gain.
    """
    if up > 1 or up_filter is not None or any(padding):
        maps = upfirdn2d(maps, up_filter, up, 1, padding, gain=up**2)
    act = "linear" if slope == 1 else "lrelu"
    maps = bias_act(maps, act=act, alpha=slope, gain=gain, clamp=clamp)
    if down == 1 and down_filter is None:
        return maps
    return upfirdn2d(maps, down_filter, 1, down)
