"""The options of unconditional GANs: the side of the images."""

from typing import Final

from ..options import image_size

__all__ = ["MMD_OPTIONS"]

MMD_OPTIONS: Final = (
    image_size("For MMD-GAN of DGflow, 48: files of STL-10, whose images are enlarged; 0: 32."),
)
"""The options of MMD-GAN."""
