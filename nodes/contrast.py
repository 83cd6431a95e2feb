"""Inputs of the nodes that contrast texts over pairs."""

from .host import io
from .sockets import AUXILIARY, CONDITION, GENERATOR, PAIRS
from .widgets import advanced

__all__ = ["contrasted_inputs", "instead_input", "sharpness_widget"]


def contrasted_inputs() -> list[io.Input]:
    """Inputs: pairs with their models, and what is wanted."""
    return [
        PAIRS.Input("pairs", tooltip="Pairs of this generator and auxiliary."),
        GENERATOR.Input("generator", tooltip="The generator of the latents."),
        AUXILIARY.Input("auxiliary", tooltip="The auxiliary of the conditions."),
        CONDITION.Input(
            "condition", tooltip="The wanted text or class; several rows are alternatives."
        ),
    ]


def instead_input() -> io.Input:
    """Input: what the images could show instead of what is wanted."""
    return CONDITION.Input(
        "instead",
        optional=True,
        tooltip="What the images could show instead, a row each; if left out, the average pair.",
    )


def sharpness_widget(usual: str) -> io.Input:
    """Widget: factor on the scores of texts.

    Args:
        usual: what follows "0 for that of the auxiliary's training" in its tooltip.
    """
    return advanced(
        io.Float.Input(
            "sharpness",
            default=0.0,
            min=0.0,
            max=10000.0,
            step=0.1,
            tooltip="Factor on the scores in the softmax over the texts (0 to 10000); 0 for that "
            f"of the auxiliary's training{usual}",
        )
    )
