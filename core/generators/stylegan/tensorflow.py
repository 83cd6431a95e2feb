"""StyleGAN2 of NVIDIA's TensorFlow pickles: StyleGAN2's configurations E and F, and ADA's.

Such a pickle is (G, D, Gs); the averaged Gs is used. Its variables are under `2.` with their
TensorFlow names, those of the two components under the component's name. Sizes come from the
variables, other settings from the arguments of the networks. Noise is the file's constant noise by
default.
"""

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from torch import Tensor, nn

from ...checkpoints.architecture import Architecture, Example, load_network
from ...checkpoints.prefixes import choice_fact
from ...checkpoints.published import Published
from ...checkpoints.record import Checkpoint
from ...checkpoints.weights import if_usable
from ...generator import Generator
from . import building
from .networks.discriminator import MinibatchStd, StyleGan2Discriminator
from .networks.foreign import (
    TranslatedDiscriminator,
    TranslatedGenerator,
    from_foreign,
)
from .networks.foreign_tables import tensorflow_discriminator, tensorflow_generator
from .networks.mapping import FullyConnected, MappingNetwork
from .networks.stylegan2 import StyleGan2Synthesis
from .networks.stylegan2_layers import Convolution, SynthesisLayer, ToRgb
from .options import STYLEGAN2_OPTIONS
from .stylegan2 import NOISE_FACT, stylegan2_arrays

__all__ = ["GENERATOR", "build_arguments", "tensorflow_judge"]

CONST: Final = re.compile(r"(?P<root>(?:.*\.)?)(?P<component>[^/.]+)/4x4/Const/const")
MAPPING: Final = re.compile(
    r"(?P<component>(?!\d+x\d+/)[^/]+)/(?:Dense\d+|LabelEmbed|LabelConcat)/\w+"
)
COLOURS: Final = re.compile(r"(?P<before>(?:.*/)?)(?P<layer>ToRGB|FromRGB)_lod0/(?P<variable>\w+)")
IGNORED: Final = re.compile(r"(?:.*/)?(?:lod|(?:ToRGB|FromRGB)_lod[1-9]\d*/\w+)")
"""Leftovers of progressive growing: its state, and the colour layers of lower resolutions."""
USUAL_TAPS: Final = (1.0, 3.0, 3.0, 1.0)
EARLY_GROUP: Final = 4


def _roots(checkpoint: Checkpoint) -> list[str]:
    """Prefix of each generator in the file."""
    return [match["root"] for name in checkpoint.tensors if (match := CONST.fullmatch(name))]


def _root(checkpoint: Checkpoint) -> str | None:
    """Prefix of the averaged generator, the last in the file; None if there is none."""
    return max(_roots(checkpoint), default=None)


def _discriminator_root(checkpoint: Checkpoint) -> str | None:
    """Prefix of the discriminator; None if there is none."""
    ends = ("4x4/Dense0/weight", "4x4/Dense0/bias", "Output/weight", "Output/bias")
    for name in checkpoint.tensors:
        for end in ends:
            root = name.removesuffix(end)
            if root != name and root.endswith(".") and "/" not in root:
                return root
    return None


def _part(checkpoint: Checkpoint, root: str) -> Checkpoint:
    """The network under a prefix, with its components renamed to `mapping` and `synthesis`."""
    tensors = {
        name.removeprefix(root): checkpoint.tensors[name]
        for name in checkpoint.tensors
        if name.startswith(root) and not IGNORED.fullmatch(name.removeprefix(root))
    }
    names = {
        **{m["component"]: "synthesis" for n in tensors if (m := CONST.fullmatch(n))},
        **{m["component"]: "mapping" for n in tensors if (m := MAPPING.fullmatch(n))},
    }
    sizes = [int(n) for name in tensors for n in re.findall(r"(?:^|/)(\d+)x\1/", name)]
    side = max(sizes, default=0)
    renamed: dict[str, Tensor] = {}
    for name, tensor in tensors.items():
        component, stop, rest = name.partition("/")
        short = f"{names.get(component, component)}{stop}{rest}"
        colours = COLOURS.fullmatch(short)
        if colours:
            short = f"{colours['before']}{side}x{side}/{colours['layer']}/{colours['variable']}"
        renamed[short] = tensor
    return replace(checkpoint, tensors=renamed)


