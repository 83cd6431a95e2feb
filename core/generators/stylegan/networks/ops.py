"""Operations of all StyleGANs: resampling, activations and modulated convolutions.

Formulas and weight names are those of NVIDIA's networks, so their state dicts load. The operations
are PyTorch's own, so they run on any device, also in float64, and have gradients of any order.
"""

import math
from collections.abc import Callable, Mapping
from typing import Final

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

__all__ = [
    "ACTIVATIONS",
    "bias_act",
    "conv2d_resample",
    "modulated_conv2d",
    "resampling_filter",
    "upfirdn2d",
]

Activation = Callable[[Tensor, float], Tensor]
ACTIVATIONS: Final[Mapping[str, tuple[Activation, float, float]]] = {
    "linear": (lambda x, _: x, 0.0, 1.0),
    "relu": (lambda x, _: functional.relu(x), 0.0, math.sqrt(2)),
    "lrelu": (lambda x, slope: functional.leaky_relu(x, slope), 0.2, math.sqrt(2)),
    "tanh": (lambda x, _: x.tanh(), 0.0, 1.0),
    "sigmoid": (lambda x, _: x.sigmoid(), 0.0, 1.0),
    "elu": (lambda x, _: functional.elu(x), 0.0, 1.0),
    "selu": (lambda x, _: functional.selu(x), 0.0, 1.0),
    "softplus": (lambda x, _: functional.softplus(x), 0.0, 1.0),
    "swish": (lambda x, _: x * x.sigmoid(), 0.0, math.sqrt(2)),
}
"""Function of (x, alpha), default alpha and default gain of each activation."""


def resampling_filter(taps: Float[Tensor, "..."]) -> Float[Tensor, "..."]:
    """Low-pass filter of NVIDIA's networks with the given taps, normalised to sum one.

    Args:
        taps: separable filter (n,), expanded to an outer product below 8 taps; or 2-D filter
            (height, width).
    """
    if taps.ndim == 1 and taps.numel() < 8:
        taps = torch.outer(taps, taps)
    return taps / taps.sum()


def upfirdn2d(
    x: Float[Tensor, "batch channels height width"],
    f: Tensor | None,
    up: int = 1,
    down: int = 1,
    padding: int | tuple[int, ...] = 0,
    flip_filter: bool = False,
    gain: float = 1.0,
) -> Float[Tensor, "batch channels high wide"]:
    """Upsamples with zeros, pads, filters and downsamples each channel independently.

    Args:
        x: images of any number of channels.
        f: filter (n,), applied along both axes, or (height, width); None for the identity.
        up: upsampling factor; `up` - 1 zeros are inserted after every pixel on each axis.
        down: downsampling factor; the first of every `down` pixels is kept.
        padding: zeros added after upsampling: one number for all sides, (x, y), or (left, right,
            top, bottom). Negative numbers crop.
        flip_filter: False convolves, True correlates.
        gain: factor on the result.

    Returns:
        Images of (size * up + padding - taps) // down + 1 pixels a side.
    """
    left, right, top, bottom = _four_sides(padding)
    if f is None:
        f = x.new_ones(1, 1)
    f = f.to(x) * gain ** (f.ndim / 2)
    if f.ndim == 1:
        x = _filtered(x, f[None, :], (1, up), (1, down), (left, right, 0, 0), flip_filter)
        return _filtered(x, f[:, None], (up, 1), (down, 1), (0, 0, top, bottom), flip_filter)
    return _filtered(x, f, (up, up), (down, down), (left, right, top, bottom), flip_filter)


def bias_act(
    x: Float[Tensor, "batch channels ..."],
    b: Float[Tensor, " channels"] | None = None,
    act: str = "linear",
    alpha: float | None = None,
    gain: float | None = None,
    clamp: float | None = None,
) -> Float[Tensor, "batch channels ..."]:
    """Applies a bias per channel, an activation, its gain and a clamp, in this order.

    Args:
        x: activations of rank 2 or more.
        b: bias along dimension 1.
        act: name in ACTIVATIONS.
        alpha: parameter of the activation; None for its default.
        gain: factor after the activation; None for its default.
        clamp: bound on the absolute value, if any.
    """
    function, usual_alpha, usual_gain = ACTIVATIONS[act]
    if b is not None:
        x = x + b.to(x.dtype).reshape(-1, *[1] * (x.ndim - 2))
    x = function(x, usual_alpha if alpha is None else alpha)
    gain = usual_gain if gain is None else gain
    if gain != 1:
        x = x * gain
    return x if clamp is None else x.clamp(-clamp, clamp)


