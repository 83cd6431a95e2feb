"""All nodes, in the order in which the canvas lists them."""

from .condition import classes as condition
from .condition import clip as condition_text
from .condition import mix as condition_mix
from .defaults import with_defaults
from .energy import classes as energy
from .energy import clip as energy_clip
from .energy import direction as energy_direction
from .energy import discriminator as energy_discriminator
from .energy import masked as energy_masked
from .energy import perceptual as energy_perceptual
from .latents import best as ranking
from .latents import decode
from .latents import keep as latents
from .latents import mix as latent_mix
from .load import auxiliary as load_aux
from .load import conditional, image_set, reference
from .load import generator as load
from .refine import cma_es as evolve
from .refine import compose, krr, pixels
from .refine import descent as refine
from .report import clip_score as score
from .report import evaluate as report
from .start import basis, inversion
from .start import candidates as initialise
from .train import translator as train

__all__ = ["ALL_NODES"]

_NODES = [
    *load.NODES,
    *conditional.NODES,
    *load_aux.NODES,
    *reference.NODES,
    *image_set.NODES,
    *condition.NODES,
    *condition_text.NODES,
    *condition_mix.NODES,
    *energy.NODES,
    *energy_clip.NODES,
    *energy_perceptual.NODES,
    *energy_discriminator.NODES,
    *energy_direction.NODES,
    *energy_masked.NODES,
    *train.NODES,
    *initialise.NODES,
    *basis.NODES,
    *inversion.NODES,
    *refine.NODES,
    *krr.NODES,
    *evolve.NODES,
    *compose.NODES,
    *decode.NODES,
    *latents.NODES,
    *latent_mix.NODES,
    *ranking.NODES,
    *pixels.NODES,
    *score.NODES,
    *report.NODES,
]

ALL_NODES = [with_defaults(node) for node in _NODES]
