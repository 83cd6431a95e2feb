"""StyleGAN2 networks built from the shapes of tensors and the attributes in a file."""

import math
from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final, TypeVar

import torch
from torch import Tensor, nn

from ...checkpoints.record import Checkpoint
from ...errors import CheckpointError
from ...generator import Generator
from ...identity import ModelId
from ...images import three_channels
from ...rng import SampleRng
from ..options import NOISES, chosen_text
from .discriminator import as_discriminator
from .latents import style_latents
from .networks.discriminator import StyleGan2Discriminator
from .networks.mapping import MappingNetwork
from .networks.ops import ACTIVATIONS
from .networks.stylegan2 import StyleGan2Generator, StyleGan2Synthesis
from .networks.stylegan2_layers import Resampling, SynthesisLayer

__all__ = [
    "LICENCE",
    "adopt",
    "attributes_of",
    "discriminator_parts",
    "generator_parts",
    "mapping_of",
    "stylegan2_generator",
    "three",
    "without_filters",
]

LICENCE: Final = "NVIDIA Source Code License (non-commercial)"

Made = TypeVar("Made", bound=StyleGan2Discriminator)
Tensors = Mapping[str, Tensor]
Attributes = Mapping[str, Mapping[str, Any]]


def attributes_of(checkpoint: Checkpoint, prefix: str) -> dict[str, Mapping[str, Any]]:
    """Attributes in the file of each module under a prefix, by name without the prefix."""
    modules = checkpoint.config.get("modules")
    found: dict[str, Mapping[str, Any]] = {}
    for name, module in (modules if isinstance(modules, Mapping) else {}).items():
        attributes = module.get("attributes") if isinstance(module, Mapping) else None
        if isinstance(attributes, Mapping) and (name + ".").startswith(prefix):
            found[(name + ".").removeprefix(prefix).removesuffix(".")] = attributes
    return found


def generator_parts(
    tensors: Tensors, attributes: Attributes, *, joined_first: bool = False
) -> tuple[MappingNetwork, StyleGan2Synthesis]:
    """Builds the mapping and synthesis networks of a generator, without loading weights.

    Args:
        tensors: tensors of the generator, under NVIDIA's names.
        attributes: attributes of its modules.
        joined_first: as in `MappingNetwork`.

    Raises:
        LookupError, ValueError: tensors are missing or have other ranks.
    """
    resolutions = _resolutions(tensors, "synthesis.")
    prefix = "synthesis.b{}."
    first, last = prefix.format(resolutions[0]), prefix.format(resolutions[-1])
    w_dim = _columns(tensors, first + "conv1.affine.weight")
    _, _, kernel, _ = tensors[first + "conv1.weight"].shape
    channels, _, _, _ = tensors[last + "torgb.weight"].shape
    coloured = [r for r in resolutions[:-1] if _any(tensors, prefix.format(r) + "torgb.")]
    residual = any(_any(tensors, prefix.format(r) + "skip.") for r in resolutions)
    synthesis = StyleGan2Synthesis(
        w_dim,
        {r: tensors[prefix.format(r) + "conv1.weight"].shape[0] for r in resolutions},
        channels,
        architecture="resnet" if residual else "skip" if coloured else "orig",
        kernel=kernel,
        noise=any("noise_" in name for name in tensors),
    )
    own = attributes.get("mapping", {})
    averaged = own.get("w_avg_beta", 1.0) is not None
    mapping = mapping_of(tensors, w_dim, averaged=averaged, joined_first=joined_first)
    return mapping, synthesis


def discriminator_parts(tensors: Tensors, make: type[Made]) -> Made:
    """Builds a discriminator, without loading weights.

    Args:
        tensors: tensors of the discriminator, under NVIDIA's names.
        make: class to build.

    Raises:
        LookupError, ValueError: tensors are missing or have other ranks.
    """
    resolutions = _resolutions(tensors, "")
    if resolutions[0] != 4 or len(resolutions) < 2:
        raise ValueError(f"a discriminator of resolutions {resolutions}")
    width, seen, _, _ = tensors["b4.conv.weight"].shape
    outputs, _ = tensors["b4.out.weight"].shape
    _, channels, _, _ = tensors[f"b{resolutions[-1]}.fromrgb.weight"].shape
    skip = any(_any(tensors, f"b{r}.fromrgb.") for r in resolutions[:-1])
    residual = any(_any(tensors, f"b{r}.skip.") for r in resolutions)
    widths = {r: tensors[f"b{r}.conv0.weight"].shape[0] for r in resolutions[1:]}
    mapped = _any(tensors, "mapping.")
    return make(
        widths | {4: width},
        channels,
        outputs,
        architecture="resnet" if residual else "skip" if skip else "orig",
        deviations=seen - width,
        mapping=mapping_of(tensors, outputs, averaged=False) if mapped else None,
    )


