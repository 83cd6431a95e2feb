"""Small operations on images, (batch, 3, height, width) in [0, 1]."""

from collections.abc import Sequence

import torch
from einops import repeat
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from .devices import placed

__all__ = ["grey", "of_rows", "resized", "three_channels"]


def grey(images: Float[Tensor, "batch 3 height width"]) -> Float[Tensor, "batch 1 height width"]:
    """The mean of the channels."""
    return images.mean(dim=1, keepdim=True)


def three_channels(
    images: Float[Tensor, "batch 1 height width"],
) -> Float[Tensor, "batch 3 height width"]:
    """Grey images as colour ones."""
    return repeat(images, "batch 1 height width -> batch 3 height width")


def resized(
    images: Float[Tensor, "batch channels height width"], size: tuple[int, int]
) -> Float[Tensor, "batch channels high wide"]:
    """Images at (height, width), by antialiased bilinear resampling where the size differs."""
    if images.shape[2:] == size:
        return images
    return functional.interpolate(images, size, mode="bilinear", antialias=True)


def of_rows(
    images: Float[Tensor, "images channels height width"],
    rows: Sequence[int],
    size: tuple[int, int],
    like: Tensor,
) -> Float[Tensor, "batch channels high wide"]:
    """The images that go with some samples, resized: one for all of them, or one each.

    Each is resized separately, so that it does not depend on the others.

    Args:
        images: one, or one per sample of the whole batch.
        rows: the samples' rows in the whole batch.
        size: (height, width) to bring them to.
        like: where to put them, and in which type.
    """
    if len(images) == 1:
        one = resized(placed(images, like), size)
        return repeat(one, "1 ... -> batch ...", batch=len(rows)).contiguous()
    return torch.cat([resized(placed(images[row : row + 1], like), size) for row in rows])
