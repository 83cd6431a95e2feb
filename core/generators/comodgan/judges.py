"""Co-Mod-GAN's discriminators of an image with its mask: TensorFlow's and the port's."""

from collections.abc import Callable, Iterator
from typing import Final

import torch
from torch import Tensor

from ...auxiliary import Discriminator
from ...checkpoints.architecture import load_network
from ...checkpoints.cache import cached
from ...checkpoints.reading import part_of, prefix_of, shape_of
from ...checkpoints.record import Checkpoint
from ...devices import placed
from ...errors import CheckpointError
from ..beside import twin_of
from ..stylegan import building
from ..stylegan.networks.discriminator import StyleGan2Discriminator
from ..stylegan.networks.foreign import NameRule, Table, TranslatedDiscriminator
from ..stylegan.networks.mapping import FullyConnected
from ..stylegan.networks.stylegan2_layers import Convolution
from ..stylegan.tensorflow import tensorflow_judge
from .networks import CoModLayout

__all__ = ["as_masked", "judge_beside", "port_judge", "port_judge_example", "port_judge_prefix"]

KEYS: Final = ("convs.ToRGB.0.weight", "Conv4x4.0.weight")
TWINS: Final = (("net_G_ema", "net_D"), ("net_G", "net_D"))
USUAL_TAPS: Final = (1.0, 3.0, 3.0, 1.0)


def port_judge_prefix(checkpoint: Checkpoint, missing: int = 0) -> str | None:
    """Prefix of the port's discriminator; None if there is none.

    Args:
        checkpoint: the file.
        missing: how many of its characteristic tensors a damaged file may lack.
    """
    return prefix_of(checkpoint, *KEYS, missing=missing)


def _table(size: int) -> Iterator[NameRule]:
    def rule(own: str, foreign: str) -> NameRule:
        return NameRule(own, lambda r, i: foreign.format(r=r, i=i))

    yield rule(f"b{size}.fromrgb.weight", "convs.ToRGB.0.weight")
    yield rule(f"b{size}.fromrgb.bias", "convs.ToRGB.1.bias")
    block = "convs.{r}x{r}."
    yield rule("b{r}.conv0.weight", f"{block}Conv0.0.weight")
    yield rule("b{r}.conv0.bias", f"{block}Conv0.1.bias")
    yield rule("b{r}.conv1.resample_filter", f"{block}Conv1_down.0.kernel")
    yield rule("b{r}.conv1.weight", f"{block}Conv1_down.1.weight")
    yield rule("b{r}.conv1.bias", f"{block}Conv1_down.2.bias")
    yield rule("b{r}.skip.resample_filter", f"{block}Skip.0.kernel")
    yield rule("b{r}.skip.weight", f"{block}Skip.1.weight")
    yield rule("b4.conv.weight", "Conv4x4.0.weight")
    yield rule("b4.conv.bias", "Conv4x4.1.bias")
    for own, foreign in (("fc", "Dense0"), ("out", "Output")):
        yield rule(f"b4.{own}.weight", f"{foreign}.weight")
        yield rule(f"b4.{own}.bias", f"{foreign}.bias")


def _network(widths: dict[int, int], channels: int, hidden: int) -> TranslatedDiscriminator:
    """The port's discriminator: 3 x 3 on the image, and a last layer of its own width."""
    size = max(widths)
    network = TranslatedDiscriminator(widths, channels)
    first, last = network.get_submodule(f"b{size}"), network.b4
    first.fromrgb = Convolution(channels, widths[size], 3, activation="lrelu")
    last.fc = FullyConnected(widths[4] * 16, hidden, activation="lrelu")
    last.out = FullyConnected(hidden, 1)
    table: Table = tuple(_table(size))
    network.table = table
    building.without_filters(network, USUAL_TAPS, {own for r in table for own, _ in r.names()})
    return network


def port_judge(checkpoint: Checkpoint) -> StyleGan2Discriminator:
    """Loads the port's discriminator, frozen.

    Raises:
        CheckpointError: tensors are missing or misshapen.
    """
    own = part_of(checkpoint, port_judge_prefix(checkpoint, 1) or "")
    sides: dict[int, int] = {}
    side = 8
    while (name := f"convs.{side}x{side}.Conv0.0.weight") in own.tensors:
        sides[side] = shape_of(own, name, 4)[0]
        side *= 2
    if not sides:
        raise CheckpointError(f"{checkpoint.path.name} has no maps `convs.8x8`. Fetch it again.")
    channels = shape_of(own, KEYS[0], 4)[1]
    widths = {4: shape_of(own, KEYS[1], 4)[0], **sides}
    return load_network(_network(widths, channels, shape_of(own, "Dense0.weight", 2)[0]), own)


def port_judge_example() -> StyleGan2Discriminator:
    """A small discriminator of the port, for tests."""
    return _network({4: 4, 8: 3, 16: 3}, 4, 5)


def judge_beside(checkpoint: Checkpoint, layout: CoModLayout) -> StyleGan2Discriminator | None:
    """The discriminator of a generator's file, or of the port's `net_D` beside it; None without.

    Raises:
        CheckpointError: it is damaged, or of images of another size or number of channels.
    """
    judge = tensorflow_judge(checkpoint)
    if judge is None and port_judge_prefix(checkpoint) is not None:
        judge = port_judge(checkpoint)
    beside = None if judge is not None else twin_of(checkpoint.path, *TWINS)
    if beside is not None:
        judge = port_judge(cached(beside))
    if judge is None:
        return None
    channels = layout.colours + layout.masked
    if (judge.img_channels, judge.img_resolution) != (channels, layout.size):
        raise CheckpointError(
            f"The discriminator of {checkpoint.path.name} takes {judge.img_channels} channels of "
            f"{judge.img_resolution} pixels a side, not {channels} of {layout.size}."
        )
    return judge


def as_masked(judge: StyleGan2Discriminator, hole: Tensor | None) -> Discriminator:
    """D(x) of images with a mask; one by one, since D compares the images of a batch.

    Args:
        judge: the network.
        hole: 1 where images are unknown, (1, 1, height, width); None if there is no mask.
    """

    def seen(image: Tensor) -> Tensor:
        x = image * 2 - 1
        return x if hole is None else torch.cat([0.5 - placed(hole, x), x], dim=1)

    def each(function: Callable[[Tensor], Tensor]) -> Callable[[Tensor], Tensor]:
        return lambda images: torch.cat([function(seen(image)) for image in images.split(1)])

    return Discriminator(judge, logits=each(judge), features=each(judge.features))