def conv2d_resample(
    x: Float[Tensor, "batch channels height width"],
    weight: Float[Tensor, "out channels tall broad"],
    f: Tensor | None = None,
    up: int = 1,
    down: int = 1,
    padding: int = 0,
) -> Float[Tensor, "batch out high wide"]:
    """Convolves images, upsampling before or downsampling after.

    As the stored weights require, this is a correlation where the size stays or shrinks (as
    `conv2d`) and a convolution where it grows (as `conv_transpose2d`).

    Args:
        x: images.
        weight: square kernel with an odd side.
        f: low-pass filter of the resampling.
        up: upsampling factor, by zeros and f.
        down: downsampling factor.
        padding: padding of the upsampled image on each side.
    """
    if up == 1 and down == 1:
        return functional.conv2d(x, weight, padding=padding)
    size, taps = weight.shape[-1], 1 if f is None else f.shape[-1]
    if up > 1:
        before, after = padding + (taps + up - 1) // 2, padding + (taps - up) // 2
        if size == 1:
            grown = functional.conv2d(x, weight)
            return upfirdn2d(grown, f, up, 1, (before, after, before, after), gain=up**2)
        before, after = before - (size - 1), after - (size - up)
        spare = max(min(-before, -after), 0)
        grown = functional.conv_transpose2d(x, weight.transpose(0, 1), stride=up, padding=spare)
        before, after = before + spare, after + spare
        return upfirdn2d(grown, f, 1, 1, (before, after, before, after), gain=up**2)
    before, after = padding + (taps - down + 1) // 2, padding + (taps - down) // 2
    sides = (before, after, before, after)
    if size == 1:
        return functional.conv2d(upfirdn2d(x, f, 1, down, sides), weight)
    return functional.conv2d(upfirdn2d(x, f, 1, 1, sides), weight, stride=down)


def modulated_conv2d(
    x: Float[Tensor, "batch channels height width"],
    weight: Float[Tensor, "out channels tall broad"],
    styles: Float[Tensor, "batch channels"],
    noise: Tensor | None = None,
    up: int = 1,
    padding: int = 0,
    f: Tensor | None = None,
    demodulate: bool = True,
    eps: float = 1e-8,
) -> Float[Tensor, "batch out high wide"]:
    """Modulated convolution: input channels are scaled per sample, and outputs demodulated.

    The scales multiply the activations rather than a copy of the weights per sample. The result is
    equal up to rounding and takes one convolution for the whole batch.

    Args:
        x: activations.
        weight: kernel, shared by the samples.
        styles: scale of each input channel.
        noise: noise added at the end; broadcasts over samples and channels.
        up: upsampling factor, as in `conv2d_resample`.
        padding: padding of the upsampled image.
        f: low-pass filter of the upsampling.
        demodulate: whether a sample's weights are scaled to unit norm per output channel.
        eps: added to the squared norm.
    """
    x = conv2d_resample(x * styles[:, :, None, None], weight, f, up=up, padding=padding)
    if demodulate:
        norms = styles.square() @ weight.square().sum(dim=(2, 3)).T
        x = x * (norms + eps).rsqrt()[:, :, None, None]
    return x if noise is None else x + noise


def _four_sides(padding: int | tuple[int, ...]) -> tuple[int, int, int, int]:
    if isinstance(padding, int):
        return (padding,) * 4
    if len(padding) == 2:
        x, y = padding
        return (x, x, y, y)
    left, right, top, bottom = padding
    return (left, right, top, bottom)


def _filtered(
    x: Tensor,
    f: Tensor,
    up: tuple[int, int],
    down: tuple[int, int],
    padding: tuple[int, int, int, int],
    flip_filter: bool,
) -> Tensor:
    """Implements `upfirdn2d` by depthwise convolution; factors are (vertical, horizontal)."""
    channels = x.shape[1]
    left, right, top, bottom = padding
    if up != (1, 1):
        # A transposed convolution inserts the zeros and computes the full convolution at once; the
        # result is cropped to the requested padding.
        kernel = (f.flip((0, 1)) if flip_filter else f).expand(channels, 1, *f.shape)
        x = functional.conv_transpose2d(x, kernel, stride=up, groups=channels)
        tall, broad = f.shape
        left, right = left - broad + 1, right + up[1] - broad
        top, bottom = top - tall + 1, bottom + up[0] - tall
        x = functional.pad(x, (left, right, top, bottom))
        return x[:, :, :: down[0], :: down[1]]
    kernel = (f if flip_filter else f.flip((0, 1))).expand(channels, 1, *f.shape)
    if any(padding):
        x = functional.pad(x, padding)
    return functional.conv2d(x, kernel, stride=down, groups=channels)
