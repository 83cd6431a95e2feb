"""The options of StyleGANs: latent, truncation, cutoff and noise."""

from typing import Final

from ...checkpoints.options import ChoiceOption, WholeOption
from ..options import latent, truncation

__all__ = ["LATENTS", "LATENT_OPTIONS", "NOISES", "STYLEGAN2_OPTIONS"]

LATENTS: Final = ("z", "w", "w+")
LATENT_OPTIONS: Final = (
    latent("For StyleGANs: z and w as in the paper; w+ has one w per layer. auto: z."),
    truncation("StyleGANs pull w towards its mean."),
    WholeOption(
        "cutoff",
        "For StyleGANs: the number of layers that are truncated, from the first on (0 to 64). 0: "
        "all layers.",
        place=2,
        low=0,
        high=64,
    ),
)
"""The options of every architecture with these latents."""
NOISES: Final = ("const", "random", "none")
STYLEGAN2_OPTIONS: Final = (
    *LATENT_OPTIONS,
    ChoiceOption(
        "noise",
        "For StyleGAN2: the noise of every layer. const: the file's own; random: drawn again for "
        "every image, as in TR0N's code; none. auto: const, so that a latent is one image.",
        place=3,
        choices=NOISES,
    ),
)
"""The options of StyleGAN2 architectures."""
