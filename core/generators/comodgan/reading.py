"""Reading Co-Mod-GAN's networks off TensorFlow's variables or the port's state dict."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

import torch
from torch import Tensor

from ...checkpoints.architecture import load_network
from ...checkpoints.prefixes import averaged_prefix
from ...checkpoints.reading import part_of, prefixes_of
from ...checkpoints.record import Checkpoint
from ...errors import CheckpointError
from ...rng import stream_of
from ..stylegan import building
from ..stylegan.networks.foreign import Table, from_foreign
from ..stylegan.networks.mapping import FullyConnected
from ..stylegan.tensorflow import build_arguments
from .layouts import PORT, TENSORFLOW
from .networks import CoModGan, CoModLayout

__all__ = [
    "CoModFile",
    "co_mod_file",
    "fit_layout",
    "port_prefixes",
    "set_multiplier",
    "tensorflow_roots",
]

DENSE: Final = re.compile(r"(?P<root>(?:.*\.)?)(?P<component>[^/.]+)/G_4x4/Dense/weight")
MAPPING: Final = re.compile(r"(?P<component>[^/.]+)/(?:Dense\d+|LabelConcat)/\w+")
NOISE: Final = re.compile(r"synthesis/noise(?P<layer>\d+)")
UNUSED: Final = re.compile(r"(?:.*/)?lod")
PORT_KEYS: Final = ("G_synthesis.G_4x4.Dense.weight", "G_synthesis.E.4x4.Dense0.weight")
USUAL_TAPS: Final = (1.0, 3.0, 3.0, 1.0)
SIDE: Final = re.compile(r"encoder\.b(\d+)\.conv0\.weight")
FIRST: Final = 4
UNSUPPORTED: Final = {"style_mod": True, "cond_mod": True, "architecture": "skip"}
"""Arguments with their only supported value."""


@dataclass(frozen=True)
class CoModFile:
    """What a file has of a generator.

    Attributes:
        network: the generator, loaded and frozen.
        noises: its constant noise, a map (1, 1, side, side) per layer.
        drawn: whether the noise was drawn because the file has none.
        dropout: share of the image's vector that dropout removes.
    """

    network: CoModGan
    noises: tuple[Tensor, ...]
    drawn: bool
    dropout: float


def tensorflow_roots(checkpoint: Checkpoint) -> list[str]:
    """Prefix of each generator of TensorFlow in the file."""
    return [match["root"] for name in checkpoint.tensors if (match := DENSE.fullmatch(name))]


def port_prefixes(checkpoint: Checkpoint) -> list[str]:
    """Prefix of each generator of the port in the file."""
    return prefixes_of(checkpoint, *PORT_KEYS)


def co_mod_file(checkpoint: Checkpoint, *, adds: bool = True) -> CoModFile:
    """Loads the generator of a file.

    Args:
        checkpoint: the file.
        adds: as for `CoModGan`.

    Raises:
        CheckpointError: tensors are missing or misshapen, or of an unsupported form.
    """
    if (roots := tensorflow_roots(checkpoint)) or not port_prefixes(checkpoint):
        root = max(roots, default="")
        arguments, _ = build_arguments(checkpoint, root)
        _check(checkpoint, arguments)
        part = _components(part_of(checkpoint, root))
        table, taps = TENSORFLOW, arguments.get("resample_kernel", USUAL_TAPS)
    else:
        part = part_of(checkpoint, averaged_prefix(port_prefixes(checkpoint)) or "")
        table, taps, arguments = PORT, USUAL_TAPS, {}
    own, kept = _split(part)
    network = _network(own, table, taps, adds=adds)
    set_multiplier(network, float(arguments.get("mapping_lrmul", 0.01)))
    load_network(network, own)
    layout = network.layout
    noises = [kept.get(number) for number in range(len(layout.noises))]
    drawn = any(noise is None for noise in noises)
    stream = stream_of(0, "Co-Mod-GAN's constant noise")
    found = tuple(
        torch.randn(1, 1, side, side, generator=stream)
        if drawn or noise is None
        else noise.float()
        for noise, side in zip(noises, layout.noises, strict=True)
    )
    wrong = [n for n, s in zip(found, layout.noises, strict=True) if n.shape != (1, 1, s, s)]
    if wrong:
        raise CheckpointError(
            f"{checkpoint.path.name} has noise of the shape {list(wrong[0].shape)}, which no "
            "layer takes. Fetch it again."
        )
    return CoModFile(network, found, drawn, float(arguments.get("dropout_rate", 0.5)))


def _check(checkpoint: Checkpoint, arguments: Mapping[str, Any]) -> None:
    for name, only in UNSUPPORTED.items():
        if arguments.get(name, only) != only:
            raise CheckpointError(
                f"{checkpoint.path.name} is a Co-Mod-GAN with {name} = {arguments[name]!r}; only "
                f"{only!r} is supported."
            )
    if arguments.get("label_size"):
        raise CheckpointError(
            f"{checkpoint.path.name} is a Co-Mod-GAN with classes, which no release has."
        )


def _components(part: Checkpoint) -> Checkpoint:
    """The components of a network of TensorFlow, renamed to `mapping` and `synthesis`."""
    names = {
        **{m["component"]: "synthesis" for n in part.tensors if (m := DENSE.fullmatch(n))},
        **{m["component"]: "mapping" for n in part.tensors if (m := MAPPING.fullmatch(n))},
    }
    renamed: dict[str, Tensor] = {}
    for name, tensor in part.tensors.items():
        component, stop, rest = name.partition("/")
        if not UNUSED.fullmatch(name):
            renamed[f"{names.get(component, component)}{stop}{rest}"] = tensor
    return replace(part, tensors=renamed)


def _split(part: Checkpoint) -> tuple[Checkpoint, dict[int, Tensor]]:
    """The tensors without constant noise, and that noise by its layer."""
    noises = {int(m["layer"]): t for n, t in part.tensors.items() if (m := NOISE.fullmatch(n))}
    rest = {n: t for n, t in part.tensors.items() if not NOISE.fullmatch(n)}
    return replace(part, tensors=rest), noises


def _network(part: Checkpoint, table: Table, taps: tuple[float, ...], *, adds: bool) -> CoModGan:
    own = from_foreign(part.tensors, table)
    widths = {FIRST: own["encoder.b4.conv.weight"].shape[0]}
    sides = sorted(int(match[1]) for name in own if (match := SIDE.fullmatch(name)))
    if sides != [FIRST * 2 ** (n + 1) for n in range(len(sides))] or not sides:
        raise CheckpointError(
            f"{part.path.name} has an encoder of the sides {sides}, which do not double from 8 on."
        )
    widths |= {side: own[f"encoder.b{side}.conv0.weight"].shape[0] for side in sides}
    vector = own["encoder.fc.weight"].shape[0]
    colours, inputs = (
        own[name].shape[axis]
        for name, axis in (
            (f"decoder.b{sides[-1]}.torgb.weight", 0),
            (f"encoder.b{sides[-1]}.from_rgb.weight", 1),
        )
    )
    if colours != 3 or inputs not in (colours, colours + 1):
        raise CheckpointError(
            f"{part.path.name} makes images of {colours} channels of {inputs}; 3 of 4 (an image "
            "and its mask), or 3 of 3, are supported."
        )
    layers = 0
    while f"mapping.fc{layers}.weight" in own:
        layers += 1
    layout = CoModLayout(
        widths,
        z_dim=own["mapping.fc0.weight"].shape[1],
        w_dim=own["decoder.b4.conv1.affine.weight"].shape[1] - vector,
        hidden=tuple(own[f"mapping.fc{n}.weight"].shape[0] for n in range(layers - 1)),
        vector=vector,
        masked=inputs > colours,
        averaged=table is TENSORFLOW,
    )
    network = CoModGan(layout, adds=adds)
    fit_layout(network, table, taps)
    building.adopt(network, own, {})
    return network


def fit_layout(network: CoModGan, table: Table, taps: tuple[float, ...]) -> None:
    """Gives a network the names and the filters of a layout.

    Args:
        network: the network.
        table: names of its tensors in files.
        taps: taps of the filters, where files of the layout have none.
    """
    network.table = table
    kept = {own for rule in table for own, _ in rule.names()}
    building.without_filters(network, taps, kept)
    if table is TENSORFLOW:
        for name, module in network.named_modules():
            if isinstance(module, FullyConnected) and name.endswith(".affine"):
                module.shift = 1.0


def set_multiplier(network: CoModGan, multiplier: float) -> None:
    """Sets the learning rate multiplier of the mapping network's layers."""
    for name, layer in network.mapping.named_children():
        if isinstance(layer, FullyConnected) and name.startswith("fc"):
            layer.weight_gain = multiplier / layer.weight.shape[1] ** 0.5
            layer.bias_gain = multiplier
