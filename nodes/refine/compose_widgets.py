"""Inputs and outputs of Compose Fuse alone."""

from ...core.composition.placement import ALL_PLACES, PLACES, SCALES
from ..host import io
from ..sockets import LATENTS, TRACE
from ..widgets import advanced

__all__ = ["composition_outputs", "objectives", "where"]


def objectives() -> list[io.Input]:
    """Widgets: the weighing of the energy and the similarity of both images."""
    return [
        io.Combo.Input(
            "method",
            options=["bi-level", "linear", "inverse bi-level", "primary only"],
            default="bi-level",
            tooltip="bi-level: the energy first; the two images become similar as far as that "
            "does not raise it (equation 6). The others are the paper's ablations: a "
            "weighted sum (7), the roles exchanged (8), the energy alone.",
        ),
        advanced(
            io.Float.Input(
                "beta",
                default=1.0,
                min=0.0,
                max=1e3,
                step=0.1,
                tooltip="How fast the energy must fall, in units of its squared gradient (0 to "
                "1e3); the paper uses 1. For the two bi-level methods only.",
            )
        ),
        advanced(
            io.Float.Input(
                "linear_weight",
                default=0.5,
                min=0.0,
                max=1.0,
                step=0.1,
                tooltip="lambda, the energy's share of the sum (0 to 1). For linear only.",
            )
        ),
        advanced(
            io.Float.Input(
                "secondary_weight",
                default=1.0,
                min=1e-6,
                max=1e6,
                step=0.01,
                tooltip="Factor on the difference of the two images (1e-6 to 1e6): 1 for LPIPS, "
                "as in the paper. A CLIP's features differ about ten times more: 0.1.",
            )
        ),
    ]


def where() -> list[io.Input]:
    """Widgets: where the foreground is tried, and how it is pasted."""
    return [
        advanced(
            io.String.Input(
                "scales",
                default=", ".join(f"{scale:g}" for scale in SCALES),
                tooltip="Sides of the foreground relative to those of the background, above 0 and "
                "below 1, separated by commas. Each is tried at every place.",
            )
        ),
        io.Combo.Input(
            "places",
            options=[ALL_PLACES, *PLACES],
            default=ALL_PLACES,
            tooltip="Where the foreground is tried; the best by the energy is kept. Every place "
            "and scale is a separate run: nine places at two scales cost 18 times one.",
        ),
        io.Combo.Input(
            "blend",
            options=["Poisson", "none"],
            default="Poisson",
            tooltip="Poisson: the foreground's gradients with the background's colours around "
            "them, which leaves no seam. none: as pasted.",
        ),
    ]


def composition_outputs() -> list[io.Output]:
    """What comes of it."""
    return [
        io.Image.Output(
            "images", display_name="images", tooltip="Each sample at its best placement."
        ),
        io.Mask.Output(
            "mask", display_name="mask", tooltip="Region of the foreground: 1 inside, 0 outside."
        ),
        LATENTS.Output(
            "front",
            display_name="foreground",
            tooltip="Latents of the foregrounds at the best placements.",
        ),
        LATENTS.Output(
            "back",
            display_name="background",
            tooltip="Latents of the backgrounds at the best placements.",
        ),
        io.String.Output(
            "placement",
            display_name="placement",
            tooltip="Scale and place of each sample, one per line.",
        ),
        TRACE.Output(
            "trace",
            display_name="trace",
            tooltip="Energies of every step, a column per placement of each sample; and the "
            "difference of foreground and background before and after.",
        ),
    ]
