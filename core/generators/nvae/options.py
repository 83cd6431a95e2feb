"""The options of NVAE: its latents, the temperature, the groups that take their means."""

from typing import Final

from ...checkpoints.options import WholeOption
from ..options import latent, pixel_law, truncation

__all__ = ["NVAE_LATENTS", "NVAE_OPTIONS"]

NVAE_LATENTS: Final = ("z", "z+")

NVAE_OPTIONS: Final = (
    latent(
        "For NVAE: z, the first group of latents; z+, the standard normal noise of every group. "
        "auto: z."
    ),
    truncation("For NVAE it is the temperature, a factor on the deviations of all groups."),
    pixel_law("For NVAE the means of later colours take the clamped earlier ones."),
    WholeOption(
        "mean_groups",
        "For NVAE with latents z: the number l* of groups after the first that take their means "
        "(-1 to 100). The others are drawn for every image. TR0N takes 0 for CIFAR-10 and 7 for "
        "faces. -1: 0 for models of one scale, 7 for others.",
        place=12,
        low=-1,
        high=100,
        default=-1,
    ),
)
"""The options of NVAE."""
