"""MMD-GAN, OCF-GAN and VAE generators of DGflow: `MMDGAN_CIFAR.pth`, `VAE_STL.pth` and others.

Files hold the state dict of MMD-GAN's decoder, whose names give the widths. They do not say that
pixels are tanh's in GANs and a sigmoid's in VAEs, which have 64 latents instead of 32, and
that images of STL-10 are enlarged from 32 to 48 pixels, which the option image_size does. DGflow's
corrector of the density ratio, `MMDGAN_CIFAR_DRC.pth` beside the file, is the discriminator.
DGflow adds its logit to that of an SN-GAN's discriminator of the same data (`dgflow.py`); here it
is used alone.
"""

import re
from collections.abc import Mapping
from dataclasses import replace

from torch import Tensor

from ...auxiliary import Discriminator
from ...checkpoints.architecture import Architecture, Example, load_network
from ...checkpoints.cache import cached
from ...checkpoints.published import Published
from ...checkpoints.reading import part_of
from ...checkpoints.record import Checkpoint
from ...checkpoints.weights import if_usable
from ...errors import CheckpointError, InvalidInput
from ...generator import Generator
from ...identity import ModelId
from ..beside import check_side, twin_of
from .deconvolutional import convolutional_critic
from .networks.deconvolutions import MmdGanGenerator
from .options import MMD_OPTIONS
from .reading import critic_of, gan_of, gan_parity

__all__ = ["GENERATOR"]

LICENCE = "MIT (the code)"
LAYER = re.compile(r"(.*\.)?main\.(initial|pyramid|final)-(\d+)-(\d+)-convt\.weight")
VAE_LATENT = 64
"""Length of the latents of DGflow's VAEs."""


def _layers(checkpoint: Checkpoint) -> list[re.Match[str]]:
    return [match for name in checkpoint.tensors if (match := LAYER.fullmatch(name))]


def _recognises(checkpoint: Checkpoint) -> bool:
    parts = {match[2] for match in _layers(checkpoint)}
    return {"initial", "final"} <= parts


def _widths(checkpoint: Checkpoint, layers: list[re.Match[str]]) -> list[int]:
    """Length of z and the channels after each layer, in the order of the network."""
    first = next(match for match in layers if match[2] == "initial")
    after = {int(match[3]): int(match[4]) for match in layers if match[2] != "initial"}
    widths = [int(first[3]), int(first[4])]
    while after:
        if widths[-1] not in after:
            raise CheckpointError(
                f"{checkpoint.path.name}: no layer takes the {widths[-1]} channels of the one "
                "before. Fetch or save it again."
            )
        widths.append(after.pop(widths[-1]))
    if widths[-1] != 3:
        raise CheckpointError(
            f"{checkpoint.path.name} makes images with {widths[-1]} channels; 3 were expected."
        )
    return widths


def _network(checkpoint: Checkpoint, side: int = 0) -> MmdGanGenerator:
    layers = _layers(checkpoint)
    own = part_of(checkpoint, layers[0][1] or "")
    widths = _widths(own, _layers(own))
    network = MmdGanGenerator(widths, side=side, sigmoid=widths[0] == VAE_LATENT)
    return load_network(network, own)


def _side(checkpoint: Checkpoint) -> int:
    side = checkpoint.options.get("image_size", 0)
    if isinstance(side, bool) or not isinstance(side, int) or not 0 <= side <= 1024:
        raise InvalidInput(f"image_size is {side!r}; expected 1 to 1024, or 0 for the file's own.")
    return side


def _corrector(checkpoint: Checkpoint, side: int) -> Discriminator | None:
    """DGflow's density ratio beside the file, as `MMDGAN_CIFAR_DRC.pth` for `MMDGAN_CIFAR.pth`.

    Raises:
        CheckpointError: it is damaged, something else, or of images of another size.
    """
    suffix = checkpoint.path.suffix
    beside = twin_of(checkpoint.path, (suffix, f"_DRC{suffix}"))
    critic = None if beside is None else if_usable(lambda: convolutional_critic(cached(beside)))
    if critic is None:
        return None
    cure = f"For images of that size choose image_size {critic.side}. "
    check_side(checkpoint.path.name, critic.side, side, cure)
    return critic_of(critic)


def _load(checkpoint: Checkpoint) -> Generator:
    network = _network(checkpoint, _side(checkpoint))
    found = gan_of(
        checkpoint,
        GENERATOR.id,
        network,
        network.widths[0],
        network.side,
        licence=LICENCE,
        discriminator=_corrector(checkpoint, network.side),
    )
    return replace(found, id=ModelId(checkpoint.sha256, {"image_size": network.side}))


def _parity(checkpoint: Checkpoint, arrays: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
    side = arrays["img"].shape[-1] if "img" in arrays else 0
    return gan_parity(_network(checkpoint, side), None, arrays)


def _facts(checkpoint: Checkpoint) -> Mapping[str, str]:
    network = _network(checkpoint, _side(checkpoint))
    pixels = "a sigmoid's, as in a VAE of 64 latents" if network.sigmoid else "tanh's"
    side = f"{network.side} x {network.side}"
    chosen = "chosen" if checkpoint.options.get("image_size") else "STL-10: image_size 48"
    return {"pixels": pixels, "image size": f"{side} ({chosen})"}


GENERATOR: Architecture[Generator] = Architecture(
    id="mmd-gan",
    needs="`main.initial-32-512-convt.weight`, `main.final-64-3-convt.weight` or other widths",
    recognises=_recognises,
    load=_load,
    examples=(lambda: Example({"": MmdGanGenerator((5, 8, 4, 3))}, {}),),
    options=MMD_OPTIONS,
    parity=_parity,
    facts=_facts,
    published=(
        Published(
            name="MMD-GAN, OCF-GAN, VAE of DGflow",
            files="`MMDGAN_*.pth`, `OCFGAN_*.pth`, `VAE_*.pth`; the corrector of its density "
            "ratio beside it, as `MMDGAN_CIFAR_DRC.pth`, used alone: DGflow adds the "
            "logit of an SN-GAN's discriminator of the same data",
            licence="MIT (the code)",
            latents="z",
            verified="DGflow's code, random weights, with density ratios",
        ),
    ),
)
