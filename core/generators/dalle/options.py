"""The options of DALL-E's dVAE: the size of its images."""

from typing import Final

from ..options import image_size

__all__ = ["DALLE_OPTIONS", "SIZE"]

SIZE: Final = 256
"""Pixels a side of the images that the authors trained with."""
DALLE_OPTIONS: Final = (image_size("For DALL-E's dVAE a multiple of 8; 0: 256."),)
"""The options of dVAEs."""
