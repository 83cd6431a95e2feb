"""StyleGAN2 of NVIDIA's PyTorch repositories, saved by StyleGAN2-ADA's or by StyleGAN3's.

The networks are under `G_ema.` and `D.`, as in the pickles, or under any other prefix. Sizes come
from the tensors; activations, learning rate multipliers, clamps and the group size of the
minibatch deviation come from the attributes in a pickle. Noise is the file's constant noise by
default; TR0N draws it for every image, which is `noise` "random".
"""

from collections.abc import Mapping
from typing import Final

import torch
from torch import Tensor

from ...checkpoints.architecture import Architecture, Example, load_network
from ...checkpoints.prefixes import averaged_prefix, choice_fact
from ...checkpoints.published import Published
from ...checkpoints.record import Checkpoint
from ...checkpoints.weights import below, if_usable
from ...generator import Generator
from . import building
from .arrays import of_latents
from .networks.discriminator import StyleGan2Discriminator
from .networks.mapping import MappingNetwork
from .networks.stylegan2 import StyleGan2Generator, StyleGan2Synthesis
from .networks.stylegan2_layers import SynthesisLayer, ToRgb
from .options import STYLEGAN2_OPTIONS

__all__ = [
    "GENERATOR",
    "NOISE_FACT",
    "described",
    "discriminator_facts",
    "load_discriminator",
    "logits_of",
    "stylegan2_arrays",
    "tensors_under",
]

CONST: Final = "synthesis.b4.const"
STYLES: Final = "synthesis.b4.conv1.affine.weight"
NOISE_FACT: Final = "the file's constant noise unless chosen otherwise (TR0N draws new noise)"


def _prefixes(checkpoint: Checkpoint) -> list[str]:
    """Prefix of each generator in the file."""
    tensors = checkpoint.tensors
    found = [
        key.removesuffix(CONST)
        for key in tensors
        if key.endswith(CONST) and key.removesuffix(CONST) + STYLES in tensors
    ]
    return [prefix for prefix in found if not prefix or prefix.endswith(".")]


def _prefix(checkpoint: Checkpoint) -> str | None:
    """Prefix of the generator, the averaged one if there are several; None if there is none."""
    return averaged_prefix(_prefixes(checkpoint))


def _discriminator_prefix(checkpoint: Checkpoint, prefix: str) -> str | None:
    """Prefix of the discriminator next to the generator, if it is a StyleGAN2 discriminator."""
    if not prefix:
        return None
    *parents, _ = prefix.removesuffix(".").split(".")
    beside = ".".join([*parents, "D."])
    parts = tuple(f"{beside}b4.{part}." for part in ("conv", "fc", "out"))
    return beside if any(name.startswith(parts) for name in checkpoint.tensors) else None


def tensors_under(checkpoint: Checkpoint, prefix: str) -> dict[str, Tensor]:
    """Tensors under a prefix, by name without the prefix."""
    return below(checkpoint.tensors, prefix)


def _networks(
    checkpoint: Checkpoint,
) -> tuple[StyleGan2Generator, StyleGan2Discriminator | None]:
    prefix = _prefix(checkpoint) or ""
    tensors, attributes = (
        tensors_under(checkpoint, prefix),
        building.attributes_of(checkpoint, prefix),
    )
    network = StyleGan2Generator(*building.generator_parts(tensors, attributes))
    building.adopt(network, tensors, attributes)
    load_network(network, checkpoint, prefix)
    return network, load_discriminator(checkpoint, prefix)


def load_discriminator(checkpoint: Checkpoint, prefix: str) -> StyleGan2Discriminator | None:
    """Loads the discriminator next to a generator, frozen; None unless it is StyleGAN2's.

    Args:
        checkpoint: checkpoint to load from.
        prefix: prefix of the generator's tensors.
    """
    beside = _discriminator_prefix(checkpoint, prefix)
    return None if beside is None else if_usable(lambda: _load_discriminator(checkpoint, beside))


def _load_discriminator(checkpoint: Checkpoint, beside: str) -> StyleGan2Discriminator:
    tensors = tensors_under(checkpoint, beside)
    discriminator = building.discriminator_parts(tensors, StyleGan2Discriminator)
    building.adopt(discriminator, tensors, building.attributes_of(checkpoint, beside))
    return load_network(discriminator, checkpoint, beside)


def _load(checkpoint: Checkpoint) -> Generator:
    return building.stylegan2_generator(checkpoint, GENERATOR.id, *_networks(checkpoint))


def stylegan2_arrays(
    network: StyleGan2Generator,
    discriminator: StyleGan2Discriminator | None,
    arrays: Mapping[str, Tensor],
    centre: Tensor | None = None,
) -> dict[str, Tensor]:
    """Computes every output that the reference arrays name, in the networks' own range.

    Args:
        network: the generator.
        discriminator: the discriminator, where there is one.
        arrays: reference arrays; the discriminator sees `x`, else the image without truncation.
        centre: mean of w, where the network has none.
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
    """Computes the logits that the reference arrays name, of `x` or the untruncated image.

    Args:
        discriminator: the discriminator, where there is one.
        arrays: reference arrays.
    """
    judged = [name for name in ("D", "D_logits") if name in arrays]
    seen = next((arrays[name] for name in ("x", "img_const", "img") if name in arrays), None)
    if discriminator is None or seen is None or not judged:
        return {}
    logits = discriminator(seen, arrays.get("c") if discriminator.c_dim else None)
    return {name: logits.reshape(arrays[name].shape) for name in judged}


def _parity(checkpoint: Checkpoint, arrays: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
    return stylegan2_arrays(*_networks(checkpoint), arrays)


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
    """Facts that `inspect` reports on the discriminator next to a generator.

    Args:
        checkpoint: checkpoint with the networks.
        prefix: prefix of the generator's tensors.
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
    """Attributes of a network's modules, in the form of `config["modules"]` of a pickle."""
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
    attributes: dict[str, dict[str, object]] = {}
    for name, module in network.named_modules():
        if isinstance(module, SynthesisLayer):
            attributes[name] = {"activation": activation, "conv_clamp": 4.0}
        elif isinstance(module, ToRgb):
            attributes[name] = {"conv_clamp": 4.0}
    building.adopt(network, {}, attributes)
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
    options=STYLEGAN2_OPTIONS,
    parity=_parity,
    facts=_facts,
    published=(
        Published(
            name="StyleGAN2-ADA, StyleGAN2 of the StyleGAN3 repository",
            files="`*.pkl`",
            licence="NVIDIA, non-commercial",
            latents="z (and c), w, w+",
            verified="official code, with discriminators",
        ),
    ),
)
