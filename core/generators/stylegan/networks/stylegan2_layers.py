"""Layers of StyleGAN2's generator and discriminator, under NVIDIA's names.

All layers run in the dtype of the weights, including blocks that were trained in half precision.
These keep the clamp on their activations (`conv_clamp`) that they were trained with.
"""

import math
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor, nn

from ....devices import constants
from ....rng import SampleRng
from .mapping import FullyConnected
from .ops import bias_act, conv2d_resample, modulated_conv2d, resampling_filter

__all__ = ["Convolution", "Resampling", "SynthesisLayer", "ToRgb"]


USUAL_TAPS: tuple[float, ...] = (1.0, 3.0, 3.0, 1.0)
USUAL_FILTER = resampling_filter(torch.tensor(USUAL_TAPS))


class Resampling(nn.Module):
    """Module with a low-pass filter, in its state dict or made of taps if that has none."""

    resample_filter: Tensor | None

    def __init__(self) -> None:
        super().__init__()
        self.taps = USUAL_TAPS
        self.register_buffer("resample_filter", USUAL_FILTER.clone())

    def low_pass(self, like: Tensor) -> Tensor:
        """The filter in the dtype and on the device of `like`."""
        if self.resample_filter is None:
            return resampling_filter(constants(self.taps, like))
        return self.resample_filter.to(like)


class Convolution(Resampling):
    """Convolution with equalised learning rate and optional up- or downsampling.

    Args:
        before: channels in.
        after: channels out.
        kernel: side of the kernel, odd.
        bias: whether there is a bias.
        activation: name in `ops.ACTIVATIONS`.
        up: upsampling factor.
        down: downsampling factor.
    """

    ATTRIBUTES: ClassVar = ("activation", "conv_clamp")

    def __init__(
        self,
        before: int,
        after: int,
        kernel: int,
        *,
        bias: bool = True,
        activation: str = "linear",
        up: int = 1,
        down: int = 1,
    ) -> None:
        super().__init__()
        self.activation, self.up, self.down = activation, up, down
        self.conv_clamp: float | None = None
        self.padding = kernel // 2
        self.weight_gain = 1 / math.sqrt(before * kernel**2)
        self.weight = nn.Parameter(nn.init.zeros_(torch.empty(after, before, kernel, kernel)))
        self.bias = nn.Parameter(torch.zeros(after)) if bias else None

    def forward(
        self, x: Float[Tensor, "batch before height width"], gain: float | None = None
    ) -> Float[Tensor, "batch after high wide"]:
        x = conv2d_resample(
            x,
            self.weight * self.weight_gain,
            self.low_pass(x),
            up=self.up,
            down=self.down,
            padding=self.padding,
        )
        return _activated(x, self.bias, self.activation, self.conv_clamp, gain)


class SynthesisLayer(Resampling):
    """Modulated convolution with noise and activation.

    Args:
        before: channels in.
        after: channels out.
        w_dim: length of w.
        resolution: pixels a side of its output.
        kernel: side of the kernel.
        up: upsampling factor.
        noise: whether there is noise.
    """

    ATTRIBUTES: ClassVar = ("activation", "conv_clamp")
    noise_const: Tensor

    def __init__(
        self,
        before: int,
        after: int,
        w_dim: int,
        resolution: int,
        *,
        kernel: int = 3,
        up: int = 1,
        noise: bool = True,
    ) -> None:
        super().__init__()
        self.up, self.resolution, self.use_noise = up, resolution, noise
        self.activation = "lrelu"
        self.conv_clamp: float | None = None
        self.padding = kernel // 2
        self.weight_gain = 1.0
        self.affine = FullyConnected(w_dim, before)
        self.weight = nn.Parameter(nn.init.zeros_(torch.empty(after, before, kernel, kernel)))
        if noise:
            self.register_buffer("noise_const", torch.zeros(resolution, resolution))
            self.noise_strength = nn.Parameter(torch.zeros([]))
        self.bias = nn.Parameter(torch.zeros(after))

    def forward(
        self,
        x: Float[Tensor, "batch before height width"],
        w: Float[Tensor, "batch w"],
        noise: str,
        rng: SampleRng | None,
        gain: float | None = None,
    ) -> Float[Tensor, "batch after high wide"]:
        x = modulated_conv2d(
            x,
            self.weight,
            self.affine(w) * self.weight_gain,
            self._noise(x, noise, rng),
            up=self.up,
            padding=self.padding,
            f=self.low_pass(x) if self.up > 1 else None,
        )
        return _activated(x, self.bias, self.activation, self.conv_clamp, gain)

    def _noise(self, like: Tensor, mode: str, rng: SampleRng | None) -> Tensor | None:
        if not self.use_noise or mode == "none":
            return None
        if mode == "const":
            return self.noise_const * self.noise_strength
        if rng is None:
            raise ValueError("Random noise needs the streams of the samples.")
        side = self.resolution
        return rng.normal(1, side, side, like=like) * self.noise_strength


class ToRgb(nn.Module):
    """Modulated 1 x 1 convolution to the image's channels, without demodulation.

    Args:
        before: channels in.
        channels: channels of the image.
        w_dim: length of w.
        kernel: side of the kernel.
    """

    ATTRIBUTES: ClassVar = ("conv_clamp",)

    def __init__(self, before: int, channels: int, w_dim: int, kernel: int = 1) -> None:
        super().__init__()
        self.conv_clamp: float | None = None
        self.affine = FullyConnected(w_dim, before)
        self.weight = nn.Parameter(nn.init.zeros_(torch.empty(channels, before, kernel, kernel)))
        self.bias = nn.Parameter(torch.zeros(channels))
        self.weight_gain = 1 / math.sqrt(before * kernel**2)

    def forward(
        self, x: Float[Tensor, "batch before height width"], w: Float[Tensor, "batch w"]
    ) -> Float[Tensor, "batch channels height width"]:
        styles = self.affine(w) * self.weight_gain
        x = modulated_conv2d(x, self.weight, styles, demodulate=False)
        return bias_act(x, self.bias, clamp=self.conv_clamp)


def _activated(
    x: Tensor, bias: Tensor | None, activation: str, clamp: float | None, gain: float | None
) -> Tensor:
    """Activation with its gain and clamp, both scaled by a further gain."""
    x = bias_act(x, bias, activation, clamp=clamp)
    return x if gain is None else x * gain
