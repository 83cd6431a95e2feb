"""StyleGAN3-T and StyleGAN3-R, as NVIDIA's repository saves them.

The generator is under `G_ema.`, as in the pickles, or under any other prefix. It is rebuilt from
the attributes of each layer rather than from the constructor arguments, so every configuration
loads. `synthesis.input.transform`, which a user may have set, is kept as in the file.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Final

import torch
from torch import Tensor

from ...checkpoints.architecture import Architecture, Example, load_network
from ...checkpoints.prefixes import averaged_prefix, choice_fact
from ...checkpoints.published import Published
from ...checkpoints.record import Checkpoint
from ...generator import Generator
from ...identity import ModelId
from ...rng import SampleRng
from . import building
from . import stylegan3_plans as plans
from .arrays import of_latents
from .discriminator import as_discriminator
from .latents import style_latents
from .networks.discriminator import StyleGan2Discriminator
from .networks.mapping import MappingNetwork
from .networks.stylegan3 import StyleGan3Generator, StyleGan3Synthesis
from .networks.stylegan3_layers import InputPlan, LayerPlan, centred
from .options import LATENT_OPTIONS
from .stylegan2 import described, discriminator_facts, load_discriminator, logits_of, tensors_under

__all__ = [
    "GENERATOR",
    "alias_free_generator",
    "example_synthesis",
    "generator_prefix",
    "generator_prefixes",
    "is_xl",
    "module_attributes",
    "network_of",
    "stylegan3_arrays",
    "view_of",
]

FREQUENCIES: Final = "synthesis.input.freqs"
ARRAY_ATTRIBUTES: Final = (".in_size", ".out_size", ".size", ".sampling_rates")
"""Attributes that pickles store as arrays next to the weights."""


def generator_prefixes(checkpoint: Checkpoint) -> list[str]:
    """Prefix of each generator in the file."""
    return [
        key.removesuffix(FREQUENCIES)
        for key in checkpoint.tensors
        if key == FREQUENCIES or key.endswith("." + FREQUENCIES)
    ]


def generator_prefix(checkpoint: Checkpoint) -> str | None:
    """Prefix of the generator, the averaged one if there are several; None if there is none."""
    return averaged_prefix(generator_prefixes(checkpoint))


def is_xl(checkpoint: Checkpoint, prefix: str) -> bool:
    """Whether a table of rows embeds classes, as in StyleGAN-XL.

    Files of StyleGAN-XL without classes have this table too. It differs from StyleGAN3's class
    embedding in its sizes and has no bias.
    """
    mapping = view_of(checkpoint, prefix)["mapping"]
    rows = mapping.shape("embed.weight")[:1]
    if not rows or mapping.shape("embed.bias"):
        return False
    return (
        bool(mapping.shape("embed_proj.weight"))
        or mapping["embed"].has_all("num_embeddings")
        or rows != mapping.shape("w_avg")[-1:]
    )


def view_of(checkpoint: Checkpoint, prefix: str) -> plans.ModuleView:
    """View of the generator under a prefix."""
    return plans.ModuleView(
        tensors_under(checkpoint, prefix), building.attributes_of(checkpoint, prefix)
    )


def network_of(
    checkpoint: Checkpoint,
    prefix: str,
    mapping: Callable[[plans.ModuleView, int], MappingNetwork],
) -> StyleGan3Generator:
    """Loads the generator under a prefix, frozen.

    Args:
        checkpoint: checkpoint to load from.
        prefix: prefix of the generator's tensors.
        mapping: function from the generator's view and the length of w to its mapping network,
            without weights.
    """
    view = view_of(checkpoint, prefix)
    synthesis = plans.synthesis(view["synthesis"])
    network = StyleGan3Generator(mapping(view, synthesis.w_dim), synthesis)
    building.adopt(network, view.tensors, view.attributes)
    weights = {
        name: checkpoint.tensors[name]
        for name in checkpoint.tensors
        if name.startswith(prefix) and not name.endswith(ARRAY_ATTRIBUTES)
    }
    return load_network(network, replace(checkpoint, tensors=weights), prefix)


def alias_free_generator(
    checkpoint: Checkpoint,
    architecture: str,
    network: StyleGan3Generator,
    discriminator: StyleGan2Discriminator | None = None,
) -> Generator:
    """Wraps a network as a Generator with the latents and truncation of the options.

    Args:
        checkpoint: checkpoint with the options.
        architecture: id of the architecture.
        network: loaded, frozen generator network.
        discriminator: loaded, frozen discriminator network, where the file has one.
    """
    latents = style_latents(checkpoint, network.mapping, network.mapping, network.synthesis.num_ws)
    width, height = network.synthesis.image_size

    def render(parts: Mapping[str, Tensor], rng: SampleRng) -> Tensor:
        return building.three(latents.images(network, parts) * 0.5 + 0.5).clamp(0, 1)

    return Generator(
        name=checkpoint.path.stem,
        id=ModelId(checkpoint.sha256, latents.options),
        architecture=architecture,
        module=network,
        source=latents.source,
        prior=latents.prior,
        image_size=(height, width),
        render=render,
        discriminator=None if discriminator is None else as_discriminator(discriminator),
        licence=str(checkpoint.config.get("licence", building.LICENCE)),
    )


def stylegan3_arrays(
    network: StyleGan3Generator, arrays: Mapping[str, Tensor]
) -> dict[str, Tensor]:
    """Computes every output of a generator that the reference arrays name, in its own range.

    Args:
        network: loaded, frozen generator network.
        arrays: reference arrays. Images with `_transformed` in the name use `transform`.
    """
    mapping, synthesis = network.mapping, network.synthesis
    found = of_latents(arrays, mapping, synthesis.num_ws, lambda ws, _: synthesis(ws))
    transform = arrays.get("transform")
    if transform is None:
        return found
    short = {name.replace("_transformed", ""): name for name in arrays if "_transformed" in name}
    moved = {name: arrays[name] for name in ("z", "c", "wplus") if name in arrays}
    moved |= {name: arrays[full] for name, full in short.items()}
    again = of_latents(moved, mapping, synthesis.num_ws, lambda ws, _: synthesis(ws, transform))
    return found | {short[name]: images for name, images in again.items()}


def _mapping(view: plans.ModuleView, w_dim: int) -> MappingNetwork:
    return building.mapping_of(view.tensors, w_dim, averaged=True)


def _networks(
    checkpoint: Checkpoint,
) -> tuple[StyleGan3Generator, StyleGan2Discriminator | None]:
    prefix = generator_prefix(checkpoint) or ""
    return network_of(checkpoint, prefix, _mapping), load_discriminator(checkpoint, prefix)


def _load(checkpoint: Checkpoint) -> Generator:
    return alias_free_generator(checkpoint, GENERATOR.id, *_networks(checkpoint))


def _parity(checkpoint: Checkpoint, arrays: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
    network, discriminator = _networks(checkpoint)
    return stylegan3_arrays(network, arrays) | logits_of(discriminator, arrays)


def _facts(checkpoint: Checkpoint) -> Mapping[str, str]:
    prefix = generator_prefix(checkpoint) or ""
    facts = plans.assumed(view_of(checkpoint, prefix)["synthesis"])
    if not building.attributes_of(checkpoint, prefix):
        facts["mapping"] = "learning rate multiplier 0.01, the official default"
    chosen = choice_fact(generator_prefixes(checkpoint))
    return {**facts, **discriminator_facts(checkpoint, prefix), **chosen}


def _recognised(checkpoint: Checkpoint) -> bool:
    prefix = generator_prefix(checkpoint)
    return prefix is not None and not is_xl(checkpoint, prefix)


def example_synthesis(
    w_dim: int, channels: int, *, radial: bool = False, clamp: float | None = 256.0
) -> StyleGan3Synthesis:
    """A small network with every kind of layer, for the contract tests.

    Args:
        w_dim: length of w.
        channels: channels of the 16 x 16 image.
        radial: whether to use the 1 x 1 convolutions and 2-D filters of StyleGAN3-R.
        clamp: bound on the activations.
    """

    def layer(name: str, before: int, size: int, up: int) -> LayerPlan:
        number, after, width = (int(part) for part in name[1:].split("_"))
        last = number == 3
        plan = LayerPlan(
            name=name,
            channels=(before, width),
            kernel=1 if radial or last else 3,
            up=up,
            down=1 if last else 2,
            up_filter=() if last else (6 * up,),
            down_filter=() if last else (12, 12) if radial and number < 2 else (12,),
            padding=(0, 0, 0, 0),
            clamp=clamp,
            to_rgb=last,
        )
        return centred(plan, size, after)

    layers = (
        layer("L0_12_6", 6, 12, 2),
        layer("L1_20_5", 6, 12, 4),
        layer("L2_16_4", 5, 20, 2),
        layer(f"L3_16_{channels}", 4, 16, 1),
    )
    entry = InputPlan(channels=6, size=(12, 12), sampling_rate=8.0, bandwidth=2.0)
    return StyleGan3Synthesis(w_dim, entry, layers, 0.25)


def module_attributes(network: StyleGan3Generator, prefix: str) -> dict[str, object]:
    """Attributes of a generator's modules in the form of `config["modules"]` of a pickle.

    Args:
        network: generator network.
        prefix: prefix of its tensors.
    """
    return described(network, prefix) | plans.plan_attributes(
        network.synthesis, f"{prefix}synthesis."
    )


def _example(
    *,
    c_dim: int = 0,
    channels: int = 3,
    radial: bool = False,
    clamp: float | None = None,
    discriminator: bool = False,
) -> Example:
    mapping = MappingNetwork(5, c_dim, 7, hidden=(7,), lr_multiplier=1.0)
    synthesis = example_synthesis(7, channels, radial=radial, clamp=clamp)
    network = StyleGan3Generator(mapping, synthesis)
    networks: dict[str, torch.nn.Module] = {"G_ema.": network}
    modules = module_attributes(network, "G_ema.")
    if discriminator:
        networks["D."] = StyleGan2Discriminator({4: 6, 8: 6, 16: 4}, channels)
        modules |= described(networks["D."], "D.")
    return Example(networks, {"modules": modules})


GENERATOR: Architecture[Generator] = Architecture(
    id="stylegan3-generator",
    needs="`G_ema.synthesis.input.freqs` and `G_ema.mapping.fc0.weight`",
    recognises=_recognised,
    load=_load,
    examples=(
        lambda: _example(discriminator=True),
        lambda: _example(radial=True, c_dim=3, clamp=256.0),
        lambda: _example(channels=1),
    ),
    options=LATENT_OPTIONS,
    parity=_parity,
    facts=_facts,
    published=(
        Published(
            name="StyleGAN3-T, StyleGAN3-R",
            files="`*.pkl`",
            licence="NVIDIA, non-commercial",
            latents="z (and c), w, w+",
            verified="official code",
        ),
    ),
)
