"""StyleGAN-XL: its stems, and the heads of super-resolution that are trained on top of them.

A file of a head holds the stem's layers too; the order of the layers is what the pickle tells, and
their numbers skip. Each class has its own mean of w. The projected discriminator is made of other
people's image networks and is left out.
"""

from collections.abc import Mapping
from typing import Final

from torch import Tensor

from ...checkpoints.architecture import Architecture, Example
from ...checkpoints.checkpoint import Checkpoint
from ...checkpoints.prefixes import choice_fact
from ...generator import Generator
from . import stylegan3_plans as plans
from .latents import LATENT_OPTIONS
from .networks.stylegan3 import StyleGan3Generator
from .networks.stylegan_xl import XlMapping
from .stylegan3 import (
    arrays_of,
    example_synthesis,
    finished,
    is_xl,
    network_of,
    prefix_of,
    prefixes_of,
    told_of,
    view_of,
)

__all__ = ["GENERATOR"]

DISCRIMINATOR_FACT: Final = (
    "the projected discriminator, which is made of other image networks, is left out"
)


def _mapping(view: plans.ModuleView, w_dim: int) -> XlMapping:
    mapping = view["mapping"]
    layers = 0
    while mapping.shape(f"fc{layers}.weight"):
        layers += 1
    there, length = mapping.shape("embed.weight")
    told = mapping["embed"].value("num_embeddings")
    rows = there if told is None else int(told)
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
    """How many classes there are; the embedding may have rows for more."""
    if not mapping.shape("embed_proj.weight"):
        return 0
    told, means = mapping.value("c_dim"), mapping.shape("w_avg")
    shown = means[0] if len(means) == 2 else rows
    c_dim = shown if told is None else int(told)
    if c_dim > rows:
        raise ValueError(f"{c_dim} classes, but mapping.embed.weight has {rows} rows")
    return c_dim


def _network(checkpoint: Checkpoint) -> StyleGan3Generator:
    return network_of(checkpoint, prefix_of(checkpoint) or "", _mapping)


def _load(checkpoint: Checkpoint) -> Generator:
    return finished(checkpoint, GENERATOR.id, _network(checkpoint))


def _parity(checkpoint: Checkpoint, arrays: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
    return arrays_of(_network(checkpoint), arrays)


def _facts(checkpoint: Checkpoint) -> Mapping[str, str]:
    view = view_of(checkpoint, prefix_of(checkpoint) or "")
    facts = plans.assumed(view["synthesis"])
    if not view["mapping"].tells("num_ws"):
        facts["mapping"] = "learning rate multiplier 0.01, the official default"
    if len(view["mapping"].shape("w_avg")) == 2:
        facts["truncation"] = "to each class's mean of w; of latents w and w+, to the mean of all"
    if any(name.startswith("D.") for name in checkpoint.tensors):
        facts["discriminator"] = DISCRIMINATOR_FACT
    return {**facts, **choice_fact(prefixes_of(checkpoint))}


def _recognised(checkpoint: Checkpoint) -> bool:
    prefix = prefix_of(checkpoint)
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
    return Example({"G_ema.": network}, {"modules": told_of(network, "G_ema.") | sizes})


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
)
