"""Layer plans of a StyleGAN3 synthesis network, read from a file.

Pickles have them as attributes of their modules. For files of tensors alone they are derived from
the names of the layers (`L{number}_{size}_{channels}`) and the shapes of their filters, assuming
the official defaults that `assumed` lists.
"""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from torch import Tensor

from .networks.stylegan3 import StyleGan3Synthesis
from .networks.stylegan3_layers import InputPlan, LayerPlan, centred

__all__ = ["ModuleView", "assumed", "layer_names", "plan_attributes", "synthesis"]

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
    """View of a generator's module: its tensors and attributes, by names within the module.

    Attributes:
        tensors: tensors of the whole generator.
        attributes: attributes of each module of the whole generator, by module name; empty for a
            file of tensors alone.
        prefix: prefix of the module's tensors: empty, or ending in a point.
    """

    tensors: Mapping[str, Tensor]
    attributes: Mapping[str, Mapping[str, Any]]
    prefix: str = ""

    def __getitem__(self, name: str) -> "ModuleView":
        """View of a submodule."""
        return replace(self, prefix=f"{self.prefix}{name}.")

    def value(self, name: str) -> Any:  # noqa: ANN401
        """Value of an attribute, which may be stored as a tensor; None if there is none."""
        tensor = self.tensors.get(self.prefix + name)
        if tensor is not None:
            return tensor.tolist()
        return self.attributes.get(self.prefix.removesuffix("."), {}).get(name)

    def has_all(self, *names: str) -> bool:
        """Whether all of these attributes exist."""
        return all(self.value(name) is not None for name in names)

    def shape(self, name: str) -> tuple[int, ...]:
        """Shape of a tensor; empty if there is none of that name."""
        tensor = self.tensors.get(self.prefix + name)
        return () if tensor is None else tuple(tensor.shape)


def layer_names(module: ModuleView) -> list[str]:
    """Layer names of a synthesis network in order; numbers can have gaps in heads of XL."""
    names = module.value("layer_names")
    if names:
        return [str(name) for name in names]
    start = len(module.prefix)
    first_parts = {
        key[start:].split(".")[0] for key in module.tensors if key.startswith(module.prefix)
    }
    numbered = ((int(found[1]), name) for name in first_parts if (found := LAYER.fullmatch(name)))
    return [name for _, name in sorted(numbered)]


def synthesis(module: ModuleView) -> StyleGan3Synthesis:
    """Builds the synthesis network, without loading weights.

    Raises:
        LookupError, TypeError, ValueError: tensors or attributes are missing or do not fit.
    """
    names = layer_names(module)
    w_dim = module["input"].shape("affine.weight")[1]
    if _has_attributes(module, names):
        layers = [_layer_of_attributes(module[name], name) for name in names]
    else:
        layers = _worked_out(module, names)
    entry, scale = _entry(module, layers), module.value("output_scale")
    _refuse_gaps(entry, layers)
    return StyleGan3Synthesis(
        w_dim, entry, layers, OUTPUT_SCALE if scale is None else float(scale)
    )


def _refuse_gaps(entry: InputPlan, layers: Sequence[LayerPlan]) -> None:
    """Checks that each layer takes the output of the one before and makes a valid map.

    Raises:
        ValueError: a layer does not.
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
            # Catches names changed in the file, which a checksum of tensors does not cover.
            raise ValueError(f"layer {plan.name} makes {channels} maps of {size[0]} pixels a side")


def assumed(module: ModuleView) -> dict[str, str]:
    """Facts on values that are not in the file and taken from the official defaults."""
    found: dict[str, str] = {}
    names = layer_names(module)
    if not _has_attributes(module, names):
        found["layers"] = (
            "factors and padding derived from names and shapes, for leaky ReLUs at "
            f"{RELU_UPSAMPLING} times the sampling rate"
        )
        found["conv_clamp"] = f"{CLAMP:g}, the official default"
    if module.value("output_scale") is None:
        found["output_scale"] = f"{OUTPUT_SCALE:g}, the official default"
    if not module["input"].has_all(*INPUT_ATTRIBUTES):
        found["bandwidth"] = (
            f"of the Fourier features {FIRST_CUTOFF:g}, the official default, or the highest "
            "frequency; it matters where `transform` shrinks the image"
        )
    return found


def plan_attributes(network: StyleGan3Synthesis, prefix: str) -> dict[str, object]:
    """Plans of a network in the form of `config["modules"]` of a pickle.

    Args:
        network: synthesis network.
        prefix: prefix of its tensors.
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


def _has_attributes(module: ModuleView, names: Sequence[str]) -> bool:
    return all(module[name].has_all(*LAYER_ATTRIBUTES) for name in names)


def _channels(layer: ModuleView) -> tuple[int, int]:
    after, before, _, _ = layer.shape("weight")
    return before, after


def _layer_of_attributes(layer: ModuleView, name: str) -> LayerPlan:
    left, right, above, below = (int(side) for side in layer.value("padding"))
    clamp = layer.value("conv_clamp")
    up_filter, down_filter = _filters(layer)
    for taps, shape in (("up_taps", up_filter), ("down_taps", down_filter)):
        stated, there = layer.value(taps), shape[-1] if shape else 1
        if stated not in (None, there):
            raise ValueError(f"{layer.prefix}{taps} is {stated}, but its filter has {there} taps")
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
    """Shapes of the filters before and after the leaky ReLU."""
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
    """Derives the plan of a layer from `before` to `after` pixels a side."""
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
    """Factors (up, down), in the ratio of the filter lengths; the smaller is the ReLU's."""
    up, down = (shape[-1] if shape else 0 for shape in _filters(layer))
    lesser = min(up, down) // RELU_UPSAMPLING
    if lesser == 0 or up % lesser or down % lesser or (max(up, down) // lesser).bit_count() > 1:
        raise ValueError(
            f"{layer.prefix} has filters of {up} and {down} taps, which do not determine its "
            "factors, and the file has no attributes"
        )
    return up // lesser, down // lesser


def _entry(module: ModuleView, layers: Sequence[LayerPlan]) -> InputPlan:
    entry = module["input"]
    channels = entry.shape("weight")[0]
    if entry.has_all(*INPUT_ATTRIBUTES):
        width, height = (int(side) for side in entry.value("size"))
        rate, bandwidth = float(entry.value("sampling_rate")), float(entry.value("bandwidth"))
        return InputPlan(channels, (width, height), rate, bandwidth)
    size = int(layers[0].name.split("_")[1])
    highest = float(module.tensors[entry.prefix + "freqs"].norm(dim=1).max())
    return InputPlan(channels, (size, size), _first_rate(layers), max(FIRST_CUTOFF, highest))


def _first_rate(layers: Sequence[LayerPlan]) -> float:
    """Sampling rate of the features: the image's, a power of 2, over the layers' factors."""
    rate = 2.0 ** math.ceil(math.log2(int(layers[-1].name.split("_")[1])))
    for layer in layers:
        rate *= layer.down / layer.up
    return rate
