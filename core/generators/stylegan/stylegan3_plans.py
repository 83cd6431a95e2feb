"""What the layers of a StyleGAN3 synthesis network are, read off a file.

Pickles tell it in the attributes of their modules. Where a file has the tensors alone, it is
worked out from the names of the layers (`L{number}_{size}_{channels}`) and the shapes of their
filters, under the official defaults that `assumed` names.
"""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from torch import Tensor

from .networks.stylegan3 import StyleGan3Synthesis
from .networks.stylegan3_layers import InputPlan, LayerPlan, centred

__all__ = ["ModuleView", "assumed", "layer_names", "synthesis", "told"]

LAYER = re.compile(r"L(\d+)_(\d+)_\d+")
LAYER_ATTRIBUTES = ("up_factor", "down_factor", "padding", "is_torgb")
INPUT_ATTRIBUTES = ("size", "sampling_rate", "bandwidth")
RELU_UPSAMPLING = 2
LARGEST_FACTOR = 64
LARGEST_SIDE = 16384
FIRST_CUTOFF = 2.0
CLAMP = 256.0
OUTPUT_SCALE = 0.25


@dataclass(frozen=True)
class ModuleView:
    """A module of a generator: its tensors and its attributes, by its own names.

    Attributes:
        tensors: of the whole generator.
        attributes: of the whole generator: name of a module to what its pickle said of it; empty
            where the file is of tensors alone.
        prefix: of the module's tensors: empty, or with a point at the end.
    """

    tensors: Mapping[str, Tensor]
    attributes: Mapping[str, Mapping[str, Any]]
    prefix: str = ""

    def __getitem__(self, name: str) -> "ModuleView":
        """The module of that name in this one."""
        return replace(self, prefix=f"{self.prefix}{name}.")

    def value(self, name: str) -> Any:  # noqa: ANN401
        """An attribute, also where it is an array that is kept as a tensor; None without it."""
        tensor = self.tensors.get(self.prefix + name)
        if tensor is not None:
            return tensor.tolist()
        return self.attributes.get(self.prefix.removesuffix("."), {}).get(name)

    def tells(self, *names: str) -> bool:
        """Whether it has all of these attributes."""
        return all(self.value(name) is not None for name in names)

    def shape(self, name: str) -> tuple[int, ...]:
        """Of a tensor; empty where it has none of that name."""
        tensor = self.tensors.get(self.prefix + name)
        return () if tensor is None else tuple(tensor.shape)


def layer_names(module: ModuleView) -> list[str]:
    """The layers of a synthesis network in their order; XL's heads skip numbers."""
    told = module.value("layer_names")
    if told:
        return [str(name) for name in told]
    start = len(module.prefix)
    first_parts = {
        key[start:].split(".")[0] for key in module.tensors if key.startswith(module.prefix)
    }
    numbered = ((int(found[1]), name) for name in first_parts if (found := LAYER.fullmatch(name)))
    return [name for _, name in sorted(numbered)]


def synthesis(module: ModuleView) -> StyleGan3Synthesis:
    """The network, not yet filled with its weights.

    Raises:
        LookupError, TypeError, ValueError: what the file tells is missing or does not fit.
    """
    names = layer_names(module)
    w_dim = module["input"].shape("affine.weight")[1]
    if _told(module, names):
        layers = [_told_layer(module[name], name) for name in names]
    else:
        layers = _worked_out(module, names)
    entry, scale = _entry(module, layers), module.value("output_scale")
    _refuse_gaps(entry, layers)
    return StyleGan3Synthesis(
        w_dim, entry, layers, OUTPUT_SCALE if scale is None else float(scale)
    )


def _refuse_gaps(entry: InputPlan, layers: Sequence[LayerPlan]) -> None:
    """Layers that do not take what those before them make, or make nothing.

    Raises:
        ValueError: there are such.
    """
    channels, size = entry.channels, entry.size
    for plan in layers:
        if not (0 < plan.up <= LARGEST_FACTOR and 0 < plan.down <= LARGEST_FACTOR):
            raise ValueError(f"layer {plan.name} has factors {plan.up} and {plan.down}")
        if plan.channels[0] != channels:
            raise ValueError(f"layer {plan.name} takes {plan.channels[0]} of {channels} channels")
        channels, size = plan.channels[1], plan.size(size)
        if not all(0 < side <= LARGEST_SIDE for side in size):
            raise ValueError(f"layer {plan.name} would make maps of {size[0]} x {size[1]} pixels")
        if [int(part) for part in plan.name.split("_")[1:]] != [size[0], channels]:
            # A name that was changed in the file is a change that no check sum shows.
            raise ValueError(f"layer {plan.name} makes {channels} maps of {size[0]} pixels a side")


def assumed(module: ModuleView) -> dict[str, str]:
    """Facts that the file lacks and the official defaults give, for `inspect`."""
    found: dict[str, str] = {}
    names = layer_names(module)
    if not _told(module, names):
        found["layers"] = (
            "factors and padding worked out from names and shapes, for leaky ReLUs at "
            f"{RELU_UPSAMPLING} times the sampling rate"
        )
        found["conv_clamp"] = f"{CLAMP:g}, the official default"
    if module.value("output_scale") is None:
        found["output_scale"] = f"{OUTPUT_SCALE:g}, the official default"
    if not module["input"].tells(*INPUT_ATTRIBUTES):
        found["bandwidth"] = (
            f"of the Fourier features {FIRST_CUTOFF:g}, the official default, or the highest "
            "frequency; it matters where `transform` shrinks the image"
        )
    return found


