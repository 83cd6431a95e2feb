"""The latents that a diffusion prior is trained on: of images, or of pairs."""

import logging
from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor

from ..chunking import Chunking
from ..errors import InvalidInput
from ..generator import Generator
from ..pairs.pairs import Pairs
from ..pairs.stored import StoredPairs
from ..pairs.synthesis import check_dropped
from .encoding import encoded

__all__ = ["check_encoder", "latents_of_images", "latents_of_pairs"]

logger = logging.getLogger("latentsteer")

BLOCK = 1 << 16
"""Number of pairs that are read at a time."""
IMAGES = 64
"""Number of images after which progress is reported, a multiple of a fixed chunk."""


def check_encoder(generator: Generator) -> None:
    """Checks that images have latents of a generator.

    Raises:
        InvalidInput: it has no encoder.
    """
    if generator.encode is None:
        raise InvalidInput(
            f"Generator {generator.name!r} has no encoder, so its latents of images are unknown. "
            "Connect `pairs` of it instead, or load a generator with an encoder: "
            "`avatars (embedded)`, or a D2C file; `latentsteer inspect` says whether a file has "
            "one."
        )


def latents_of_images(
    generator: Generator,
    images: Float[Tensor, "batch 3 height width"],
    *,
    chunking: Chunking,
    device: torch.device,
    report: Callable[[int], None] = lambda done: None,
) -> Float[Tensor, "batch dim"]:
    """Returns the latents of images by the generator's encoder, on the CPU.

    Args:
        generator: a generator with an encoder.
        images: in [0, 1], of any size; resized to the generator's, antialiased.
        chunking: images at a time.
        device: where the networks are.
        report: called with the number of images done; may raise to stop.

    Raises:
        InvalidInput: no image, or a generator without an encoder.
    """
    check_encoder(generator)
    found: list[Tensor] = []
    for part in images.split(IMAGES):
        found.append(encoded(generator, part, chunking=chunking, device=device))
        report(sum(map(len, found)))
    if not found:
        raise InvalidInput("No image to train a diffusion prior on: the batch is empty.")
    return torch.cat(found)


def latents_of_pairs(
    generator: Generator, pairs: Pairs | StoredPairs
) -> Float[Tensor, "pairs dim"]:
    """Returns the latents of pairs, contiguous, in float32, on the CPU.

    Latents with a number that is not finite are dropped and counted in a warning.

    Args:
        generator: the generator.
        pairs: pairs of it; their conditions are not used.

    Raises:
        GeneratorMismatch: the pairs are of another generator, or of one with other options.
        InvalidInput: no pairs, or more than one in a hundred not finite.
    """
    pairs.check_generator(generator.id, generator.name, against="the prior is for")
    if not len(pairs):
        raise InvalidInput("No pairs to train a diffusion prior on. Make at least some thousand.")
    parts: list[Tensor] = []
    for first in range(0, len(pairs), BLOCK):
        numbers = torch.arange(first, min(first + BLOCK, len(pairs)))
        z = pairs.latents_of(numbers).float()
        finite = z.isfinite().all(dim=1)
        parts.append(z if bool(finite.all()) else z[finite])
        pairs.release()
    found = torch.cat(parts)
    if dropped := len(pairs) - len(found):
        check_dropped(dropped, len(pairs))
        logger.warning("%d of %d latents are not finite and were dropped.", dropped, len(pairs))
    return found
