"""What reward models see of an image: their own resampling, which a CLIP's energy does not use."""

from collections.abc import Sequence

from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from ...devices import constants

__all__ = ["reward_pixels"]


def reward_pixels(
    images: Float[Tensor, "batch 3 height width"],
    size: int,
    mean: Sequence[float],
    std: Sequence[float],
) -> Float[Tensor, "batch 3 size size"]:
    """Returns normalised square pixels, as CLIP's own preprocessing makes them; differentiable.

    The shorter side is resized to `size` by antialiased bicubic resampling, and the longer one is
    cut to its centre.

    Args:
        images: in [0, 1].
        size: side of the square in pixels.
        mean: of each channel.
        std: of each channel.
    """
    high, wide = images.shape[2:]
    short = min(high, wide)
    sides = (int(size * high / short), int(size * wide / short))
    if sides != (high, wide):
        images = functional.interpolate(images, sides, mode="bicubic", antialias=True)
    top, left = (round((side - size) / 2) for side in sides)
    images = images[:, :, top : top + size, left : left + size]
    shift, spread = (constants(tuple(x), images) for x in (mean, std))
    return (images - shift[:, None, None]) / spread[:, None, None]
