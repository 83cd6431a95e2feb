"""Inputs and outputs that the conditions share."""

from ..host import io
from ..sockets import CONDITION

__all__ = ["pair", "rows", "samples_per"]


def samples_per(what: str) -> io.Int.Input:
    """Widget: how many samples each prompt or image gives."""
    return io.Int.Input(
        f"samples_per_{what}",
        default=1,
        min=1,
        max=10000,
        tooltip=f"How many samples of each {what} (1 to 10000), consecutive in the batch.",
    )


def pair() -> list[io.Input]:
    """Sockets: two conditions to combine."""
    return [
        CONDITION.Input("first", tooltip="One row, or as many as the second has."),
        CONDITION.Input("second", tooltip="Of the same auxiliary model."),
    ]


def rows(tooltip: str = "One row per sample, in the order given.") -> io.Output:
    """Output: the condition, a row per sample."""
    return CONDITION.Output("condition", display_name="condition", tooltip=tooltip)
