"""Inputs and outputs that the nodes of few-shot conditions share."""

from ..host import io
from ..sockets import FEW_SHOT
from ..widgets import advanced, seed

__all__ = ["few_shot_output", "few_shot_widgets"]


def few_shot_widgets(estimated: str) -> list[io.Input]:
    """Widgets: how a few-shot condition is trained.

    Args:
        estimated: what a share of 0 stands for.
    """
    return [
        io.Float.Input(
            "share",
            default=0.0,
            min=0.0,
            max=0.999,
            step=0.001,
            tooltip="Share of what is wanted among the latents that are to be sampled or edited "
            f"(0 to 0.999); 0: {estimated}.",
        ),
        io.Float.Input(
            "threshold",
            default=0.5,
            min=0.001,
            max=0.999,
            step=0.01,
            tooltip="Probability from which a latent counts as showing what is wanted (0.001 to "
            "0.999).",
        ),
        advanced(
            io.Float.Input(
                "ridge",
                default=0.0,
                min=0.0,
                max=1e6,
                step=1e-4,
                round=False,
                tooltip="Ridge of the logistic regression on standardised latents (0 to 1e6); 0: "
                "chosen by cross-validation.",
            )
        ),
        seed("the folds of the cross-validation", control=False, streams=""),
    ]


def few_shot_output() -> io.Output:
    """The condition."""
    return FEW_SHOT.Output(
        "few_shot",
        display_name="few-shot condition",
        tooltip="The probability that a latent shows what is wanted.",
    )
