"""The inputs and outputs of Compose Fuse that are its own."""

from ...core.composition.placement import ALL_PLACES, PLACES, SCALES
from ..host import io
from ..sockets import LATENTS, TRACE
from ..widgets import advanced

__all__ = ["composition_outputs", "objectives", "where"]


def objectives() -> list[io.Input]:
    """How the energy and the likeness of both images are weighed."""
    return [
        io.Combo.Input(
            "method",
            options=["bi-level", "linear", "inverse bi-level", "primary only"],
            default="bi-level",
            tooltip="bi-level: the energy first; the two images grow alike as far as that does "
            "not raise it (equation 6). The others are the paper's ablations: a weighted sum "
            "(7), the roles changed (8), the energy alone.",
        ),
        advanced(
            io.Float.Input(
                "beta",
                default=1.0,
                min=0.0,
                max=1e3,
                step=0.1,
                tooltip="How fast the energy must fall, in units of its own slope (0 to 1e3); the "
                "paper takes 1. No effect but in the two bi-level methods.",
            )
        ),
        advanced(
            io.Float.Input(
                "linear_weight",
                default=0.5,
                min=0.0,
                max=1.0,
                step=0.1,
                tooltip="lambda, the energy's share of the sum (0 to 1). No effect but in linear.",
            )
        ),
        advanced(
            io.Float.Input(
                "secondary_weight",
                default=1.0,
                min=1e-6,
                max=1e6,
                step=0.01,
                tooltip="What the difference of the two images is multiplied by (1e-6 to 1e6): 1 "
                "for LPIPS, as in the paper. A CLIP's features differ some ten times more: 0.1.",
            )
        ),
    ]


def where() -> list[io.Input]:
    """Where the foreground is tried, and how it is pasted."""
    return [
        io.String.Input(
            "scales",
            default=", ".join(f"{scale:g}" for scale in SCALES),
            tooltip="Sides of the foreground over those of the background, above 0 and below 1, "
            "separated by commas. Each is tried at every place.",
        ),
        io.Combo.Input(
            "places",
            options=[ALL_PLACES, *PLACES],
            default=ALL_PLACES,
            tooltip="Where the foreground is tried; the best by the energy is kept. Every place "
            "and scale is a run of its own: nine places at two scales cost 18 times one.",
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
            "images", display_name="images", tooltip="Every sample at its best placement."
        ),
        io.Mask.Output(
            "mask", display_name="mask", tooltip="Where the foreground lies, 1 inside, 0 outside."
        ),
        LATENTS.Output(
            "front",
            display_name="foreground",
            tooltip="The foregrounds' latents of the best placements.",
        ),
        LATENTS.Output(
            "back",
            display_name="background",
            tooltip="The backgrounds' latents of the best placements.",
        ),
        io.String.Output(
            "placement",
            display_name="placement",
            tooltip="Scale and place of every sample, a line each.",
        ),
        TRACE.Output(
            "trace",
            display_name="trace",
            tooltip="Energies of every step, a column per placement of every sample; and how "
            "unlike foreground and background were and are.",
        ),
    ]
