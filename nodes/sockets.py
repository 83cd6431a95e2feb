"""Socket types: LatentSteer's, and those of ComfyUI's own models, which its loaders make."""

from .host import io

__all__ = [
    "AUXILIARY",
    "CONDITION",
    "CONDITIONING",
    "DIRECTION",
    "ENERGY",
    "FEW_SHOT",
    "GENERATOR",
    "LATENT",
    "LATENTS",
    "MODEL",
    "NOISE",
    "PAIRS",
    "PRIOR",
    "SIGMAS",
    "TRACE",
    "TRANSLATOR",
    "VAE",
]

GENERATOR = io.Custom("LATENTSTEER_GENERATOR")
AUXILIARY = io.Custom("LATENTSTEER_AUXILIARY")
CONDITION = io.Custom("LATENTSTEER_CONDITION")
ENERGY = io.Custom("LATENTSTEER_ENERGY")
LATENTS = io.Custom("LATENTSTEER_LATENTS")
PAIRS = io.Custom("LATENTSTEER_PAIRS")
TRANSLATOR = io.Custom("LATENTSTEER_TRANSLATOR")
TRACE = io.Custom("LATENTSTEER_TRACE")
DIRECTION = io.Custom("LATENTSTEER_DIRECTION")
PRIOR = io.Custom("LATENTSTEER_PRIOR")
FEW_SHOT = io.Custom("LATENTSTEER_FEW_SHOT")
MODEL = io.Custom("MODEL")
VAE = io.Custom("VAE")
CONDITIONING = io.Custom("CONDITIONING")
SIGMAS = io.Custom("SIGMAS")
NOISE = io.Custom("NOISE")
LATENT = io.Custom("LATENT")
