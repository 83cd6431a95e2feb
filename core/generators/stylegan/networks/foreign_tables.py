"""Tables of StyleGAN2's names in TensorFlow's networks and in rosinality's.

The correspondence to TensorFlow's names is that of NVIDIA's converter.
"""

from collections.abc import Callable, Iterator
from typing import Final

import torch
from einops import rearrange
from torch import Tensor

from .foreign import SAME, NameRule, Table, TensorLayout

__all__ = [
    "COLOUR_BIAS",
    "FIRST_AXIS",
    "FLIPPED_KERNEL",
    "GROWN_FILTER",
    "KERNEL",
    "ONE_NUMBER",
    "TRANSPOSED",
    "rosinality_discriminator",
    "rosinality_generator",
    "tensorflow_discriminator",
    "tensorflow_generator",
]

TRANSPOSED: Final = TensorLayout(lambda t: t.transpose(0, 1), lambda t: t.transpose(0, 1))
OWN_KERNEL: Final = "row column inputs outputs -> outputs inputs row column"
FOREIGN_KERNEL: Final = "outputs inputs row column -> row column inputs outputs"
KERNEL: Final = TensorLayout(
    lambda t: rearrange(t, OWN_KERNEL), lambda t: rearrange(t, FOREIGN_KERNEL)
)
FLIPPED_KERNEL: Final = TensorLayout(
    lambda t: rearrange(t.flip((0, 1)), OWN_KERNEL),
    lambda t: rearrange(t, FOREIGN_KERNEL).flip((0, 1)),
)
FIRST_AXIS: Final = TensorLayout(lambda t: _only(t, 1), lambda t: t[None])
FIRST_TWO: Final = TensorLayout(lambda t: _only(t, 2), lambda t: t[None, None])
ONE_NUMBER: Final = TensorLayout(lambda t: t.reshape(()), lambda t: t.reshape(1))
COLOUR_BIAS: Final = TensorLayout(lambda t: t.flatten(), lambda t: t.reshape(1, -1, 1, 1))
GROWN_FILTER: Final = TensorLayout(lambda t: t / 4, lambda t: t * 4)


def tensorflow_generator(*, joined_first: bool) -> Table:
    """Table of TensorFlow's `Gs` network and its components.

    Args:
        joined_first: as in `MappingNetwork`; the label's matrix then has another name.
    """
    label = "LabelConcat" if joined_first else "LabelEmbed"
    grown, plain = "synthesis/{r}x{r}/Conv0_up", "synthesis/{r}x{r}/Conv1"
    return (
        _fixed("mapping.w_avg", "dlatent_avg"),
        _fixed("mapping.embed.weight", f"mapping/{label}/weight", TRANSPOSED),
        _fixed("mapping.embed.bias", f"mapping/{label}/bias"),
        _fixed("mapping.fc{i}.weight", "mapping/Dense{i}/weight", TRANSPOSED),
        _fixed("mapping.fc{i}.bias", "mapping/Dense{i}/bias"),
        _fixed("synthesis.b4.const", "synthesis/4x4/Const/const", FIRST_AXIS),
        *_tensorflow_layer("synthesis.b{r}.conv0", grown, 5, FLIPPED_KERNEL),
        *_tensorflow_layer("synthesis.b{r}.conv1", plain, 4),
        *_tensorflow_layer("synthesis.b4.conv1", "synthesis/4x4/Conv", 4),
        *_styles("synthesis.b{r}.torgb", "synthesis/{r}x{r}/ToRGB"),
        _fixed("synthesis.b{r}.torgb.weight", "synthesis/{r}x{r}/ToRGB/weight", KERNEL),
        _fixed("synthesis.b{r}.skip.weight", "synthesis/{r}x{r}/Skip/weight", FLIPPED_KERNEL),
    )


def tensorflow_discriminator() -> Table:
    """Table of TensorFlow's `D` network."""
    return (
        *_pair("b{r}.fromrgb", "{r}x{r}/FromRGB", KERNEL),
        *_pair("b{r}.conv0", "{r}x{r}/Conv0", KERNEL),
        *_pair("b{r}.conv1", "{r}x{r}/Conv1_down", KERNEL),
        *_pair("b{r}.skip", "{r}x{r}/Skip", KERNEL),
        *_pair("mapping.embed", "LabelEmbed", TRANSPOSED),
        *_pair("mapping.fc{i}", "Mapping{i}", TRANSPOSED),
        *_pair("b4.conv", "4x4/Conv", KERNEL),
        *_pair("b4.fc", "4x4/Dense0", TRANSPOSED),
        *_pair("b4.out", "Output", TRANSPOSED),
    )


