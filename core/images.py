"""Small operations on images, (batch, 3, height, width) in [0, 1]."""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from .devices import placed

__all__ = ["grey", "of_rows", "resized", "three_channels"]


def grey(images: Float[Tensor, "batch 3 height width"]) -> Float[Tensor, "batch 1 height width"]:
    """Averages the channels."""
    return images.mean(dim=1, keepdim=True)


def three_channels(
    images: Float[Tensor, "batch 1 height width"],
) -> Float[Tensor, "batch 3 height width"]:
    """Expands grey images to three channels."""
    return images.expand(-1, 3, -1, -1)


def resized(
    images: Float[Tensor, "batch channels height width"], size: tuple[int, int]
) -> Float[Tensor, "batch channels high wide"]:
    """Resizes images to (height, width) by antialiased bilinear resampling, if necessary."""
    if images.shape[2:] == size:
        return images
    return functional.interpolate(images, size, mode="bilinear", antialias=True)


def of_rows(
    images: Float[Tensor, "images channels height width"],
    rows: Sequence[int],
    size: tuple[int, int],
    like: Tensor,
) -> Float[Tensor, "batch channels high wide"]:
    """Returns the resized images that belong to some samples: one for all of them, or one each.

    Each is resized independently, so that it does not depend on the others.

    Args:
        images: one image, or one per sample of the whole batch.
        rows: the samples' rows in the whole batch.
        size: target (height, width).
        like: tensor whose device and dtype the result gets.
    """
    if len(images) == 1:
        return resized(placed(images, like), size).expand(len(rows), -1, -1, -1).contiguous()
    return torch.cat([resized(placed(images[row : row + 1], like), size) for row in rows])
