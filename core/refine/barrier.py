"""The dynamic barrier of FuseDream's composed generation: a primary and a secondary objective."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from dataclasses import field as attribute
from functools import partial
from typing import Literal, TypeAlias, get_args

import torch
from jaxtyping import Float, Int
from torch import Tensor

from ..chunking import Chunking
from ..energy import Energy
from ..errors import InvalidInput
from ..rng import SampleRng
from ..terms import Term
from .kernel import Field

__all__ = ["Barrier", "DynamicBarrier", "Method", "Watch", "combined", "falls"]

Method: TypeAlias = Literal["bi-level", "linear", "inverse bi-level", "primary only"]
Watch: TypeAlias = Callable[[Tensor], None]
Vectors = Float[Tensor, "batch dim"]


def _ignored(values: Tensor) -> None:
    """Ignores the values."""


@dataclass(frozen=True)
class Barrier:
    """The weighing of a primary energy E = -s against a secondary loss l.

    Attributes:
        method: `bi-level` (FuseDream eq. 5, solved by eq. 6), `linear` (its eq. 7),
            `inverse bi-level` (its eq. 8, with the roles exchanged), or `primary only`.
        beta: beta of eq. (6), at least 0: rate at which the primary falls, in units of its squared
            gradient. The paper uses 1. Only the two bi-level methods use it.
        weight: lambda of eq. (7), in [0, 1]: share of the primary. Only `linear` uses it.
        unit: factor on l, above 0. The paper uses LPIPS unscaled: 1. The guarantee of the barrier
            holds for any unit, but Adam normalises the step length, so that a secondary much
            steeper than the primary leaves little of a step to the primary.

    Raises:
        InvalidInput: an unknown method, or a number outside its range.
    """

    method: Method = "bi-level"
    beta: float = 1.0
    weight: float = 0.5
    unit: float = 1.0

    def __post_init__(self) -> None:
        if self.method not in get_args(Method):
            raise InvalidInput(
                f"Method {self.method!r}; expected one of {', '.join(get_args(Method))}."
            )
        if not 0 <= self.beta < math.inf:
            raise InvalidInput(f"beta is {self.beta}; expected a number of at least 0.")
        if not 0 <= self.weight <= 1:
            raise InvalidInput(f"The linear weight lambda is {self.weight}; expected 0 to 1.")
        if not 0 < self.unit < math.inf:
            raise InvalidInput(
                f"The secondary is multiplied by {self.unit}; expected a number above 0. To leave "
                "it out choose the method 'primary only'."
            )


PAPER = Barrier()
"""The paper's weighing."""


def combined(settings: Barrier, primary: Vectors, secondary: Vectors) -> Vectors:
    """Returns the descent vector v of FuseDream eq. (6) or of an ablation, row by row.

    With s = -E, eq. (6) is v = grad l + lam grad E with lam = max((beta |grad E|^2 - <grad l, grad
    E>) / |grad E|^2, 0), so that <grad E, v> >= beta |grad E|^2: a small step along -v never
    raises E. (The paper's text says that s "decreases"; it is E = -s that does.) The products run
    over all numbers of a row. Where grad E = 0 the ratio is undefined and v = grad l. In all of
    this l is multiplied by its unit.

    Args:
        settings: method and its parameters.
        primary: gradient of E.
        secondary: gradient of l.
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
    """Returns second + lam first, with lam >= 0 as in eq. (6)."""
    # The unit vector is used because the square of a small gradient underflows in float32.
    largest = first.abs().amax(dim=1, keepdim=True)
    scaled = first / torch.where(largest > 0, largest, 1)
    length = scaled.norm(dim=1, keepdim=True)
    unit = scaled / torch.where(length > 0, length, 1)
    missing = beta * largest * length - (second * unit).sum(dim=1, keepdim=True)
    return second + missing.clamp_min(0) * unit


@dataclass(frozen=True)
class DynamicBarrier:
    """Direction of two objectives, both computed from one evaluation of what they share.

    The secondary is one of the terms of the refined energy, with weight 0: the energy is then the
    primary alone, and a trace records both. All other terms form the primary.

    Attributes:
        secondary: l, the same object that the energy contains.
        weighing: weighing of both; the paper's by default.
        compared_by: id of the model that the secondary uses, for the identity of the run: the
            signature of the energy contains only its name.
        watch: called at each evaluation with l of each sample.
    """

    secondary: Term = attribute(compare=False)
    weighing: Barrier = PAPER
    compared_by: str = ""
    watch: Watch = attribute(default=_ignored, compare=False)

    def field(self, energy: Energy, chunking: Chunking) -> Field:
        """Returns the field of an energy; see `Direction`.

        Raises:
            InvalidInput: the energy does not contain the secondary, or contains nothing else.
        """
        _check(energy, self.secondary)
        allowed = energy.chunking(chunking)

        def vectors(v: Tensor, rng: SampleRng) -> tuple[Tensor, Tensor]:
            vector, values, second = allowed.apply_random(partial(self._rows, energy), v, rng)
            self.watch(second)
            return vector, values

        return vectors

    def _rows(self, energy: Energy, v: Tensor, rng: SampleRng) -> tuple[Tensor, Tensor, Tensor]:
        leaf = v.detach().requires_grad_()
        with torch.enable_grad():
            first, second = _both(energy, self.secondary, leaf, rng)
            alone = self.weighing.method == "primary only"
            (down,) = torch.autograd.grad(first.sum(), leaf, retain_graph=not alone)
            vector = down
            if not alone:
                (other,) = torch.autograd.grad(second.sum(), leaf)
                vector = combined(self.weighing, down, other)
        return vector, first.detach(), second.detach()


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
            f"A barrier needs an energy that contains its secondary term ({secondary}) once and a "
            f"primary; got {energy}. Add the secondary with weight 0."
        )


def falls(energies: Float[Tensor, "points batch"]) -> Int[Tensor, " batch"]:
    """Counts the steps in which s = -E of each sample fell, which eq. (6) should prevent.

    Finite steps, Adam, and views that differ between steps can all make it fall.

    Args:
        energies: E at each point of the run, as in its trace.
    """
    return (energies[1:] > energies[:-1]).sum(dim=0)
