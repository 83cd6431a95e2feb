"""The options of Co-Mod-GANs: latents, truncation, noise, dropout and the variant."""

from typing import Final

from ...checkpoints.options import ChoiceOption
from ..options import noise
from ..stylegan.options import LATENT_OPTIONS

__all__ = ["COMODGAN_OPTIONS", "DROPOUTS", "VARIANTS"]

DROPOUTS: Final = ("off", "on")
VARIANTS: Final = ("tf", "port")
COMODGAN_OPTIONS: Final = (
    *LATENT_OPTIONS,
    noise("For Co-Mod-GAN const is the file's own, or drawn once where it has none."),
    ChoiceOption(
        "dropout",
        "For Co-Mod-GAN: on drops half of what the layers know of the image, drawn again for "
        "every image, as the authors' code does also after training. auto: off, so that a latent "
        "is one image.",
        place=10,
        choices=DROPOUTS,
    ),
    ChoiceOption(
        "variant",
        "For Co-Mod-GAN: tf adds the encoder's smallest maps to the decoder's, as the networks "
        "were trained; port leaves them out, as the PyTorch port does. auto: tf.",
        place=11,
        choices=VARIANTS,
    ),
)
"""The options of Co-Mod-GAN generators."""