def rosinality_generator() -> Table:
    """Table of rosinality's `g` and `g_ema`."""
    return (
        NameRule("mapping.fc{i}.weight", lambda r, i: f"style.{i + 1}.weight"),
        NameRule("mapping.fc{i}.bias", lambda r, i: f"style.{i + 1}.bias"),
        _fixed("synthesis.b4.const", "input.input", FIRST_AXIS),
        *_rosinality_layer("synthesis.b{r}.conv0", lambda r: f"convs.{2 * _level(r) - 6}", 5),
        *_rosinality_layer("synthesis.b{r}.conv1", lambda r: f"convs.{2 * _level(r) - 5}", 4),
        *_rosinality_layer("synthesis.b4.conv1", lambda r: "conv1", 4),
        NameRule(
            "synthesis.b{r}.conv0.resample_filter",
            lambda r, i: f"convs.{2 * _level(r) - 6}.conv.blur.kernel",
            GROWN_FILTER,
        ),
        *_rosinality_colours("synthesis.b{r}.torgb", lambda r: f"to_rgbs.{_level(r) - 3}"),
        *_rosinality_colours("synthesis.b4.torgb", lambda r: "to_rgb1"),
        NameRule(
            "synthesis.b{r}.resample_filter",
            lambda r, i: f"to_rgbs.{_level(r) - 3}.upsample.kernel",
            GROWN_FILTER,
        ),
    )


def rosinality_discriminator(size: int) -> Table:
    """Table of rosinality's `d`.

    Args:
        size: pixels a side of its images: the layers are numbered from there.
    """

    def block(rest: str) -> Callable[[int, int], str]:
        return lambda r, i: f"convs.{_level(size) - _level(r) + 1}.{rest}"

    return (
        _fixed(f"b{size}.fromrgb.weight", "convs.0.0.weight"),
        _fixed(f"b{size}.fromrgb.bias", "convs.0.1.bias"),
        NameRule("b{r}.conv0.weight", block("conv1.0.weight")),
        NameRule("b{r}.conv0.bias", block("conv1.1.bias")),
        NameRule("b{r}.conv1.resample_filter", block("conv2.0.kernel")),
        NameRule("b{r}.conv1.weight", block("conv2.1.weight")),
        NameRule("b{r}.conv1.bias", block("conv2.2.bias")),
        NameRule("b{r}.skip.resample_filter", block("skip.0.kernel")),
        NameRule("b{r}.skip.weight", block("skip.1.weight")),
        _fixed("b4.conv.weight", "final_conv.0.weight"),
        _fixed("b4.conv.bias", "final_conv.1.bias"),
        *_pair("b4.fc", "final_linear.0", stop="."),
        *_pair("b4.out", "final_linear.1", stop="."),
    )


def _level(resolution: int) -> int:
    return resolution.bit_length() - 1


def _fixed(own: str, foreign: str, layout: TensorLayout = SAME) -> NameRule:
    return NameRule(own, lambda r, i: foreign.format(r=r, i=i), layout)


def _pair(
    own: str, foreign: str, layout: TensorLayout = SAME, stop: str = "/"
) -> Iterator[NameRule]:
    yield _fixed(f"{own}.weight", f"{foreign}{stop}weight", layout)
    yield _fixed(f"{own}.bias", f"{foreign}{stop}bias")


def _styles(own: str, foreign: str) -> Iterator[NameRule]:
    yield _fixed(f"{own}.affine.weight", f"{foreign}/mod_weight", TRANSPOSED)
    yield _fixed(f"{own}.affine.bias", f"{foreign}/mod_bias")
    yield _fixed(f"{own}.bias", f"{foreign}/bias")


def _tensorflow_layer(
    own: str, foreign: str, offset: int, layout: TensorLayout = KERNEL
) -> Iterator[NameRule]:
    yield from _styles(own, foreign)
    yield _fixed(f"{own}.weight", f"{foreign}/weight", layout)
    yield _fixed(f"{own}.noise_strength", f"{foreign}/noise_strength")
    yield NameRule(
        f"{own}.noise_const", lambda r, i: f"synthesis/noise{2 * _level(r) - offset}", FIRST_TWO
    )


def _rosinality_layer(own: str, foreign: Callable[[int], str], offset: int) -> Iterator[NameRule]:
    yield NameRule(f"{own}.weight", lambda r, i: f"{foreign(r)}.conv.weight", FIRST_AXIS)
    yield NameRule(f"{own}.affine.weight", lambda r, i: f"{foreign(r)}.conv.modulation.weight")
    yield NameRule(f"{own}.affine.bias", lambda r, i: f"{foreign(r)}.conv.modulation.bias")
    yield NameRule(f"{own}.noise_strength", lambda r, i: f"{foreign(r)}.noise.weight", ONE_NUMBER)
    yield NameRule(f"{own}.bias", lambda r, i: f"{foreign(r)}.activate.bias")
    yield NameRule(
        f"{own}.noise_const", lambda r, i: f"noises.noise_{2 * _level(r) - offset}", FIRST_TWO
    )


def _rosinality_colours(own: str, foreign: Callable[[int], str]) -> Iterator[NameRule]:
    yield NameRule(f"{own}.weight", lambda r, i: f"{foreign(r)}.conv.weight", FIRST_AXIS)
    yield NameRule(f"{own}.affine.weight", lambda r, i: f"{foreign(r)}.conv.modulation.weight")
    yield NameRule(f"{own}.affine.bias", lambda r, i: f"{foreign(r)}.conv.modulation.bias")
    yield NameRule(f"{own}.bias", lambda r, i: f"{foreign(r)}.bias", COLOUR_BIAS)


def _only(t: Tensor, axes: int) -> Tensor:
    """The tensor without `axes` leading axes of length one."""
    if t.shape[:axes] != torch.Size([1] * axes):
        raise ValueError(f"A tensor of shape {list(t.shape)}; expected {axes} leading ones.")
    return t.reshape(t.shape[axes:])
