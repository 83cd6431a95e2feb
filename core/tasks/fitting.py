"""How images and a generator fit: what stays of an image, and how far its latents are from it."""

import math

import torch
from jaxtyping import Float
from torch import Tensor

from ..chunking import Chunking
from ..errors import InvalidInput
from ..images import resized
from ..latents import Latents, decode
from ..rng import SampleRng
from ..starts.candidates import from_prior
from .edit import inverted
from .models import TaskModels

__all__ = ["keeping", "misfit", "usual_misfit"]

Images4 = Float[Tensor, "batch 3 height width"]
OWN_IMAGES = 32
"""Images of the generator that show how well it fits at best."""
_USUAL: dict[str, float] = {}
"""Usual misfit by the id of a generator."""


def keeping(
    images: Images4,
    originals: Float[Tensor, "originals 3 above across"],
    keep: Float[Tensor, "masks tall wide"],
) -> Images4:
    """Returns images that equal their originals where a mask says so.

    Args:
        images: results, the same number of each original.
        originals: the images that were edited, of any size.
        keep: 1 where the original stays, 0 where the result does; one mask, or one per original.

    Raises:
        InvalidInput: numbers of images or masks that do not match.
    """
    if len(images) % len(originals) or len(keep) not in (1, len(originals)):
        raise InvalidInput(
            f"{len(keep)} masks and {len(originals)} images of {len(images)} results; expected "
            "one mask, or one for each image."
        )
    size, each = (images.shape[2], images.shape[3]), len(images) // len(originals)
    before = resized(originals, size).repeat_interleave(each, dim=0)
    mask = resized(keep[:, None], size).expand(len(originals), -1, -1, -1)
    return torch.lerp(images, before.to(images), mask.repeat_interleave(each, dim=0).to(images))


def misfit(
    models: TaskModels,
    start: Latents,
    images: Images4,
    *,
    chunking: Chunking,
    device: torch.device,
) -> Float[Tensor, " batch"]:
    """Returns the root mean squared difference of images and those of their latents.

    Args:
        models: the models.
        start: latents of the images.
        images: in [0, 1], of any size.
        chunking: images at a time.
        device: where the networks are.
    """
    seen = decode(start, models.generator, chunking, device)
    size = (seen.shape[2], seen.shape[3])
    return (seen - resized(images, size).to(seen)).square().mean(dim=(1, 2, 3)).sqrt()


def usual_misfit(models: TaskModels, *, chunking: Chunking, device: torch.device) -> float:
    """Returns the misfit that one in twenty of a generator's own images exceeds.

    Args:
        models: the models; without an encoder it is infinite, since a search takes long.
        chunking: images at a time.
        device: where the networks are.
    """
    generator = models.generator
    if generator.encode is None:
        return math.inf
    if generator.id not in _USUAL:
        _USUAL[generator.id] = _usual(models, chunking, device)
    return _USUAL[generator.id]


def _usual(models: TaskModels, chunking: Chunking, device: torch.device) -> float:
    generator = models.generator
    rng = SampleRng.of(0, OWN_IMAGES, "usual misfit")
    drawn = from_prior(generator, rng, chunking=chunking, device=device)
    own = Latents.of(drawn, generator)
    images = decode(own, generator, chunking, device)
    start = inverted(models, images, seed=0, chunking=chunking, device=device)
    return float(misfit(models, start, images, chunking=chunking, device=device).quantile(0.95))