def adopt(network: nn.Module, tensors: Tensors, attributes: Attributes) -> None:
    """Sets the attributes and filter sizes of a network's modules to those in a file.

    Raises:
        ValueError: an attribute or a filter is invalid.
    """
    for name, module in network.named_modules():
        own = attributes.get(name, {})
        for attribute in getattr(module, "ATTRIBUTES", ()):
            if attribute in own:
                setattr(module, attribute, _checked(name, attribute, own[attribute]))
        taps = tensors.get(f"{name}.resample_filter")
        if isinstance(module, Resampling) and taps is not None:
            if taps.ndim not in (1, 2) or taps.shape[0] != taps.shape[-1]:
                raise ValueError(f"{name}.resample_filter of shape {list(taps.shape)}")
            module.resample_filter = torch.zeros(taps.shape)


def without_filters(
    network: nn.Module, taps: Sequence[float] | None, kept: Collection[str] = ()
) -> None:
    """Removes the filters from a network's state dict, for files without such tensors.

    Args:
        network: network with filters.
        taps: taps of the filters; None for the identity.
        kept: names of filters that the file has, which stay.
    """
    for name, module in network.named_modules():
        if isinstance(module, Resampling) and f"{name}.resample_filter" not in kept:
            module.resample_filter = None
            module.taps = tuple(taps) if taps is not None else (1.0,)


def stylegan2_generator(
    checkpoint: Checkpoint,
    architecture: str,
    network: StyleGan2Generator,
    discriminator: StyleGan2Discriminator | None,
    licence: str = LICENCE,
) -> Generator:
    """Wraps a network as a Generator with the latents and truncation of the options.

    Args:
        checkpoint: checkpoint with the options.
        architecture: id of the architecture.
        network: loaded, frozen generator network.
        discriminator: loaded, frozen discriminator network, where the file has one.
        licence: licence of the weights, where the file does not state one.
    """
    latents = style_latents(checkpoint, network.mapping, network.mapping, network.synthesis.num_ws)
    noise = chosen_text(checkpoint, "noise", NOISES)
    noisy = any(isinstance(m, SynthesisLayer) and m.use_noise for m in network.modules())
    used = noise if noisy else "none"
    side = network.synthesis.img_resolution

    def render(parts: Mapping[str, Tensor], rng: SampleRng) -> Tensor:
        images = latents.images(network, parts, noise=noise, rng=rng)
        return three(images * 0.5 + 0.5).clamp(0, 1)

    return Generator(
        name=checkpoint.path.stem,
        id=ModelId(checkpoint.sha256, {**latents.options, "noise": used}),
        architecture=architecture,
        module=network,
        source=latents.source,
        prior=latents.prior,
        image_size=(side, side),
        render=render,
        discriminator=None if discriminator is None else as_discriminator(discriminator),
        licence=str(checkpoint.config.get("licence", licence)),
    )


def three(images: Tensor) -> Tensor:
    """The first three channels, or the first channel repeated as grey."""
    return images[:, :3] if images.shape[1] >= 3 else three_channels(images[:, :1])


def mapping_of(
    tensors: Tensors, w_dim: int, *, averaged: bool, joined_first: bool = False
) -> MappingNetwork:
    """Builds the mapping network under `mapping.`, without loading weights.

    Args:
        tensors: tensors of the network that it belongs to.
        w_dim: length of w.
        averaged: whether the mean of w is in the file.
        joined_first: as in `MappingNetwork`.
    """
    layers = 0
    while _any(tensors, f"mapping.fc{layers}."):
        layers += 1
    c_dim = embed_dim = 0
    if _any(tensors, "mapping.embed."):
        embed_dim, c_dim = tensors["mapping.embed.weight"].shape
    taken = _columns(tensors, "mapping.fc0.weight") if layers else w_dim
    hidden = [tensors[f"mapping.fc{i}.weight"].shape[0] for i in range(layers - 1)]
    return MappingNetwork(
        taken - embed_dim,
        c_dim,
        w_dim,
        embed_dim=embed_dim,
        hidden=tuple(hidden) if layers else None,
        averaged=averaged,
        joined_first=joined_first,
    )


def _resolutions(tensors: Tensors, prefix: str) -> list[int]:
    """Resolutions of the blocks `b4`, `b8` ..., each twice the one before."""
    found: set[int] = set()
    for name in tensors:
        block = name.removeprefix(prefix).split(".")[0]
        if name.startswith(prefix) and block[:1] == "b" and block[1:].isdecimal():
            found.add(int(block[1:]))
    ordered = sorted(found)
    if not ordered or ordered != [ordered[0] * 2**i for i in range(len(ordered))]:
        raise ValueError(f"blocks of resolutions {ordered}, which do not double")
    return ordered


def _any(tensors: Tensors, prefix: str) -> bool:
    return any(name.startswith(prefix) for name in tensors)


def _columns(tensors: Tensors, name: str) -> int:
    _, columns = tensors[name].shape
    return columns


def _checked(name: str, attribute: str, value: object) -> object:
    """The value of an attribute, checked and converted to its type."""
    if attribute == "activation":
        if value not in ACTIVATIONS:
            raise CheckpointError(
                f"Layer {name} has activation {value!r}; known are {', '.join(ACTIVATIONS)}."
            )
        return value
    if value is None and attribute in ("conv_clamp", "group_size"):
        return None
    number = float(value) if isinstance(value, (int, float, str)) else math.nan
    if math.isnan(number):
        raise ValueError(f"{name}.{attribute} is {value!r}")
    return int(number) if attribute == "group_size" else number
