"""The options of StarGAN v2: the latents."""

from typing import Final

from ..options import latent

__all__ = ["STARGAN_LATENTS", "STARGAN_OPTIONS"]

STARGAN_LATENTS: Final = ("z", "w", "w+")
STARGAN_OPTIONS: Final = (
    latent(
        "For StarGAN v2: z, which the mapping network turns into a style; w, the style itself, "
        "which images can be encoded to; w+, the style and the features of the translated image. "
        "auto: z."
    ),
)
"""The options of StarGANs."""
