"""The options of FastGANs: their noise."""

from typing import Final

from ..options import noise

__all__ = ["FASTGAN_OPTIONS"]

FASTGAN_OPTIONS: Final = (
    noise(
        "For FastGANs: const is drawn once, the same for every file; random as in the authors' "
        "code."
    ),
)
"""The options of FastGAN generators."""
