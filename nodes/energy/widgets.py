"""What the energies' nodes share: they add by chaining."""

from ...core.energy import Energy
from ..host import io
from ..sockets import ENERGY

__all__ = ["added", "chained", "summed", "weight"]


def chained() -> io.Input:
    """An energy to add to."""
    return ENERGY.Input(
        "energy",
        optional=True,
        tooltip="An energy to add to this one. Chain as many as you like.",
    )


def summed() -> io.Output:
    """The sum."""
    return ENERGY.Output("sum", display_name="energy", tooltip="The sum. Lower is better.")


def weight(what: str, name: str = "weight", default: float = 1.0) -> io.Float.Input:
    """How much a term counts."""
    return io.Float.Input(
        name,
        default=default,
        min=0.0,
        max=1e6,
        step=0.01,
        tooltip=f"Weight of {what} in the sum (0 to 1e6).",
    )


def added(energy: Energy, chain: Energy | None) -> Energy:
    """The energy, after what it is chained to."""
    return energy if chain is None else chain + energy