def build_arguments(checkpoint: Checkpoint, root: str) -> tuple[Mapping[str, Any], str]:
    """Arguments of a network, and the name of the function that builds it."""
    modules = checkpoint.config.get("modules", {})
    entry = modules.get(root.removesuffix("."), {})
    arguments = entry.get("arguments", {}).get("kwargs", {})
    return arguments, str(entry.get("attributes", {}).get("build_func_name", ""))


def _layers(network: nn.Module, arguments: Mapping[str, Any]) -> None:
    """Sets activation and clamp of the convolutions from the arguments, shortcuts excluded."""
    activation = str(arguments.get("nonlinearity", "lrelu"))
    attributes: dict[str, dict[str, object]] = {}
    for name, module in network.named_modules():
        if isinstance(module, FullyConnected) and name.endswith(".affine"):
            module.shift = 1.0
        if isinstance(module, (SynthesisLayer, Convolution)) and not name.endswith(".skip"):
            attributes[name] = {"activation": activation}
        plain = name.endswith(".skip") or name == "b4.fromrgb"
        if isinstance(module, (SynthesisLayer, Convolution, ToRgb)) and not plain:
            attributes.setdefault(name, {})["conv_clamp"] = arguments.get("conv_clamp")
    building.adopt(network, {}, attributes)
    building.without_filters(network, arguments.get("resample_kernel", USUAL_TAPS))


def _mapped(mapping: nn.Module, activation: str, multiplier: float) -> None:
    for name, layer in mapping.named_modules():
        if isinstance(layer, FullyConnected) and name.startswith("fc"):
            attributes = {
                "activation": activation,
                "weight_gain": multiplier / layer.weight.shape[1] ** 0.5,
                "bias_gain": multiplier,
            }
            building.adopt(layer, {}, {"": attributes})


def _agree(arguments: Mapping[str, Any], sizes: Mapping[str, int]) -> None:
    """Checks that the arguments agree with the sizes of the variables."""
    for name, size in sizes.items():
        if arguments.get(name, size) != size:
            raise ValueError(f"{name} is {arguments[name]}, but the variables are of {size}")


def _generator(checkpoint: Checkpoint, root: str) -> TranslatedGenerator:
    part = _part(checkpoint, root)
    arguments, _ = build_arguments(checkpoint, root)
    joined_first = any(name.startswith("mapping/LabelConcat/") for name in part.tensors)
    table = tensorflow_generator(joined_first=joined_first)
    own = from_foreign(part.tensors, table)
    network = TranslatedGenerator(*building.generator_parts(own, {}, joined_first=joined_first))
    network.table = table
    _agree(arguments, {"latent_size": network.mapping.z_dim, "label_size": network.mapping.c_dim})
    activation = str(arguments.get("mapping_nonlinearity", "lrelu"))
    _mapped(network.mapping, activation, float(arguments.get("mapping_lrmul", 0.01)))
    _layers(network.synthesis, arguments)
    return load_network(network, part)


def _load_discriminator(checkpoint: Checkpoint, root: str) -> StyleGan2Discriminator:
    part = _part(checkpoint, root)
    arguments, builder = build_arguments(checkpoint, root)
    table = tensorflow_discriminator()
    network = building.discriminator_parts(
        from_foreign(part.tensors, table), TranslatedDiscriminator
    )
    network.table = table
    _agree(arguments, {"label_size": network.c_dim})
    activation = str(arguments.get("nonlinearity", "lrelu"))
    _layers(network, arguments)
    group = arguments.get("mbstd_group_size", None if builder == "D_main" else EARLY_GROUP)
    attributes = {"b4.fc": {"activation": activation}, "b4.mbstd": {"group_size": group}}
    building.adopt(network, {}, attributes)
    if network.mapping is not None:
        _mapped(network.mapping, activation, float(arguments.get("mapping_lrmul", 0.1)))
    return load_network(network, part)


