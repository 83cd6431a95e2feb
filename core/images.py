"""Small operations on images, (batch, 3, height, width) in [0, 1]."""

from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

__all__ = ["grey", "resized", "three_channels"]


def grey(images: Float[Tensor, "batch 3 height width"]) -> Float[Tensor, "batch 1 height width"]:
    """The mean of the channels."""
    return images.mean(dim=1, keepdim=True)


def three_channels(
    images: Float[Tensor, "batch 1 height width"],
) -> Float[Tensor, "batch 3 height width"]:
    """Grey images as colour ones."""
    return images.expand(-1, 3, -1, -1)


def resized(
    images: Float[Tensor, "batch channels height width"], size: tuple[int, int]
) -> Float[Tensor, "batch channels high wide"]:
    """Images at (height, width), by antialiased bilinear resampling where the size differs."""
    if images.shape[2:] == size:
        return images
    return functional.interpolate(images, size, mode="bilinear", antialias=True)
