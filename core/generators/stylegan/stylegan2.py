"""StyleGAN2 of NVIDIA's PyTorch repositories: StyleGAN2-ADA's, and those that StyleGAN3's saves.

The networks stand under `G_ema.` and `D.`, as in the pickles, or under any other name. Sizes are
read off the tensors; activations, learning rate multipliers, bounds and the group of the minibatch
deviation off the attributes that a pickle keeps. Noise is the file's own by default; TR0N drew it
for every image, which is `noise` "random".
"""

from collections.abc import Mapping
from typing import Final

import torch
from torch import Tensor

from ...checkpoints.architecture import Architecture, Example, load_network
from ...checkpoints.checkpoint import Checkpoint
from ...checkpoints.prefixes import averaged, choice_fact
from ...checkpoints.weights import below, if_usable
from ...generator import Generator
from . import building
from .arrays import of_latents
from .networks.discriminator import StyleGan2Discriminator
from .networks.mapping import MappingNetwork
from .networks.stylegan2 import StyleGan2Generator, StyleGan2Synthesis
from .networks.stylegan2_layers import SynthesisLayer, ToRgb

__all__ = [
    "GENERATOR",
    "NOISE_FACT",
    "arrays_of",
    "described",
    "discriminator_facts",
    "discriminator_network",
    "logits_of",
    "part_of",
]

CONST: Final = "synthesis.b4.const"
STYLES: Final = "synthesis.b4.conv1.affine.weight"
NOISE_FACT: Final = "the file's constant noise unless chosen otherwise (TR0N drew it anew)"


def _prefixes(checkpoint: Checkpoint) -> list[str]:
    """What stands before the names of each generator of the file."""
    tensors = checkpoint.tensors
    found = [
        key.removesuffix(CONST)
        for key in tensors
        if key.endswith(CONST) and key.removesuffix(CONST) + STYLES in tensors
    ]
    return [prefix for prefix in found if not prefix or prefix.endswith(".")]


def _prefix(checkpoint: Checkpoint) -> str | None:
    """What stands before the generator's names, the averaged one's; None without one."""
    return averaged(_prefixes(checkpoint))


def _discriminator_prefix(checkpoint: Checkpoint, prefix: str) -> str | None:
    """Of the discriminator beside the generator, where it is StyleGAN2's."""
    if not prefix:
        return None
    *parents, _ = prefix.removesuffix(".").split(".")
    beside = ".".join([*parents, "D."])
    parts = tuple(f"{beside}b4.{part}." for part in ("conv", "fc", "out"))
    return beside if any(name.startswith(parts) for name in checkpoint.tensors) else None


def part_of(checkpoint: Checkpoint, prefix: str) -> dict[str, Tensor]:
    """The tensors under a prefix, by their names after it."""
    return below(checkpoint.tensors, prefix)


def _networks(
    checkpoint: Checkpoint,
) -> tuple[StyleGan2Generator, StyleGan2Discriminator | None]:
    prefix = _prefix(checkpoint) or ""
    tensors, attributes = part_of(checkpoint, prefix), building.attributes_of(checkpoint, prefix)
    network = StyleGan2Generator(*building.generator_parts(tensors, attributes))
    building.adopt(network, tensors, attributes)
    load_network(network, checkpoint, prefix)
    return network, discriminator_network(checkpoint, prefix)


def discriminator_network(checkpoint: Checkpoint, prefix: str) -> StyleGan2Discriminator | None:
    """The discriminator beside a generator, filled and frozen, where it is StyleGAN2's.

    Args:
        checkpoint: the file.
        prefix: of the generator's tensors.
    """
    beside = _discriminator_prefix(checkpoint, prefix)
    return None if beside is None else if_usable(lambda: _discriminator(checkpoint, beside))


def _discriminator(checkpoint: Checkpoint, beside: str) -> StyleGan2Discriminator:
    tensors = part_of(checkpoint, beside)
    discriminator = building.discriminator_parts(tensors, StyleGan2Discriminator)
    building.adopt(discriminator, tensors, building.attributes_of(checkpoint, beside))
    return load_network(discriminator, checkpoint, beside)


def _load(checkpoint: Checkpoint) -> Generator:
    return building.finished(checkpoint, GENERATOR.id, *_networks(checkpoint))


def arrays_of(
    network: StyleGan2Generator,
    discriminator: StyleGan2Discriminator | None,
    arrays: Mapping[str, Tensor],
    centre: Tensor | None = None,
) -> dict[str, Tensor]:
    """Every output that a reference's arrays name, in the networks' own range.

    Args:
        network: the generator.
        discriminator: its network, where there is one.
        arrays: of the reference; D looks at `x`, else at the image without truncation.
        centre: the mean of w, where the network does not know it.
    """
    synthesis, mapping = network.synthesis, network.mapping
    found = of_latents(arrays, mapping, synthesis.num_ws, synthesis, centre)
    if "w" in arrays and "z" in arrays:
        found["w"] = mapping(arrays["z"], arrays.get("c") if mapping.c_dim else None)
    if "w_avg" in arrays and mapping.averaged:
        found["w_avg"] = mapping.centre(None).reshape(arrays["w_avg"].shape)
    return found | logits_of(discriminator, arrays)


