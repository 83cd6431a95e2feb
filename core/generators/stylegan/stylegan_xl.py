"""StyleGAN-XL: stems, and the super-resolution heads that are trained on top of them.

The file of a head also holds the layers of the stem; the pickle states the order of the layers,
whose numbers have gaps. Each class has its own mean of w. The projected discriminator uses other
pretrained image networks and is left out.
"""

from collections.abc import Mapping
from typing import Final

from torch import Tensor

from ...checkpoints.architecture import Architecture, Example
from ...checkpoints.prefixes import choice_fact
from ...checkpoints.published import Published
from ...checkpoints.record import Checkpoint
from ...generator import Generator
from . import stylegan3_plans as plans
from .networks.stylegan3 import StyleGan3Generator
from .networks.stylegan_xl import XlMapping
from .options import LATENT_OPTIONS
from .stylegan3 import (
    alias_free_generator,
    example_synthesis,
    generator_prefix,
    generator_prefixes,
    is_xl,
    module_attributes,
    network_of,
    stylegan3_arrays,
    view_of,
)

__all__ = ["GENERATOR"]

DISCRIMINATOR_FACT: Final = (
    "the projected discriminator, which uses other pretrained image networks, is left out"
)


def _mapping(view: plans.ModuleView, w_dim: int) -> XlMapping:
    mapping = view["mapping"]
    layers = 0
    while mapping.shape(f"fc{layers}.weight"):
        layers += 1
    there, length = mapping.shape("embed.weight")
    stated = mapping["embed"].value("num_embeddings")
    rows = there if stated is None else int(stated)
    c_dim = _classes(mapping, rows)
    _, taken = mapping.shape("fc0.weight")
    return XlMapping(
        taken // 2 if c_dim else taken,
        c_dim,
        w_dim,
        embedding=(rows, length),
        hidden=tuple(mapping.shape(f"fc{layer}.weight")[0] for layer in range(layers - 1)),
        by_class=len(mapping.shape("w_avg")) == 2,
    )


def _classes(mapping: plans.ModuleView, rows: int) -> int:
    """Number of classes; the embedding may have more rows."""
    if not mapping.shape("embed_proj.weight"):
        return 0
    stated, means = mapping.value("c_dim"), mapping.shape("w_avg")
    shown = means[0] if len(means) == 2 else rows
    c_dim = shown if stated is None else int(stated)
    if c_dim > rows:
        raise ValueError(f"{c_dim} classes, but mapping.embed.weight has {rows} rows")
    return c_dim


def _network(checkpoint: Checkpoint) -> StyleGan3Generator:
    return network_of(checkpoint, generator_prefix(checkpoint) or "", _mapping)


def _load(checkpoint: Checkpoint) -> Generator:
    return alias_free_generator(checkpoint, GENERATOR.id, _network(checkpoint))


def _parity(checkpoint: Checkpoint, arrays: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
    return stylegan3_arrays(_network(checkpoint), arrays)


def _facts(checkpoint: Checkpoint) -> Mapping[str, str]:
    view = view_of(checkpoint, generator_prefix(checkpoint) or "")
    facts = plans.assumed(view["synthesis"])
    if not view["mapping"].has_all("num_ws"):
        facts["mapping"] = "learning rate multiplier 0.01, the official default"
    if len(view["mapping"].shape("w_avg")) == 2:
        facts["truncation"] = "to each class's mean of w; in latents w and w+, to the mean of all"
    if any(name.startswith("D.") for name in checkpoint.tensors):
        facts["discriminator"] = DISCRIMINATOR_FACT
    return {**facts, **choice_fact(generator_prefixes(checkpoint))}


def _recognised(checkpoint: Checkpoint) -> bool:
    prefix = generator_prefix(checkpoint)
    return prefix is not None and is_xl(checkpoint, prefix)


def _example(*, c_dim: int, radial: bool = False, by_class: bool = True) -> Example:
    mapping = XlMapping(
        5, c_dim, 7, embedding=(4, 6), hidden=(7,), lr_multiplier=1.0, by_class=by_class
    )
    network = StyleGan3Generator(mapping, example_synthesis(7, 3, radial=radial))
    sizes: dict[str, object] = {
        "G_ema.mapping": {"attributes": {"c_dim": c_dim, "num_ws": network.synthesis.num_ws}},
        "G_ema.mapping.embed": {"attributes": {"num_embeddings": 4, "embedding_dim": 6}},
    }
    return Example({"G_ema.": network}, {"modules": module_attributes(network, "G_ema.") | sizes})


GENERATOR: Architecture[Generator] = Architecture(
    id="stylegan-xl-generator",
    needs="`G_ema.synthesis.input.freqs` and `G_ema.mapping.embed.weight` without a bias",
    recognises=_recognised,
    load=_load,
    examples=(
        lambda: _example(c_dim=3, radial=True),
        lambda: _example(c_dim=4, by_class=False),
    ),
    options=LATENT_OPTIONS,
    parity=_parity,
    facts=_facts,
    published=(
        Published(
            name="StyleGAN-XL, stems and super-resolution",
            files="`*.pkl`",
            licence="NVIDIA, non-commercial",
            latents="z and c, w, w+",
            verified="official code, without discriminator",
        ),
    ),
)
