"""The options of D2C: the space that is steered, the diffusion's steps, and the pixels' law."""

from typing import Final

from ...checkpoints.options import RealOption, WholeOption
from ..options import image_size, latent, pixel_law

__all__ = ["D2C_LATENTS", "D2C_OPTIONS", "SIDES", "STEPS"]

D2C_LATENTS: Final = ("noise", "clean")
SIDES: Final = ("minus", "plus")
"""Sides of a released boundary; see `boundary.BoundarySide`."""
STEPS: Final = 50
"""Calls of the denoiser by default. The paper uses 100."""

D2C_OPTIONS: Final = (
    latent(
        "For D2C: noise, which the diffusion turns into latents of the autoencoder; clean, these "
        "latents themselves, normalised: images can be encoded to them. auto: noise."
    ),
    WholeOption(
        "denoising_steps",
        "For D2C: the number of denoising steps (0 to 1000), for noise at every image, for "
        "clean latents when the prior is drawn from. The paper takes 100. 0: 50.",
        place=5,
        low=0,
        high=1000,
    ),
    RealOption(
        "denoising_eta",
        "For D2C: the randomness of the denoising steps (0 to 1). 0: none, a noise is one image; "
        "1: as DDPM, each image takes new draws.",
        place=6,
        low=0.0,
        high=1.0,
        step=0.05,
    ),
    pixel_law(""),
    image_size(
        "For D2C, 0: from the file where possible, else the authors' (`latentsteer inspect` "
        "prints it)."
    ),
    WholeOption(
        "bits",
        "For D2C: the bits per colour that images are encoded with (0 to 8), which the file does "
        "not say. 0: 5 for models of 256 pixels, 8 for those that halve the side once.",
        place=9,
        low=0,
        high=8,
    ),
)
"""The options of official D2C models."""
