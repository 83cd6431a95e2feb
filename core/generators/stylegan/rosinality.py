"""StyleGAN2 of rosinality's PyTorch repository: training files and conversions of NVIDIA's.

A file holds `g_ema`, often `g` and `d`, and if it was converted, the mean of w as `latent_avg`;
otherwise the mean is estimated from a fixed set of draws. Choices that the repository hard-codes
are in no file: leaky ReLU, mapping learning rate 0.01, groups of 4 images in the discriminator.
Noise is the file's constant noise by default; the repository's scripts draw new noise.
"""

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Final

import torch
from torch import Tensor

from ...checkpoints.architecture import Architecture, Example, load_network
from ...checkpoints.prefixes import averaged_prefix, choice_fact
from ...checkpoints.published import Published
from ...checkpoints.reading import shape_of
from ...checkpoints.record import Checkpoint
from ...checkpoints.weights import if_usable
from ...errors import CheckpointError
from ...generator import Generator
from . import building
from .networks.discriminator import StyleGan2Discriminator
from .networks.foreign import (
    Table,
    TranslatedDiscriminator,
    TranslatedGenerator,
    from_foreign,
)
from .networks.foreign_tables import rosinality_discriminator, rosinality_generator
from .networks.mapping import MappingNetwork
from .networks.stylegan2 import StyleGan2Synthesis
from .networks.stylegan2_layers import SynthesisLayer
from .options import STYLEGAN2_OPTIONS
from .stylegan2 import NOISE_FACT, stylegan2_arrays

__all__ = ["GENERATOR"]

INPUT: Final = "input.input"
FIRST: Final = "style.1.weight"
MEAN: Final = "latent_avg"
STYLES: Final = "conv1.conv.modulation.weight"
LICENCE: Final = "of whoever trained the weights (the code is MIT; NVIDIA's are non-commercial)"
USUAL_TAPS: Final = (1.0, 3.0, 3.0, 1.0)
MEAN_OF: Final = 4096


def _prefixes(checkpoint: Checkpoint) -> list[str]:
    """Prefix of each generator in the file."""
    tensors = checkpoint.tensors
    found = [
        key.removesuffix(INPUT)
        for key in tensors
        if key.endswith(INPUT) and key.removesuffix(INPUT) + STYLES in tensors
    ]
    return [prefix for prefix in found if not prefix or prefix.endswith(".")]


def _prefix(checkpoint: Checkpoint) -> str | None:
    """Prefix of the generator, the averaged one if there are several; None if there is none."""
    return averaged_prefix(_prefixes(checkpoint))


def _discriminator_prefix(checkpoint: Checkpoint, prefix: str) -> str | None:
    if not prefix:
        return None
    *parents, _ = prefix.removesuffix(".").split(".")
    beside = ".".join([*parents, "d."])
    ends = (beside + "final_conv.", beside + "final_linear.")
    return beside if any(name.startswith(ends) for name in checkpoint.tensors) else None


def _part(checkpoint: Checkpoint, prefix: str) -> Checkpoint:
    tensors = {
        name.removeprefix(prefix): checkpoint.tensors[name]
        for name in checkpoint.tensors
        if name.startswith(prefix) and name not in _mean_names(prefix)
    }
    return replace(checkpoint, tensors=tensors)


def _mean_names(prefix: str) -> list[str]:
    """Possible names of the mean of w: in the generator's prefix or in any enclosing one."""
    parents = prefix.removesuffix(".").split(".") if prefix else []
    above = [".".join([*parents[:depth], MEAN]) for depth in range(len(parents), -1, -1)]
    return list(dict.fromkeys(above))


def _mean(checkpoint: Checkpoint, prefix: str) -> Tensor | None:
    """Mean of w in the file, stored as one row or as equal rows per layer; None without one."""
    name = next((n for n in _mean_names(prefix) if n in checkpoint.tensors), None)
    if name is None:
        return None
    rows = checkpoint.tensors[name].float()
    rows = rows.reshape(-1, rows.shape[-1])
    # Files of encoders have one row per layer; if these differ, there is no single mean.
    return rows[0] if torch.equal(rows, rows[:1].expand_as(rows)) else None


def _fitted(
    network: TranslatedGenerator | TranslatedDiscriminator,
    table: Table,
    tensors: Mapping[str, Tensor],
) -> None:
    """Sets the file's names on a network and the repository's constants on its layers."""
    network.table = table
    building.adopt(network, tensors, {})
    in_files = {own for rule in table for own, _ in rule.names()}
    building.without_filters(network, USUAL_TAPS, in_files)
    for module in network.modules():
        if isinstance(module, SynthesisLayer):
            module.weight_gain = 1 / math.sqrt(module.weight[0].numel())


def _generator(checkpoint: Checkpoint, prefix: str) -> TranslatedGenerator:
    part, table = _part(checkpoint, prefix), rosinality_generator()
    if not _has_noise(part.tensors):
        table = tuple(rule for rule in table if not rule.own.endswith(".noise_const"))
    own = from_foreign(part.tensors, table)
    _check_first(checkpoint, prefix)
    mapping, synthesis = building.generator_parts(own, {"mapping": {"w_avg_beta": None}})
    network = TranslatedGenerator(mapping, synthesis)
    _fitted(network, table, own)
    if not _has_noise(part.tensors):
        _draw_noise(network)
    load_network(network, part)
    mean = _mean(checkpoint, prefix)
    if mean is not None:
        mean = mean.reshape(mapping.w_dim)
        mapping.register_buffer("w_avg", mean.clone(), persistent=False)
    return network


