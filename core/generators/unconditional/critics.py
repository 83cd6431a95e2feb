"""Residual discriminators of AutoGAN, SN-GAN and WGAN-GP, in a generator's file or their own.

Which blocks halve the side is in no file: those with a convolution in the shortcut do, except the
last one of the models of 48 pixels.
"""

import re
from collections.abc import Mapping
from dataclasses import replace

from torch import Tensor

from ...auxiliary import Discriminator
from ...checkpoints.architecture import Architecture, load_network
from ...checkpoints.reading import part_of, prefix_of, shape_of
from ...checkpoints.record import Checkpoint
from ...checkpoints.weights import if_usable
from ...errors import CheckpointError
from ...generator import Generator
from .networks.autogan import AutoGanGenerator
from .networks.critics import CriticBlock, CriticLayout, ResidualDiscriminator
from .networks.residual import ResidualGenerator
from .reading import critic_of, gan_of, gan_parity
from .vectors import with_vectors

__all__ = ["DISCRIMINATOR", "critic_in", "critic_network", "critic_prefix", "gan_with_critic"]

KEYS = ("block1.c1", "block1.c_sc", "block2.c1", "block2.c2")
GENERATORS = ("block2.b1.weight", "l1.weight", "block0.c1.weight")
KEPT_SIDE = 48
"""Side of the images of SN-GAN's and WGAN-GP's models for STL-10."""
ROTATIONS = "l_y."
"""Start of the names of SSGAN's classifier of rotations, which the logit does not use."""
LAST = re.compile(r"(l(\d+))\.weight(?:_orig)?")


def critic_prefix(checkpoint: Checkpoint) -> str | None:
    """The prefix of a residual discriminator; None where the file has none."""
    # One key may be missing: a damaged discriminator must be reported, not ignored.
    for end in (".weight_orig", ".weight"):
        keys = [key + end for key in KEYS]
        prefix = prefix_of(checkpoint, *keys, without=GENERATORS, missing=1)
        if prefix is not None:
            return prefix
    return None


def _layout(own: Checkpoint, side: int | None) -> CriticLayout:
    tensors = own.tensors
    spectral = any(name.endswith("_orig") for name in tensors)
    end = ".weight_orig" if spectral else ".weight"
    count = 0
    while f"block{count + 1}.c1{end}" in tensors:
        count += 1
    found = [match for name in tensors if (match := LAST.fullmatch(name))]
    if count < 2 or len(found) != 1:
        raise CheckpointError(
            f"{own.path.name}: its discriminator has {count} blocks and {len(found)} last layers; "
            "at least 2 and one were expected. Fetch or save it again."
        )
    last, number = found[0][1], int(found[0][2])
    blocks: list[CriticBlock] = []
    for place in range(1, count + 1):
        hidden, before, _, _ = shape_of(own, f"block{place}.c1{end}", 4)
        after = shape_of(own, f"block{place}.c2{end}", 4)[0]
        shortcut = f"block{place}.c_sc{end}" in tensors
        wider = place == count and before != after
        keeps = wider and (number == count or side == KEPT_SIDE)
        blocks.append(CriticBlock(before, hidden, after, shortcut, shortcut and not keeps))
    bias = f"{last}.bias" in tensors
    # AutoGAN's last layer has no bias, mimicry's has one.
    mean = bias and not spectral
    return CriticLayout(tuple(blocks), last, bias, spectral, mean=mean, rectified=bias)


def critic_network(
    checkpoint: Checkpoint, prefix: str, side: int | None = None
) -> ResidualDiscriminator:
    """Loads a discriminator.

    Args:
        checkpoint: the whole file.
        prefix: prefix of the discriminator.
        side: side of its images in pixels, if it is known.

    Raises:
        CheckpointError: its tensors do not fit.
    """
    own = part_of(checkpoint, prefix, prefix + ROTATIONS)
    own = replace(own, tensors=with_vectors(dict(own.tensors)))
    return load_network(ResidualDiscriminator(_layout(own, side)), own)


def critic_in(side: int, *files: Checkpoint | None) -> ResidualDiscriminator | None:
    """Loads the discriminator of the first file that has one; None where it is unusable.

    Args:
        side: side of its images in pixels.
        files: the generator's own file, and others.
    """
    for file in files:
        if file is not None and (prefix := critic_prefix(file)) is not None:
            return if_usable(lambda own=file, at=prefix: critic_network(own, at, side))
    return None


def gan_with_critic(
    checkpoint: Checkpoint,
    architecture: str,
    network: AutoGanGenerator | ResidualGenerator,
    *files: Checkpoint | None,
    licence: str,
) -> Generator:
    """Wraps a residual network as a Generator, with the discriminator of one of some files.

    Args:
        checkpoint: checkpoint of the network.
        architecture: id of the architecture.
        network: the network.
        files: where its discriminator may be, see `critic_in`.
        licence: of the authors' weights.
    """
    layout = network.layout
    critic = critic_in(layout.side, *files)
    return gan_of(
        checkpoint,
        architecture,
        network,
        layout.latent,
        layout.side,
        licence=licence,
        discriminator=None if critic is None else critic_of(critic),
    )


def _network(checkpoint: Checkpoint) -> ResidualDiscriminator:
    return critic_network(checkpoint, critic_prefix(checkpoint) or "")


def _load(checkpoint: Checkpoint) -> Discriminator:
    return critic_of(_network(checkpoint))


def _parity(checkpoint: Checkpoint, arrays: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
    images = arrays.get("x", arrays.get("img"))
    side = None if images is None else images.shape[-1]
    network = critic_network(checkpoint, critic_prefix(checkpoint) or "", side)
    return gan_parity(None, network, arrays)


DISCRIMINATOR: Architecture[Discriminator] = Architecture(
    id="residual-discriminator",
    needs="`block1.c1.weight`, `block1.c_sc.weight`, `block2.c1.weight`, or these with `_orig`",
    recognises=lambda checkpoint: critic_prefix(checkpoint) is not None,
    load=_load,
    examples=(),
    parity=_parity,
)
