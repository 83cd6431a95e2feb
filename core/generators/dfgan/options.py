"""The options of DF-GANs of 2022: truncation."""

from typing import Final

from ..options import truncation

__all__ = ["DFGAN_OPTIONS", "PSI"]

PSI: Final = 0.88
"""Truncation of the authors' samples."""
DFGAN_OPTIONS: Final = (
    truncation("DF-GAN scales z, which is drawn within [-2, 2]; 0 is the authors' 0.88."),
)
"""The options of DF-GAN generators."""
