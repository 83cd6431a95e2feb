"""Names of Co-Mod-GAN's tensors in TensorFlow's networks and in zengxianyu's PyTorch port."""

from collections.abc import Iterator
from typing import Final

from ..stylegan.networks.foreign import SAME, NameRule, Table, TensorLayout
from ..stylegan.networks.foreign_tables import (
    COLOUR_BIAS,
    FIRST_AXIS,
    FLIPPED_KERNEL,
    GROWN_FILTER,
    KERNEL,
    ONE_NUMBER,
    TRANSPOSED,
)

__all__ = ["PORT", "TENSORFLOW"]


def _rule(own: str, foreign: str, layout: TensorLayout = SAME) -> NameRule:
    return NameRule(own, lambda r, i: foreign.format(r=r, i=i), layout)


def _pair(own: str, foreign: str, stop: str, layout: TensorLayout) -> Iterator[NameRule]:
    yield _rule(f"{own}.weight", f"{foreign}{stop}weight", layout)
    yield _rule(f"{own}.bias", f"{foreign}{stop}bias")


def _tf_layer(own: str, foreign: str, layout: TensorLayout = KERNEL) -> Iterator[NameRule]:
    yield from _pair(own, foreign, "/", layout)
    yield _rule(f"{own}.affine.weight", f"{foreign}/mod_weight", TRANSPOSED)
    yield _rule(f"{own}.affine.bias", f"{foreign}/mod_bias")


def _tf_noisy(own: str, foreign: str, layout: TensorLayout = KERNEL) -> Iterator[NameRule]:
    yield from _tf_layer(own, foreign, layout)
    yield _rule(f"{own}.noise_strength", f"{foreign}/noise_strength")


def _tensorflow() -> Iterator[NameRule]:
    yield _rule("mapping.w_avg", "dlatent_avg")
    yield from _pair("mapping.fc{i}", "mapping/Dense{i}", "/", TRANSPOSED)
    yield from _pair("encoder.b{r}.from_rgb", "synthesis/E_{r}x{r}/FromRGB", "/", KERNEL)
    yield from _pair("encoder.b{r}.conv0", "synthesis/E_{r}x{r}/Conv0", "/", KERNEL)
    yield from _pair("encoder.b{r}.conv1", "synthesis/E_{r}x{r}/Conv1_down", "/", KERNEL)
    yield from _pair("encoder.b4.conv", "synthesis/E_4x4/Conv", "/", KERNEL)
    yield from _pair("encoder.fc", "synthesis/E_4x4/Dense0", "/", TRANSPOSED)
    yield from _pair("decoder.fc", "synthesis/G_4x4/Dense", "/", TRANSPOSED)
    yield from _tf_noisy("decoder.b{r}.conv0", "synthesis/G_{r}x{r}/Conv0_up", FLIPPED_KERNEL)
    yield from _tf_noisy("decoder.b{r}.conv1", "synthesis/G_{r}x{r}/Conv1")
    # Behind the rule for every side: the smallest one has another name.
    yield from _tf_noisy("decoder.b4.conv1", "synthesis/G_4x4/Conv")
    yield from _tf_layer("decoder.b{r}.torgb", "synthesis/G_{r}x{r}/ToRGB")


def _port_layer(own: str, foreign: str) -> Iterator[NameRule]:
    yield _rule(f"{own}.weight", f"{foreign}.conv.weight", FIRST_AXIS)
    yield _rule(f"{own}.affine.weight", f"{foreign}.conv.modulation.weight")
    yield _rule(f"{own}.affine.bias", f"{foreign}.conv.modulation.bias")


def _port_noisy(own: str, foreign: str) -> Iterator[NameRule]:
    yield from _port_layer(own, foreign)
    yield _rule(f"{own}.noise_strength", f"{foreign}.noise.weight", ONE_NUMBER)
    yield _rule(f"{own}.bias", f"{foreign}.activate.bias")


def _port_conv(own: str, foreign: str, place: int) -> Iterator[NameRule]:
    """A convolution of a sequence; its bias is the layer behind it."""
    yield _rule(f"{own}.weight", f"{foreign}.{place}.weight")
    yield _rule(f"{own}.bias", f"{foreign}.{place + 1}.bias")


def _port() -> Iterator[NameRule]:
    encoder, decoder = "G_synthesis.E.", "G_synthesis.G_"

    def sides(rest: str) -> str:
        return f"{decoder}{{r}}x{{r}}.{rest}"

    yield from _pair("mapping.fc{i}", "G_mapping.G_mapping.Dense{i}", ".", SAME)
    yield from _port_conv("encoder.b{r}.from_rgb", f"{encoder}{{r}}x{{r}}_0.FromRGB", 0)
    yield from _port_conv("encoder.b{r}.conv0", f"{encoder}{{r}}x{{r}}.Conv0", 0)
    yield from _port_conv("encoder.b{r}.conv1", f"{encoder}{{r}}x{{r}}.Conv1_down", 1)
    yield _rule("encoder.b{r}.conv1.resample_filter", f"{encoder}{{r}}x{{r}}.Conv1_down.0.kernel")
    yield from _port_conv("encoder.b4.conv", f"{encoder}4x4.Conv", 0)
    yield from _pair("encoder.fc", f"{encoder}4x4.Dense0", ".", SAME)
    yield from _pair("decoder.fc", f"{decoder}4x4.Dense", ".", SAME)
    yield from _port_noisy("decoder.b{r}.conv0", sides("Conv0_up"))
    yield _rule(
        "decoder.b{r}.conv0.resample_filter", sides("Conv0_up.conv.blur.kernel"), GROWN_FILTER
    )
    yield from _port_noisy("decoder.b{r}.conv1", sides("Conv1"))
    yield from _port_noisy("decoder.b4.conv1", f"{decoder}4x4.Conv")
    yield from _port_layer("decoder.b{r}.torgb", sides("ToRGB"))
    yield _rule("decoder.b{r}.torgb.bias", sides("ToRGB.bias"), COLOUR_BIAS)
    yield _rule("decoder.b{r}.resample_filter", sides("ToRGB.upsample.kernel"), GROWN_FILTER)


TENSORFLOW: Final[Table] = tuple(_tensorflow())
"""Names of the variables, with components named `mapping` and `synthesis`."""
PORT: Final[Table] = tuple(_port())
"""Names of the port's state dict."""
