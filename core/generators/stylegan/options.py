"""The options of StyleGANs: latent, truncation, cutoff and noise."""

from typing import Final

from ...checkpoints.options import WholeOption
from ..options import latent, noise, truncation

__all__ = ["LATENTS", "LATENT_OPTIONS", "STYLEGAN2_OPTIONS"]

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
STYLEGAN2_OPTIONS: Final = (
    *LATENT_OPTIONS,
    noise("For StyleGAN2: const is the file's own; TR0N's code draws it again for every image."),
)
"""The options of StyleGAN2 architectures."""
