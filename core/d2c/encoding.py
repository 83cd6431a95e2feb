"""Latents of images, by the encoder of a generator."""

from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor

from ..chunking import Chunking
from ..errors import InvalidInput
from ..generator import Generator
from ..images import resized
from ..rng import SampleRng

__all__ = ["check_encodes", "encoded"]


def check_encodes(generator: Generator) -> None:
    """Checks that images have latents of a generator.

    Raises:
        InvalidInput: it has no encoder.
    """
    if generator.encode is None:
        raise InvalidInput(
            f"Generator {generator.name!r} has no encoder, so its latents of images are unknown. "
            "Use a generator with one, such as the avatars', or make the condition by words."
        )


@torch.no_grad()
def encoded(
    generator: Generator,
    images: Float[Tensor, "batch 3 height width"],
    *,
    chunking: Chunking,
    device: torch.device,
    report: Callable[[int], None] = lambda done: None,
) -> Float[Tensor, "batch dim"]:
    """Returns the latents of images, on the CPU.

    Args:
        generator: a generator with an encoder.
        images: in [0, 1], of any size; resized to the generator's, antialiased.
        chunking: images at a time.
        device: where the networks are.
        report: called after each chunk with the images done; may raise to stop.

    Raises:
        InvalidInput: no image, a generator without an encoder, or latents that are not finite.
    """
    check_encodes(generator)
    if len(images) == 0:
        raise InvalidInput("No image to encode: the batch is empty.")
    assert generator.encode is not None
    encode, size = generator.encode, generator.image_size
    (found,) = chunking.apply_random(
        lambda part, _: (generator.source.clamp(encode(resized(part, size).to(device))).cpu(),),
        images,
        SampleRng.of(0, len(images), "encode"),
        report,
    )
    wrong = (~found.isfinite().all(dim=1)).nonzero()[:, 0].tolist()
    if wrong:
        raise InvalidInput(
            f"The encoder of {generator.name!r} gives numbers that are not finite for the images "
            f"{', '.join(map(str, wrong[:8]))}, counted from 0. Remove them, or check that their "
            "values lie in [0, 1]."
        )
    return found
