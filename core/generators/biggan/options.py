"""The options of BigGANs: truncation and epsilon."""

from ...checkpoints.options import Option, RealOption
from ..options import truncation

__all__ = ["BIGGAN_OPTIONS", "FOLDED"]

FOLDED = Option(
    "folded", "Whether to fold the networks into fewer operations: the same images, faster."
)
BIGGAN_OPTIONS = (
    truncation("BigGANs scale z, which is drawn within [-2, 2]."),
    RealOption(
        "eps",
        "For BigGANs: epsilon of the batch normalisation (0 to 0.1), which no file holds. 0: 1e-4 "
        "for weights converted from TensorFlow, else 1e-5. FuseDream and TR0N ran the converted "
        "ones with 1e-5.",
        place=4,
        low=0.0,
        high=0.1,
        step=1e-6,
        exact=True,
    ),
    FOLDED,
)
"""The options of all BigGAN generators."""