def _check_first(checkpoint: Checkpoint, prefix: str) -> None:
    """Checks that the mapping takes z alone, which is as long as w in this repository."""
    width, taken = shape_of(checkpoint, f"{prefix}{FIRST}", 2)
    if width != taken:
        raise CheckpointError(
            f"{checkpoint.path.name}: the first layer of the mapping, `{prefix}{FIRST}`, takes "
            f"{taken} numbers and gives {width}; in this repository both are the length of z. The "
            "file may be a conversion of a network with classes that lacks their embedding: open "
            "the file that it was converted from."
        )


def _has_noise(tensors: Mapping[str, Tensor]) -> bool:
    """Whether the file has constant noise; the repository's first versions saved none."""
    return any("noises." in name for name in tensors)


def _draw_noise(network: TranslatedGenerator) -> None:
    """Draws the constant noise of the layers from a fixed stream."""
    stream = torch.Generator().manual_seed(0)
    for module in network.modules():
        if isinstance(module, SynthesisLayer):
            module.noise_const.copy_(torch.randn(module.noise_const.shape, generator=stream))


def _load_discriminator(checkpoint: Checkpoint, prefix: str) -> StyleGan2Discriminator:
    part = _part(checkpoint, prefix)
    blocks = 0
    while any(name.startswith(f"convs.{blocks + 1}.") for name in part.tensors):
        blocks += 1
    table = rosinality_discriminator(4 * 2**blocks)
    own = from_foreign(part.tensors, table)
    network = building.discriminator_parts(own, TranslatedDiscriminator)
    _fitted(network, table, own)
    return load_network(network, part)


def _networks(
    checkpoint: Checkpoint,
) -> tuple[TranslatedGenerator, StyleGan2Discriminator | None]:
    prefix = _prefix(checkpoint) or ""
    beside = _discriminator_prefix(checkpoint, prefix)
    discriminator = (
        None if beside is None else if_usable(lambda: _load_discriminator(checkpoint, beside))
    )
    return _generator(checkpoint, prefix), discriminator


@torch.no_grad()
def _with_mean(network: TranslatedGenerator) -> None:
    """Sets a missing mean of w to the mean over draws from a fixed stream."""
    mapping = network.mapping
    if not mapping.averaged:
        stream = torch.Generator().manual_seed(0)
        drawn = mapping(torch.randn(MEAN_OF, mapping.z_dim, generator=stream))
        mapping.register_buffer("w_avg", drawn.mean(dim=0), persistent=False)


def _load(checkpoint: Checkpoint) -> Generator:
    network, discriminator = _networks(checkpoint)
    if checkpoint.options.get("psi", 1.0) != 1:
        _with_mean(network)
    return building.stylegan2_generator(checkpoint, GENERATOR.id, network, discriminator, LICENCE)


def _parity(checkpoint: Checkpoint, arrays: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
    network, discriminator = _networks(checkpoint)
    if not network.mapping.averaged and "w_avg" not in arrays:
        _with_mean(network)
    centre = None if network.mapping.averaged else arrays["w_avg"].flatten()
    return stylegan2_arrays(network, discriminator, arrays, centre)


def _facts(checkpoint: Checkpoint) -> Mapping[str, str]:
    facts = {
        "noise": NOISE_FACT,
        "mapping": "leaky ReLU and learning rate multiplier 0.01, the repository's only choice",
    }
    if not _has_noise(checkpoint.tensors):
        facts["noise"] = "not in the file: constant noise of a fixed seed"
    if _mean(checkpoint, _prefix(checkpoint) or "") is None:
        there = any(name in checkpoint.tensors for name in _mean_names(_prefix(checkpoint) or ""))
        why = f"`{MEAN}` has rows that differ" if there else "not in the file"
        facts["mean of w"] = f"{why}: the mean over {MEAN_OF} draws of a fixed seed"
    if _discriminator_prefix(checkpoint, _prefix(checkpoint) or "") is not None:
        facts["discriminator"] = "groups of 4 images: logits depend on the batch"
    return {**facts, **choice_fact(_prefixes(checkpoint))}


def _example(size: int, *, discriminator: bool) -> Example:
    widths = {2**n: 8 - n for n in range(2, size.bit_length())}
    mapping = MappingNetwork(6, 0, 6, averaged=False)
    network = TranslatedGenerator(mapping, StyleGan2Synthesis(6, widths, 3))
    _fitted(network, rosinality_generator(), {})
    networks: dict[str, torch.nn.Module] = {"g_ema.": network}
    if discriminator:
        judge = TranslatedDiscriminator(widths, 3)
        _fitted(judge, rosinality_discriminator(size), {})
        networks["d."] = judge
    return Example(networks, {})


GENERATOR: Architecture[Generator] = Architecture(
    id="stylegan2-rosinality-generator",
    needs="`g_ema.input.input` and `g_ema.conv1.conv.modulation.weight`",
    recognises=lambda checkpoint: _prefix(checkpoint) is not None,
    load=_load,
    examples=(
        lambda: _example(16, discriminator=True),
        lambda: _example(8, discriminator=False),
    ),
    options=STYLEGAN2_OPTIONS,
    parity=_parity,
    facts=_facts,
    published=(
        Published(
            name="StyleGAN2 of rosinality",
            files="`*.pt`",
            licence="its trainer's",
            latents="z, w, w+",
            verified="official code",
        ),
    ),
)
