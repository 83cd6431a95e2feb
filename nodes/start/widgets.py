"""Inputs and outputs that the starts share."""

from ...core.condition import Condition
from ..host import io
from ..sockets import ENERGY, LATENTS

__all__ = ["chosen_by", "latents", "samples", "samples_of"]


def samples(text: str) -> io.Int.Input:
    """Widget: how many samples; the text ends the tooltip."""
    return io.Int.Input(
        "samples",
        default=8,
        min=1,
        max=100000,
        tooltip=f"How many samples (1 to 100000){text}",
    )


def samples_of(condition: Condition | None, samples: int) -> int:
    """How many samples to start: the condition's rows if there are several, else the widget's."""
    return len(condition) if condition is not None and len(condition) > 1 else samples


def chosen_by() -> io.Input:
    """Socket: the energy that chooses among candidates."""
    return ENERGY.Input(
        "energy",
        optional=True,
        tooltip="Chooses the best candidate; needed with more than one.",
    )


def latents(tooltip: str = "The latents, one per sample.") -> io.Output:
    """Output: the latents of a start."""
    return LATENTS.Output("latents", display_name="latents", tooltip=tooltip)
