"""Images and masks of the host and of the library.

The host has images (batch, height, width, 3), the library (batch, 3, height, width).
"""

import math

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from ..core.errors import InvalidInput
from ..core.generator import Generator
from ..core.images import ImageFit, fitted
from .host import autograd, ordinary

__all__ = ["from_host", "grid", "masks_from_host", "shaped", "to_host"]


def to_host(images: Tensor) -> Tensor:
    """Library images as the host's IMAGE: float32 on the CPU, in [0, 1]."""
    return images.detach().float().clamp(0, 1).movedim(1, 3).contiguous().cpu()


def from_host(images: Tensor) -> Tensor:
    """The host's IMAGE as library images; grey and RGBA become RGB.

    The result is never an inference tensor: gradients may flow to it.

    Raises:
        InvalidInput: not a batch of images.
    """
    if images.ndim != 4 or images.shape[3] not in (1, 3, 4) or 0 in images.shape[1:3]:
        raise InvalidInput(
            f"An image batch of shape {tuple(images.shape)}; expected (batch, height, width, 3)."
        )
    with autograd():
        found = ordinary(images)
        colour = found.expand(-1, -1, -1, 3) if found.shape[3] == 1 else found[..., :3]
        return colour.movedim(3, 1).contiguous()


def shaped(images: Tensor, generator: Generator, fit: ImageFit) -> Tensor:
    """The host's IMAGE as library images of the shape of a generator's.

    Stretched ones stay as they are, since whoever takes them resizes them anyway.

    Raises:
        InvalidInput: not a batch of images.
    """
    pictures = from_host(images)
    if fit == "stretch":
        return pictures
    with autograd():
        return fitted(pictures, generator.image_size, fit)


def masks_from_host(mask: Tensor) -> Tensor:
    """The host's MASK as (batch, height, width) in float32; the batch may be missing.

    Raises:
        InvalidInput: anything else.
    """
    found = mask[None] if mask.ndim == 2 else mask
    if found.ndim == 4 and found.shape[1] == 1:
        found = found[:, 0]
    if found.ndim != 3:
        raise InvalidInput(
            f"A mask of shape {tuple(mask.shape)}; expected (batch, height, width)."
        )
    with autograd():
        return ordinary(found).float()


def grid(images: Tensor, columns: int = 0, gap: int = 1) -> Image.Image:
    """A grid of library images as one picture; by default as square as possible."""
    count, _, height, width = images.shape
    columns = columns or math.ceil(math.sqrt(count))
    rows = math.ceil(count / columns)
    sheet = torch.ones(3, rows * (height + gap) - gap, columns * (width + gap) - gap)
    for number, image in enumerate(images.detach().float().clamp(0, 1).cpu()):
        top, left = (number // columns) * (height + gap), (number % columns) * (width + gap)
        sheet[:, top : top + height, left : left + width] = image
    return Image.fromarray((sheet.movedim(0, 2).numpy() * 255).round().astype(np.uint8))