def told(network: StyleGan3Synthesis, prefix: str) -> dict[str, object]:
    """A network's plans as a pickle tells them, for `config["modules"]`.

    Args:
        network: of any plans.
        prefix: of its tensors.
    """
    entry = network.input.plan
    found: dict[str, object] = {
        prefix.removesuffix("."): {
            "attributes": {
                "layer_names": [plan.name for plan in network.plans],
                "output_scale": network.output_scale,
            }
        },
        f"{prefix}input": {
            "attributes": {
                "size": list(entry.size),
                "sampling_rate": entry.sampling_rate,
                "bandwidth": entry.bandwidth,
            }
        },
    }
    for plan in network.plans:
        found[prefix + plan.name] = {
            "attributes": {
                "up_factor": plan.up,
                "down_factor": plan.down,
                "up_taps": plan.up_filter[-1] if plan.up_filter else 1,
                "down_taps": plan.down_filter[-1] if plan.down_filter else 1,
                "padding": list(plan.padding),
                "conv_clamp": plan.clamp,
                "is_torgb": plan.to_rgb,
            }
        }
    return found


def _told(module: ModuleView, names: Sequence[str]) -> bool:
    return all(module[name].tells(*LAYER_ATTRIBUTES) for name in names)


def _channels(layer: ModuleView) -> tuple[int, int]:
    after, before, _, _ = layer.shape("weight")
    return before, after


def _told_layer(layer: ModuleView, name: str) -> LayerPlan:
    left, right, above, below = (int(side) for side in layer.value("padding"))
    clamp = layer.value("conv_clamp")
    up_filter, down_filter = _filters(layer)
    for taps, shape in (("up_taps", up_filter), ("down_taps", down_filter)):
        told, there = layer.value(taps), shape[-1] if shape else 1
        if told not in (None, there):
            raise ValueError(f"{layer.prefix}{taps} is {told}, but its filter has {there} taps")
    return LayerPlan(
        name=name,
        channels=_channels(layer),
        kernel=layer.shape("weight")[-1],
        up=int(layer.value("up_factor")),
        down=int(layer.value("down_factor")),
        up_filter=up_filter,
        down_filter=down_filter,
        padding=(left, right, above, below),
        clamp=None if clamp is None else float(clamp),
        to_rgb=bool(layer.value("is_torgb")),
    )


def _filters(layer: ModuleView) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """The shapes of the filters before and after the leaky ReLU."""
    up, down = layer.shape("up_filter"), layer.shape("down_filter")
    if len(up) > 1 or len(down) > 2 or len(set(down)) > 1:
        raise ValueError(f"{layer.prefix} has filters of shapes {list(up)} and {list(down)}")
    return up, down


def _worked_out(module: ModuleView, names: Sequence[str]) -> list[LayerPlan]:
    sizes = [int(name.split("_")[1]) for name in names]
    befores = [sizes[0], *sizes]
    return [
        _worked_out_layer(module[name], name, before, after, last=name == names[-1])
        for name, before, after in zip(names, befores, sizes, strict=False)
    ]


def _worked_out_layer(
    layer: ModuleView, name: str, before: int, after: int, *, last: bool
) -> LayerPlan:
    """A layer from `before` to `after` pixels a side."""
    up_filter, down_filter = _filters(layer)
    up, down = (1, 1) if last else _factors(layer)
    plan = LayerPlan(
        name=name,
        channels=_channels(layer),
        kernel=layer.shape("weight")[-1],
        up=up,
        down=down,
        up_filter=up_filter,
        down_filter=down_filter,
        padding=(0, 0, 0, 0),
        clamp=CLAMP,
        to_rgb=last,
    )
    return centred(plan, before, after)


def _factors(layer: ModuleView) -> tuple[int, int]:
    """(up, down) of a layer: in the ratio of its filters' lengths, the lesser the ReLU's."""
    up, down = (shape[-1] if shape else 0 for shape in _filters(layer))
    lesser = min(up, down) // RELU_UPSAMPLING
    if lesser == 0 or up % lesser or down % lesser or (max(up, down) // lesser).bit_count() > 1:
        raise ValueError(
            f"{layer.prefix} has filters of {up} and {down} taps, and nothing in the file tells "
            "its factors"
        )
    return up // lesser, down // lesser


def _entry(module: ModuleView, layers: Sequence[LayerPlan]) -> InputPlan:
    entry = module["input"]
    channels = entry.shape("weight")[0]
    if entry.tells(*INPUT_ATTRIBUTES):
        width, height = (int(side) for side in entry.value("size"))
        rate, bandwidth = float(entry.value("sampling_rate")), float(entry.value("bandwidth"))
        return InputPlan(channels, (width, height), rate, bandwidth)
    size = int(layers[0].name.split("_")[1])
    highest = float(module.tensors[entry.prefix + "freqs"].norm(dim=1).max())
    return InputPlan(channels, (size, size), _first_rate(layers), max(FIRST_CUTOFF, highest))


def _first_rate(layers: Sequence[LayerPlan]) -> float:
    """The sampling rate of the features: the image's, a power of 2, divided by every growth."""
    rate = 2.0 ** math.ceil(math.log2(int(layers[-1].name.split("_")[1])))
    for layer in layers:
        rate *= layer.down / layer.up
    return rate
