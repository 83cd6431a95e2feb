"""Rectangles of pixels, and small operations on images (batch, 3, height, width) in [0, 1]."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias, get_args

import torch
from einops import repeat
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn import functional

from .devices import placed
from .errors import InvalidInput

__all__ = [
    "FITS",
    "Box",
    "ImageFit",
    "check_images",
    "enlarged",
    "fitted",
    "grey",
    "of_rows",
    "resized",
    "three_channels",
]

ImageFit: TypeAlias = Literal["crop", "pad", "stretch"]
FITS: tuple[ImageFit, ...] = get_args(ImageFit)


@dataclass(frozen=True)
class Box:
    """A rectangle of pixels of an image.

    Attributes:
        top: its first row.
        left: its first column.
        height: rows.
        width: columns.
    """

    top: int
    left: int
    height: int
    width: int

    @property
    def rows(self) -> slice:
        """The slice of its rows."""
        return slice(self.top, self.top + self.height)

    @property
    def columns(self) -> slice:
        """The slice of its columns."""
        return slice(self.left, self.left + self.width)

    def mask(self, size: tuple[int, int]) -> Bool[Tensor, "height width"]:
        """Which pixels of an image of this size lie in it."""
        mask = torch.zeros(size, dtype=torch.bool)
        mask[self.rows, self.columns] = True
        return mask

    def interior(self, size: tuple[int, int]) -> Bool[Tensor, "height width"]:
        """Its pixels without the outermost ring, except where a side lies on the image's edge.

        Inside it a blended image follows the pasted one. On the ring around it, which is part of
        the box, both images are known and the blended one takes the background's values.
        """
        mask = self.mask(size)
        for before, behind, side, axis in (
            (self.top, self.rows.stop, size[0], 0),
            (self.left, self.columns.stop, size[1], 1),
        ):
            if before > 0:
                mask.select(axis, before).fill_(False)
            if behind < side:
                mask.select(axis, behind - 1).fill_(False)
        return mask


def check_images(images: Float[Tensor, "batch 3 height width"]) -> None:
    """Checks that there are images, and that their numbers are finite.

    Raises:
        InvalidInput: otherwise.
    """
    if not len(images):
        raise InvalidInput("No image: the batch is empty.")
    wrong = (~images.flatten(1).isfinite().all(dim=1)).nonzero()[:, 0].tolist()
    if wrong:
        raise InvalidInput(
            f"The images {', '.join(map(str, wrong[:8]))}, counted from 0, have numbers that are "
            "not finite. Leave them out, or make them again."
        )


def grey(images: Float[Tensor, "batch 3 height width"]) -> Float[Tensor, "batch 1 height width"]:
    """Averages the channels."""
    return images.mean(dim=1, keepdim=True)


def three_channels(
    images: Float[Tensor, "batch 1 height width"],
) -> Float[Tensor, "batch 3 height width"]:
    """Expands grey images to three channels."""
    return repeat(images, "batch 1 height width -> batch 3 height width")


def resized(
    images: Float[Tensor, "batch channels height width"], size: tuple[int, int]
) -> Float[Tensor, "batch channels high wide"]:
    """Resizes images to (height, width) by antialiased bilinear resampling, if necessary."""
    if images.shape[2:] == size:
        return images
    return functional.interpolate(images, size, mode="bilinear", antialias=True)


def enlarged(
    images: Float[Tensor, "batch channels height width"], times: int
) -> Float[Tensor, "batch channels high wide"]:
    """Enlarges images by bicubic resampling, for looking at them; once changes nothing.

    Raises:
        InvalidInput: fewer times than 1.
    """
    if times < 1:
        raise InvalidInput(f"Images enlarged {times} times; expected at least 1.")
    if times == 1:
        return images
    size = [times * side for side in images.shape[2:]]
    return functional.interpolate(images, size, mode="bicubic", antialias=True).clamp(0, 1)


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
        one = resized(placed(images, like), size)
        return repeat(one, "1 ... -> batch ...", batch=len(rows)).contiguous()
    return torch.cat([resized(placed(images[row : row + 1], like), size) for row in rows])


def fitted(
    images: Float[Tensor, "batch channels height width"],
    size: tuple[int, int],
    fit: ImageFit = "crop",
) -> Float[Tensor, "batch channels high wide"]:
    """Returns images of a size (height, width), whatever their shape.

    Args:
        images: images of any size.
        size: target (height, width).
        fit: `crop` cuts off the longer sides, `pad` repeats the outermost pixels at the shorter
            ones, `stretch` changes the shape.
    """
    high, wide = images.shape[2:]
    tall = high * size[1] > wide * size[0]
    # The side that changes follows from the other.
    by_width, by_height = round(wide * size[0] / size[1]), round(high * size[1] / size[0])
    if fit == "crop":
        rows, columns = (by_width, wide) if tall else (high, by_height)
        top, left = (high - rows) // 2, (wide - columns) // 2
        images = images[:, :, top : top + rows, left : left + columns]
    elif fit == "pad":
        rows, columns = (high, by_height) if tall else (by_width, wide)
        above, before = (rows - high) // 2, (columns - wide) // 2
        edges = (before, columns - wide - before, above, rows - high - above)
        images = functional.pad(images, edges, mode="replicate")
    return resized(images, size)