def tensorflow_judge(checkpoint: Checkpoint) -> StyleGan2Discriminator | None:
    """Loads the discriminator of a pickle, frozen; None if it has none that can be used."""
    beside = _discriminator_root(checkpoint)
    if beside is None:
        return None
    return if_usable(lambda: _load_discriminator(checkpoint, beside))


def _networks(
    checkpoint: Checkpoint,
) -> tuple[TranslatedGenerator, StyleGan2Discriminator | None]:
    return _generator(checkpoint, _root(checkpoint) or ""), tensorflow_judge(checkpoint)


def _load(checkpoint: Checkpoint) -> Generator:
    return building.stylegan2_generator(checkpoint, GENERATOR.id, *_networks(checkpoint))


def _parity(checkpoint: Checkpoint, arrays: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
    return stylegan2_arrays(*_networks(checkpoint), arrays)


def _facts(checkpoint: Checkpoint) -> Mapping[str, str]:
    facts = {"noise": NOISE_FACT}
    arguments, _ = build_arguments(checkpoint, _root(checkpoint) or "")
    if "mapping_lrmul" not in arguments:
        facts["mapping"] = "learning rate multiplier 0.01, the official default"
    beside = _discriminator_root(checkpoint)
    if beside is not None:
        given, builder = build_arguments(checkpoint, beside)
        if "mbstd_group_size" not in given:
            size = "the whole batch" if builder == "D_main" else "4 images"
            facts["discriminator group"] = f"{size}, the official default of its builder"
        facts["discriminator"] = "logits depend on the batch"
    return {**facts, **choice_fact(_roots(checkpoint), _root(checkpoint))}


def _example(
    architecture: str, discriminator: str, *, c_dim: int = 0, early: bool = False
) -> Example:
    mapping = MappingNetwork(
        5, c_dim, 6, embed_dim=5 if early else 4, hidden=(7,), joined_first=early
    )
    synthesis = StyleGan2Synthesis(6, {4: 8, 8: 6, 16: 4}, 3, architecture=architecture)
    network = TranslatedGenerator(mapping, synthesis)
    network.table = tensorflow_generator(joined_first=early)
    arguments: dict[str, Any] = {"mapping_lrmul": 1.0, "conv_clamp": 4.0, "mbstd_group_size": 2}
    _mapped(mapping, "lrelu", 1.0)
    _layers(synthesis, arguments)
    row: MappingNetwork | None = None
    if c_dim and not early:
        row = MappingNetwork(0, c_dim, 5, hidden=None, averaged=False)
    outputs = (c_dim if early else 5) if c_dim else 1
    judge = TranslatedDiscriminator(
        {4: 6, 8: 6, 16: 4}, 3, outputs, architecture=discriminator, mapping=row
    )
    judge.table = tensorflow_discriminator()
    _layers(judge, arguments)
    for module in judge.modules():
        if isinstance(module, MinibatchStd):
            module.group_size = 2
    arguments |= {"latent_size": 5, "label_size": c_dim}
    modules = {root: {"arguments": {"kwargs": arguments}} for root in ("1", "2")}
    return Example({"2.": network, "1.": judge}, {"modules": modules})


GENERATOR: Architecture[Generator] = Architecture(
    id="stylegan2-tensorflow-generator",
    needs="`2.G_synthesis/4x4/Const/const`",
    recognises=lambda checkpoint: _root(checkpoint) is not None,
    load=_load,
    examples=(
        lambda: _example("skip", "resnet"),
        lambda: _example("resnet", "orig", c_dim=3),
        lambda: _example("orig", "skip", c_dim=3, early=True),
    ),
    options=STYLEGAN2_OPTIONS,
    parity=_parity,
    facts=_facts,
    published=(
        Published(
            name="StyleGAN2 of TensorFlow",
            files="`stylegan2-*-config-*.pkl`",
            licence="NVIDIA, non-commercial",
            latents="z (and c), w, w+",
            verified="the official list of tensor names",
        ),
    ),
)
