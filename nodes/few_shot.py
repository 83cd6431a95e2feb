"""Inputs that the nodes on few-shot conditions share."""

from .host import io
from .sockets import FEW_SHOT, PRIOR
from .widgets import advanced

__all__ = ["correction_widgets", "eta", "few_shot_socket", "prior", "prior_steps"]


def few_shot_socket() -> io.Input:
    """Socket: the few-shot condition."""
    return FEW_SHOT.Input(
        "condition", tooltip="What the images should show; of this generator's latents."
    )


def prior(tooltip: str, *, optional: bool = False) -> io.Input:
    """Socket: the diffusion prior."""
    return PRIOR.Input("prior", optional=optional, tooltip=tooltip)


def prior_steps() -> io.Int.Input:
    """Widget: calls of the denoiser per draw."""
    return io.Int.Input(
        "steps",
        default=50,
        min=1,
        max=10000,
        tooltip="Steps of the diffusion prior per draw (1 to 10000), at most its noise levels; "
        "the paper uses 100.",
    )


def eta() -> io.Float.Input:
    """Widget: noise of DDIM."""
    return advanced(
        io.Float.Input(
            "eta",
            default=0.0,
            min=0.0,
            max=1.0,
            step=0.05,
            tooltip="Noise of the diffusion's steps (0 to 1): 0 is DDIM, 1 is DDPM.",
        )
    )


def correction_widgets() -> list[io.Input]:
    """Widgets: the correction by the prior after a move."""
    return [
        advanced(
            io.Int.Input(
                "correction",
                default=50,
                min=0,
                max=100000,
                tooltip="Time up to which the correction adds noise (0 to 100000), below the "
                "prior's noise levels, mostly 1000: higher ones repair more and keep less. The "
                "released code uses 50.",
            )
        ),
        advanced(
            io.Int.Input(
                "calls",
                default=2,
                min=1,
                max=10000,
                tooltip="Calls of the denoiser for a correction (1 to 10000); the released code "
                "uses 2, at the times 50 and 0.",
            )
        ),
    ]
