"""BigGAN-deep of huggingface/pytorch-pretrained-BigGAN: a folder of weights and config.json.

Sizes follow from the shapes; config.json states which blocks double the side, and the eps. psi
scales z and selects the batch statistics for that truncation.
"""

import re
from collections.abc import Mapping
from typing import Any

from torch import Tensor

from ...checkpoints.architecture import Architecture, Example, load_network
from ...checkpoints.published import Published
from ...checkpoints.reading import part_of, prefix_of, shape_of
from ...checkpoints.record import Checkpoint
from ...errors import CheckpointError
from ...generator import Generator
from . import reading
from .latents import ClassCodes, TruncatedWithClass
from .networks.deep import Bottleneck
from .networks.deep_hf import BigGanDeepHf, HfLayout
from .networks.folded import folded
from .options import BIGGAN_OPTIONS

__all__ = ["GENERATOR"]

DEFAULT_EPS = 1e-4
KEYS = (
    "embeddings.weight",
    "generator.gen_z.weight_orig",
    "generator.layers.0.bn_0.running_means",
)


def _prefix(checkpoint: Checkpoint) -> str | None:
    return prefix_of(checkpoint, *KEYS)


def _folder(checkpoint: Checkpoint) -> Mapping[str, Any]:
    """Contents of config.json; empty if the weights came without it."""
    return checkpoint.config.get("folder", {})


def _doubling(checkpoint: Checkpoint, count: int) -> list[bool]:
    """Whether each block doubles the side."""
    layers = _folder(checkpoint).get("layers")
    if layers is None:
        return [number % 2 == 1 for number in range(count)]
    if len(layers) != count:
        raise CheckpointError(
            f"config.json of {checkpoint.path.name} lists {len(layers)} layers, but the weights "
            f"have {count}. Take both from the same release."
        )
    return [bool(layer[0]) for layer in layers]


def _layout(checkpoint: Checkpoint) -> HfLayout:
    tensors, folder = checkpoint.tensors, _folder(checkpoint)
    shapes: list[tuple[int, int, int]] = []
    attention: list[int] = []
    number = 0
    while True:
        layer = f"generator.layers.{number}."
        if layer + "conv_0.weight_orig" in tensors:
            hidden, before, _, _ = shape_of(checkpoint, layer + "conv_0.weight_orig", 4)
            after = shape_of(checkpoint, layer + "conv_3.weight_orig", 4)[0]
            shapes.append((before, hidden, after))
        elif layer + "snconv1x1_theta.weight_orig" in tensors:
            attention.append(len(shapes))
        else:
            break
        number += 1
    doubling = _doubling(checkpoint, len(shapes))
    embedding, classes = shape_of(checkpoint, "embeddings.weight", 2)
    layout = HfLayout(
        tuple(
            Bottleneck(*shape, doubles=doubles)
            for shape, doubles in zip(shapes, doubling, strict=True)
        ),
        frozenset(attention),
        latent=shape_of(checkpoint, "generator.gen_z.weight_orig", 2)[1] - embedding,
        classes=classes,
        embedding=embedding,
        truncations=shape_of(checkpoint, KEYS[2], 2)[0],
        eps=reading.chosen_eps(checkpoint) or float(folder.get("eps", DEFAULT_EPS)),
    )
    sizes = {"z_dim": layout.latent, "num_classes": classes, "n_stats": layout.truncations}
    for name, found in sizes.items():
        if folder.get(name, found) != found:
            raise CheckpointError(
                f"config.json of {checkpoint.path.name} says {name} is {folder[name]}, but the "
                f"weights say {found}. Take both from the same release."
            )
    return layout


def _network(checkpoint: Checkpoint, truncation: float) -> BigGanDeepHf:
    own = part_of(checkpoint, _prefix(checkpoint) or "")
    return load_network(BigGanDeepHf(_layout(own), truncation), own)


def _load(checkpoint: Checkpoint) -> Generator:
    psi = reading.psi_of(checkpoint)
    network = _network(checkpoint, psi)
    layout = network.layout
    classes = ClassCodes(layout.classes, network.embeddings.weight.detach().mT.clone())
    prior = TruncatedWithClass(layout.latent, classes, psi)
    module = folded(network) if reading.is_folded(checkpoint) else network
    side = 4 * 2 ** sum(block.doubles for block in layout.blocks)
    return reading.generator_of(checkpoint, GENERATOR.id, module, prior, side, layout.eps)


def _parity(checkpoint: Checkpoint, arrays: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
    """Images of classes (`img_t43`) and of mixtures (`img_soft_t50`) by truncation in percent."""
    network = _network(checkpoint, 1.0)
    embed = network.embeddings.weight.mT
    found: dict[str, Tensor] = {}
    for name in arrays:
        match = re.fullmatch(r"img(_soft)?_t(\d+)", name)
        shares = arrays.get("soft" if match and match[1] else "y")
        if match is None or shares is None or "z" not in arrays:
            continue
        network.truncation = int(match[2]) / 100
        module = folded(network) if reading.is_folded(checkpoint) else network
        vectors = ClassCodes(network.layout.classes, embed).vectors(shares)
        found[name] = module(arrays["z"], vectors)
    return found


def _facts(checkpoint: Checkpoint) -> Mapping[str, str]:
    facts: dict[str, str] = {}
    if "layers" not in _folder(checkpoint):
        facts["doubling of the side"] = "every second block, assumed: config.json is missing"
    if "eps" not in _folder(checkpoint) and not reading.chosen_eps(checkpoint):
        facts["eps"] = f"{DEFAULT_EPS:g} as released, assumed: config.json is missing"
    return facts


def _example(layout: HfLayout) -> Example:
    folder = {
        "z_dim": layout.latent,
        "num_classes": layout.classes,
        "layers": [[block.doubles, 1, 1] for block in layout.blocks],
        "eps": layout.eps,
    }
    return Example({"": BigGanDeepHf(layout)}, {"folder": folder})


GENERATOR: Architecture[Generator] = Architecture(
    id="biggan-deep-hf",
    needs="`embeddings.weight`, `generator.gen_z.weight_orig`, `generator.layers.0.bn_0...`",
    recognises=lambda checkpoint: _prefix(checkpoint) is not None,
    load=_load,
    examples=(
        lambda: _example(
            HfLayout(
                (Bottleneck(16, 4, 16, doubles=False), Bottleneck(16, 4, 8, doubles=True)),
                frozenset({1}),
                latent=5,
                classes=3,
                embedding=5,
            )
        ),
        lambda: _example(
            HfLayout(
                (Bottleneck(8, 2, 8, doubles=True), Bottleneck(8, 2, 4, doubles=True)),
                frozenset(),
                latent=4,
                classes=3,
                embedding=4,
                truncations=5,
                eps=1e-3,
            )
        ),
    ),
    options=BIGGAN_OPTIONS,
    parity=_parity,
    facts=_facts,
    published=(
        Published(
            name="BigGAN-deep of Hugging Face",
            files="folder: `config.json`, `pytorch_model.bin`",
            licence="MIT (the code)",
            latents="z, y",
            verified="official code",
        ),
    ),
)
