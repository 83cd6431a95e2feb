"""TransGAN generators of VITA-Group/TransGAN for CIFAR-10 and STL-10 (`ViT_custom_rp`).

Files are whole checkpoints (`gen_state_dict`, `avg_gen_state_dict`), often below `module.`. Models
of other classes, for CelebA and LSUN, have other layers and are not recognised. The discriminator
is not read.
"""

import math
from collections.abc import Mapping
from dataclasses import replace

from torch import Tensor

from ...checkpoints.architecture import Architecture, Example, load_network
from ...checkpoints.prefixes import averaged_prefix, choice_fact
from ...checkpoints.published import Published
from ...checkpoints.reading import count_of, part_of, prefixes_of, shape_of
from ...checkpoints.record import Checkpoint
from ...errors import CheckpointError
from ...generator import Generator
from .networks.transgan import TransGanGenerator, TransGanLayout
from .reading import first_side, gan_of, gan_parity

__all__ = ["GENERATOR"]

LICENCE = "NVIDIA Source Code License (non-commercial)"
TABLE = "blocks.block.0.attn.relative_position_bias_table"
INDEX = "attn.relative_position_index"
"""End of the names of what follows from the sides."""


def _prefixes(checkpoint: Checkpoint) -> list[str]:
    keys = ("l1.weight", "pos_embed_1", "pos_embed_2", TABLE, "deconv.0.weight")
    return prefixes_of(checkpoint, *keys, missing=1)


def _part(checkpoint: Checkpoint) -> Checkpoint:
    own = part_of(checkpoint, averaged_prefix(_prefixes(checkpoint)) or "")
    tensors = {name: own.tensors[name] for name in own.tensors if not name.endswith(INDEX)}
    return replace(own, tensors=tensors)


def _layout(own: Checkpoint) -> TransGanLayout:
    tensors = own.tensors
    _, pixels, width = shape_of(own, "pos_embed_1", 3)
    made, latent = shape_of(own, "l1.weight", 2)
    base = first_side(own, made, width)
    places, heads = shape_of(own, TABLE, 2)
    if base**2 != pixels or (2 * base - 1) ** 2 != places:
        raise CheckpointError(
            f"{own.path.name}: its first grid has {base} x {base} pixels, but places of {pixels} "
            f"and {places} relative ones, which are {math.isqrt(places)} squared. Fetch it again."
        )
    stages = count_of(tensors, "upsample_blocks.{}.block.0.attn.qkv.weight")
    depths = [count_of(tensors, "blocks.block.{}.attn.qkv.weight")]
    for stage in range(stages):
        pattern = f"upsample_blocks.{stage}.block.{{}}.attn.qkv.weight"
        depths.append(count_of(tensors, pattern))
    return TransGanLayout(
        latent,
        base,
        width,
        tuple(depths),
        heads,
        shape_of(own, "blocks.block.0.mlp.fc1.weight", 2)[0] // width,
        normal="blocks.block.0.norm1.norm.weight" in tensors,
    )


def _network(checkpoint: Checkpoint) -> TransGanGenerator:
    own = _part(checkpoint)
    return load_network(TransGanGenerator(_layout(own)), own)


def _load(checkpoint: Checkpoint) -> Generator:
    network = _network(checkpoint)
    layout = network.layout
    return gan_of(checkpoint, GENERATOR.id, network, layout.latent, layout.side, licence=LICENCE)


def _parity(checkpoint: Checkpoint, arrays: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
    return gan_parity(_network(checkpoint), None, arrays)


def _facts(checkpoint: Checkpoint) -> Mapping[str, str]:
    facts = {"latents": "z as it is; the authors' option latent_norm, off by default, scales it"}
    return {**facts, **choice_fact(_prefixes(checkpoint))}


def _example(*, normal: bool) -> Example:
    layout = TransGanLayout(5, 2, 32, (1, 1, 1), heads=2, hidden=2, normal=normal)
    return Example({"avg_gen_state_dict.module.": TransGanGenerator(layout)}, {})


GENERATOR: Architecture[Generator] = Architecture(
    id="transgan",
    needs="`l1.weight`, `pos_embed_1`, `blocks.block.0.attn.relative_position_bias_table`",
    recognises=lambda checkpoint: bool(_prefixes(checkpoint)),
    load=_load,
    examples=(lambda: _example(normal=True), lambda: _example(normal=False)),
    parity=_parity,
    facts=_facts,
    published=(
        Published(
            name="TransGAN for CIFAR-10 and STL-10",
            files="whole checkpoints (`*.pth`)",
            licence="NVIDIA, non-commercial",
            latents="z",
            verified="official code, without discriminator",
        ),
    ),
)
