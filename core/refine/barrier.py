"""Two objectives in an order: the dynamic barrier of FuseDream's composed generation."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, TypeAlias, get_args

import torch
from jaxtyping import Float, Int
from torch import Tensor

from ..chunking import Chunking
from ..energy import Energy
from ..errors import InvalidInput
from ..rng import SampleRng
from ..terms import Term
from .kernel import Direction, Field

__all__ = ["Barrier", "Method", "Watch", "barrier", "combined", "falls"]

Method: TypeAlias = Literal["bi-level", "linear", "inverse bi-level", "primary only"]
Watch: TypeAlias = Callable[[Tensor], None]
Vectors = Float[Tensor, "batch dim"]


@dataclass(frozen=True)
class Barrier:
    """How a primary energy E = -s and a secondary loss l are weighed against each other.

    Attributes:
        method: `bi-level` (FuseDream eq. 5 by eq. 6), `linear` (its eq. 7), `inverse bi-level`
            (its eq. 8: the roles changed), or `primary only`.
        beta: of eq. (6), at least 0: how fast the primary falls, in units of its own gradient. The
            paper takes 1. No effect but in the two bi-level methods.
        weight: lambda of eq. (7), in [0, 1]: the primary's share. No effect but in `linear`.
        unit: what l is multiplied by, above 0. The paper leaves LPIPS as it is: 1. What the
            barrier promises holds for any; but under Adam, whose steps are of one length, a
            secondary much steeper than the primary leaves little of a step to the primary.

    Raises:
        InvalidInput: an unknown method, or a number outside its range.
    """

    method: Method = "bi-level"
    beta: float = 1.0
    weight: float = 0.5
    unit: float = 1.0

    def __post_init__(self) -> None:
        if self.method not in get_args(Method):
            raise InvalidInput(f"Method {self.method!r}; there are {', '.join(get_args(Method))}.")
        if not 0 <= self.beta < math.inf:
            raise InvalidInput(f"beta is {self.beta}; expected a number of at least 0.")
        if not 0 <= self.weight <= 1:
            raise InvalidInput(f"The linear weight lambda is {self.weight}; expected 0 to 1.")
        if not 0 < self.unit < math.inf:
            raise InvalidInput(
                f"The secondary is multiplied by {self.unit}; expected a number above 0. To leave "
                "it out choose the method 'primary only'."
            )


def combined(settings: Barrier, primary: Vectors, secondary: Vectors) -> Vectors:
    """What is descended along: v of FuseDream eq. (6), or an ablation's, row by row.

    With s = -E, eq. (6) is v = grad l + lam grad E with
    lam = max((beta |grad E|^2 - <grad l, grad E>) / |grad E|^2, 0), so that
    <grad E, v> >= beta |grad E|^2: a small step along -v never raises E. (The paper's text says
    that s "decreases"; it is E = -s that does.) The products run over all numbers of a row. Where
    grad E = 0 the ratio says nothing and v = grad l. All with l times its unit.

    Args:
        settings: which, and with what numbers.
        primary: grad E.
        secondary: grad l.
    """
    if settings.method == "primary only":
        return primary
    secondary = settings.unit * secondary
    if settings.method == "linear":
        return settings.weight * primary + (1 - settings.weight) * secondary
    if settings.method == "inverse bi-level":
        return _lifted(secondary, primary, settings.beta)
    return _lifted(primary, secondary, settings.beta)


def _lifted(first: Tensor, second: Tensor, beta: float) -> Tensor:
    """The second vector, with as much of the first as makes their product beta |first|^2."""
    # By the unit vector: the square of a small gradient is 0 in float32.
    largest = first.abs().amax(dim=1, keepdim=True)
    scaled = first / torch.where(largest > 0, largest, 1)
    length = scaled.norm(dim=1, keepdim=True)
    unit = scaled / torch.where(length > 0, length, 1)
    missing = beta * largest * length - (second * unit).sum(dim=1, keepdim=True)
    return second + missing.clamp_min(0) * unit


def barrier(
    secondary: Term, settings: Barrier | None = None, *, watch: Watch = lambda values: None
) -> Direction:
    """The direction of two objectives, both seen in one evaluation of what they share.

    The secondary is one of the terms of the energy that is refined: there with weight 0, so that
    the energy is the primary's alone and a trace tells both. All other terms are the primary.

    Args:
        secondary: l, the very term that the energy holds.
        settings: how both are weighed; the paper's by default.
        watch: called at each evaluation with l of every sample.
    """
    chosen = settings or Barrier()

    def direction(energy: Energy, chunking: Chunking) -> Field:
        _check(energy, secondary)
        allowed = energy.chunking(chunking)

        def rows(v: Tensor, rng: SampleRng) -> tuple[Tensor, Tensor, Tensor]:
            leaf = v.detach().requires_grad_()
            with torch.enable_grad():
                first, second = _both(energy, secondary, leaf, rng)
                alone = chosen.method == "primary only"
                (down,) = torch.autograd.grad(first.sum(), leaf, retain_graph=not alone)
                vector = down
                if not alone:
                    (other,) = torch.autograd.grad(second.sum(), leaf)
                    vector = combined(chosen, down, other)
            return vector, first.detach(), second.detach()

        def field(v: Tensor, rng: SampleRng) -> tuple[Tensor, Tensor]:
            vector, values, second = allowed.apply_random(rows, v, rng)
            watch(second)
            return vector, values

        return field

    return direction


def _both(
    energy: Energy, secondary: Term, v: Tensor, rng: SampleRng
) -> tuple[Float[Tensor, " batch"], Float[Tensor, " batch"]]:
    first, second = v.new_zeros(len(v)), v.new_zeros(len(v))
    for reading in energy.read(v, rng):
        if reading.term is secondary:
            second = second + reading.values
        else:
            first = first + reading.weight * reading.values
    return first, second


def _check(energy: Energy, secondary: Term) -> None:
    own = [leaf for leaf in energy.leaves() if leaf is secondary]
    others = [leaf for leaf in energy.leaves() if leaf is not secondary]
    if len(own) != 1 or not others:
        raise InvalidInput(
            f"A barrier needs an energy that holds its secondary term ({secondary}) once and a "
            f"primary beside it; got {energy}. Add the secondary with weight 0."
        )


def falls(energies: Float[Tensor, "points batch"]) -> Int[Tensor, " batch"]:
    """In how many steps of a run every sample's primary s = -E fell, which eq. (6) should prevent.

    Steps of finite size, Adam, and views that differ from step to step all make it fall at times.

    Args:
        energies: E at every point of the run, as in its trace.
    """
    return (energies[1:] > energies[:-1]).sum(dim=0)
