"""Inputs of the first-order refiners."""

from ..host import io
from ..running import clamp_widget, preview_every, resume_widget
from ..sockets import ENERGY, GENERATOR, LATENTS
from ..widgets import advanced, chunk, seed

__all__ = ["first_inputs", "learning_rate", "momentum", "shared_inputs"]


def first_inputs() -> list[io.Input]:
    """Inputs: what to refine."""
    return [
        GENERATOR.Input("generator", tooltip="The generator that the latents belong to."),
        LATENTS.Input(
            "start", display_name="latents", tooltip="Where to start, or an interrupted run."
        ),
        ENERGY.Input("energy", tooltip="What to lower. Weight and sum energies by chaining."),
        seed("the noise and of random energies"),
    ]


def learning_rate(default: float, most: float, step: float, tooltip: str) -> io.Float.Input:
    """Widget: the learning rate.

    Args:
        default: default.
        most: largest.
        step: step of the canvas.
        tooltip: what it is.
    """
    return io.Float.Input(
        "learning_rate",
        default=default,
        min=1e-9,
        max=most,
        step=step,
        round=False,
        tooltip=tooltip,
    )


def momentum(default: float, uses: str = "") -> io.Float.Input:
    """Widget: the momentum.

    Args:
        default: default.
        uses: sentence on the values that papers use.
    """
    what = "Fraction of the last step's direction that is kept (0 to 0.9999)."
    return advanced(
        io.Float.Input(
            "momentum",
            default=default,
            min=0.0,
            max=0.9999,
            step=0.01,
            tooltip=f"{what} {uses}".rstrip(),
        )
    )


def _released() -> list[io.Input]:
    """Widgets: differences of FuseDream's released code from its paper."""
    return [
        advanced(
            io.Float.Input(
                "latent_noise",
                default=0.0,
                min=0.0,
                max=10.0,
                step=0.001,
                round=False,
                tooltip="Standard deviation of noise on the rendered latents, fresh at every "
                "step (0 to 10). FuseDream's paper has none, its released code 0.01.",
            )
        ),
        advanced(
            io.Combo.Input(
                "returned",
                options=["last", "last but one"],
                default="last",
                tooltip="Which latents to end with. last but one: the second to last, those "
                "before the last step, as FuseDream's released code does.",
            )
        ),
    ]


TR0N_LIMITS = "as in the paper. The released code uses 1"


def shared_inputs(clip_norm: float = 0.0, limits: str = TR0N_LIMITS) -> list[io.Input]:
    """Widgets: how to refine.

    Args:
        clip_norm: default of the limit of a gradient's norm.
        limits: which limits papers use, after "0 for no limit".
    """
    return [
        advanced(
            io.Float.Input(
                "clip_norm",
                default=clip_norm,
                min=0.0,
                max=1e6,
                step=0.1,
                tooltip=f"Largest gradient norm of a sample (0 to 1e6); 0 for no limit, {limits}.",
            )
        ),
        clamp_widget(),
        advanced(
            io.Boolean.Input(
                "keep_best",
                default=False,
                tooltip="End each sample at its point of lowest energy instead of its last "
                "point. The result is then not a sample of the energy's distribution.",
            )
        ),
        chunk(),
        preview_every(),
        resume_widget(),
        *_released(),
    ]
