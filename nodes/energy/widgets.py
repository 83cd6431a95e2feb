"""Inputs and outputs that the energies share. Energies add by chaining."""

from typing import get_args

from ...core.energies.prior import NoDensity
from ...core.energy import Energy
from ..host import io
from ..sockets import ENERGY
from ..widgets import advanced

__all__ = ["added", "chained", "no_density", "prior_std", "summed"]


def chained() -> io.Input:
    """Socket: an energy to add this one to."""
    return ENERGY.Input(
        "energy",
        optional=True,
        tooltip="An energy to add to this one. Chain as many as you like.",
    )


def summed() -> io.Output:
    """Output: the sum."""
    return ENERGY.Output("sum", display_name="energy", tooltip="The sum. Lower is better.")


def added(energy: Energy, chain: Energy | None) -> Energy:
    """The energy added to the one that it is chained to."""
    return energy if chain is None else chain + energy


def prior_std() -> io.Float.Input:
    """Widget: factor on the prior's standard deviations."""
    return advanced(
        io.Float.Input(
            "std",
            default=1.0,
            min=1e-3,
            max=1e3,
            step=0.01,
            tooltip="Factor on the standard deviations of the generator's own prior (0.001 to "
            "1000): 1 is that prior; where it is N(0, 1), this is nu of the paper, 0.7 "
            "for its NVAE. It does not affect classes.",
        )
    )


def no_density() -> io.Combo.Input:
    """Widget: what to do if the prior has no density."""
    return advanced(
        io.Combo.Input(
            "no_density",
            options=list(get_args(NoDensity)),
            default="refuse",
            tooltip="Where the prior has no density (latents w and w+ of a StyleGAN). refuse: "
            "raise an error. fitted Gaussian: pull towards a Gaussian with the means "
            "and deviations of 4096 mapped draws.",
        )
    )
