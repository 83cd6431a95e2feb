"""All nodes, in the order in which the canvas lists them."""

from . import (
    condition,
    condition_mix,
    condition_text,
    decode,
    energy,
    energy_clip,
    energy_perceptual,
    initialise,
    inversion,
    latents,
    load,
    load_aux,
    ranking,
    reference,
    refine,
    report,
    train,
)

__all__ = ["ALL_NODES"]

ALL_NODES = [
    *load.NODES,
    *load_aux.NODES,
    *reference.NODES,
    *condition.NODES,
    *condition_text.NODES,
    *condition_mix.NODES,
    *energy.NODES,
    *energy_clip.NODES,
    *energy_perceptual.NODES,
    *train.NODES,
    *initialise.NODES,
    *inversion.NODES,
    *refine.NODES,
    *decode.NODES,
    *latents.NODES,
    *ranking.NODES,
    *report.NODES,
]
