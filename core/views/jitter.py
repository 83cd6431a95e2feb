"""Random views of images that a classifier should be invariant to, as in FuseDream's AugCLIP.

A view is the image shifted by up to a sixteenth of its side, slightly blurred and blended with a
grey level. It is a convex combination of pixels and grey, so it stays in [0, 1] without clamping.
"""

import torch
from jaxtyping import Float
from torch import Tensor

from ..errors import InvalidInput
from ..rng import SampleRng

__all__ = ["GREY_SHARE", "SHARPEST", "SHIFT", "random_views", "softest", "viewed"]

SHIFT = 1 / 16
"""Largest shift along either axis, as a share of the side: 4 of 64 pixels."""
SHARPEST = 0.3
"""Smallest standard deviation of the blur, in pixels; the blur also interpolates pixels."""
GREY_SHARE = 0.3
"""Largest share of the grey in the blend."""


def softest(side: int) -> float:
    """Largest standard deviation of the blur for a side, in pixels; 1.33 for 64 pixels."""
    return max(SHARPEST, side / 48)


def viewed(
    images: Float[Tensor, "batch 3 height width"],
    shift: Float[Tensor, "batch 2"],
    blur: Float[Tensor, " batch"],
    share: Float[Tensor, " batch"],
    grey: Float[Tensor, " batch"],
) -> Float[Tensor, "batch 3 height width"]:
    """Computes one view per image.

    Args:
        images: images in [0, 1].
        shift: shift down and to the right, in possibly fractional pixels; the border is extended.
        blur: standard deviation of the Gaussian blur in pixels, above 0.
        share: share of the grey in the blend, in [0, 1].
        grey: grey level to blend with, in [0, 1].
    """
    down = _weights(images.shape[2], shift[:, 0], blur)
    right = _weights(images.shape[3], shift[:, 1], blur)
    moved = down[:, None] @ images @ right[:, None].mT
    share, grey = (value[:, None, None, None] for value in (share, grey))
    return (1 - share) * moved + share * grey


def random_views(
    images: Float[Tensor, "batch 3 height width"], rng: SampleRng, count: int
) -> Float[Tensor, "batch views 3 height width"]:
    """Draws new views of each image from its own stream.

    Args:
        images: images in [0, 1].
        rng: one stream per image.
        count: number of views per image, at least 1.

    Raises:
        InvalidInput: fewer than 1 view.
    """
    if count < 1:
        raise InvalidInput(f"{count} views per image requested; at least 1 is needed.")
    drawn = rng.uniform(count, 5, like=images).flatten(0, 1)
    height, width = images.shape[2:]
    moves = 2 * drawn[:, :2] - 1
    views = viewed(
        images.repeat_interleave(count, dim=0),
        shift=torch.stack([moves[:, 0] * (SHIFT * height), moves[:, 1] * (SHIFT * width)], dim=1),
        blur=SHARPEST + drawn[:, 2] * (softest(min(height, width)) - SHARPEST),
        share=GREY_SHARE * drawn[:, 3],
        grey=drawn[:, 4],
    )
    return views.unflatten(0, (len(images), count))


def _weights(side: int, shift: Tensor, blur: Tensor) -> Tensor:
    """(batch, to, from): Gaussian around the source of each pixel; rows sum to 1."""
    place = torch.arange(side, dtype=shift.dtype, device=shift.device)
    source = place - shift[:, None]
    distance = place - source[:, :, None]
    return (-distance.square() / (2 * blur.square()[:, None, None])).softmax(dim=2)