def logits_of(
    discriminator: StyleGan2Discriminator | None, arrays: Mapping[str, Tensor]
) -> dict[str, Tensor]:
    """The logits that a reference's arrays name, of `x`, else of the image without truncation.

    Args:
        discriminator: its network, where there is one.
        arrays: of the reference.
    """
    judged = [name for name in ("D", "D_logits") if name in arrays]
    seen = next((arrays[name] for name in ("x", "img_const", "img") if name in arrays), None)
    if discriminator is None or seen is None or not judged:
        return {}
    logits = discriminator(seen, arrays.get("c") if discriminator.c_dim else None)
    return {name: logits.reshape(arrays[name].shape) for name in judged}


def _parity(checkpoint: Checkpoint, arrays: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
    return arrays_of(*_networks(checkpoint), arrays)


def _facts(checkpoint: Checkpoint) -> Mapping[str, str]:
    prefix = _prefix(checkpoint) or ""
    facts = {"noise": NOISE_FACT}
    if not building.attributes_of(checkpoint, prefix):
        facts["attributes"] = (
            "none in the file: leaky ReLU, mapping learning rate 0.01, no bounds on activations, "
            "groups of 4 images in the discriminator, as the official defaults are"
        )
    return {
        **facts,
        **discriminator_facts(checkpoint, prefix),
        **choice_fact(_prefixes(checkpoint)),
    }


def discriminator_facts(checkpoint: Checkpoint, prefix: str) -> dict[str, str]:
    """What `inspect` says of the discriminator beside a generator.

    Args:
        checkpoint: the file.
        prefix: of the generator's tensors.
    """
    if not any(name.startswith("D.") for name in checkpoint.tensors):
        return {}
    beside = _discriminator_prefix(checkpoint, prefix)
    return {
        "discriminator": (
            "the file's D is not StyleGAN2's and is left out"
            if beside is None
            else "logits depend on the batch; with classes, their mean over all classes"
        )
    }


def described(network: torch.nn.Module, prefix: str) -> dict[str, object]:
    """The attributes of a network's modules as a pickle's are told in `config["modules"]`."""
    found: dict[str, object] = {}
    for name, module in network.named_modules():
        names = getattr(module, "ATTRIBUTES", ())
        if names:
            found[prefix + name] = {"attributes": {key: getattr(module, key) for key in names}}
    return found


def _example(
    *,
    architecture: str = "skip",
    c_dim: int = 0,
    channels: int = 3,
    activation: str = "lrelu",
    noise: bool = True,
    discriminator: str | None = "resnet",
) -> Example:
    mapping = MappingNetwork(5, c_dim, 6, embed_dim=4, hidden=(7,), lr_multiplier=1.0)
    synthesis = StyleGan2Synthesis(
        6, {4: 8, 8: 6, 16: 4}, channels, architecture=architecture, noise=noise
    )
    network = StyleGan2Generator(mapping, synthesis)
    told: dict[str, dict[str, object]] = {}
    for name, module in network.named_modules():
        if isinstance(module, SynthesisLayer):
            told[name] = {"activation": activation, "conv_clamp": 4.0}
        elif isinstance(module, ToRgb):
            told[name] = {"conv_clamp": 4.0}
    building.adopt(network, {}, told)
    networks: dict[str, torch.nn.Module] = {"G_ema.": network}
    if discriminator is not None:
        row = MappingNetwork(0, c_dim, 5, hidden=(5,), averaged=False) if c_dim else None
        networks["D."] = StyleGan2Discriminator(
            {4: 6, 8: 6, 16: 4},
            channels,
            5 if c_dim else 1,
            architecture=discriminator,
            mapping=row,
        )
    modules: dict[str, object] = {}
    for prefix, each in networks.items():
        modules |= described(each, prefix)
    return Example(networks, {"modules": modules})


GENERATOR: Architecture[Generator] = Architecture(
    id="stylegan2-generator",
    needs="`G_ema.synthesis.b4.const` and `G_ema.synthesis.b4.conv1.affine.weight`",
    recognises=lambda checkpoint: _prefix(checkpoint) is not None,
    load=_load,
    examples=(
        _example,
        lambda: _example(architecture="resnet", c_dim=3, discriminator="skip", activation="swish"),
        lambda: _example(architecture="orig", channels=1, discriminator="orig"),
        lambda: _example(channels=4, noise=False, discriminator=None),
    ),
    options=building.OPTIONS,
    parity=_parity,
    facts=_facts,
)
