"""All nodes, in the order in which the canvas lists them."""

from . import condition, decode, energy, initialise, latents, load, refine, report, train

__all__ = ["ALL_NODES"]

ALL_NODES = [
    *load.NODES,
    *condition.NODES,
    *energy.NODES,
    *train.NODES,
    *initialise.NODES,
    *refine.NODES,
    *decode.NODES,
    *latents.NODES,
    *report.NODES,
]
