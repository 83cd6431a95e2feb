"""The contract of refinement: a refiner binds an energy to a kernel, whose state never changes."""

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import NamedTuple, Protocol, TypeAlias, runtime_checkable

import torch
from jaxtyping import Float
from torch import Tensor

from ..chunking import ALL_AT_ONCE, Chunking
from ..energy import Energy
from ..rng import SampleRng
from ..snapshot import Memory, State
from ..spaces import Map

__all__ = [
    "Annealed",
    "Direction",
    "Field",
    "FieldValue",
    "Gradient",
    "Info",
    "Kernel",
    "Projection",
    "Refiner",
    "Rule",
    "Step",
    "descend",
    "gradient",
    "gradient_by_term",
    "row_norms",
]

NOTHING: Mapping[str, Tensor] = MappingProxyType({})
UNWEIGHTED: Mapping[str, float] = MappingProxyType({})


class FieldValue(NamedTuple):
    """The value of a field at some points.

    Attributes:
        vector: vector to descend along.
        energy: energy per sample.
        terms: single terms of the energy, per sample, unweighted; optional.
        weights: the weight of each of them in the energy; optional.
    """

    vector: Tensor
    energy: Tensor
    terms: Mapping[str, Tensor] = NOTHING
    weights: Mapping[str, float] = UNWEIGHTED


Field: TypeAlias = Callable[[Tensor, SampleRng], tuple[Tensor, Tensor] | FieldValue]
"""A descent direction: maps points to vectors and energies, optionally with the terms."""


@dataclass(frozen=True)
class Annealed:
    """A field that changes during a run.

    Attributes:
        at: maps the number of a step, counted from 0, to the field of that step.
    """

    at: Callable[[int], Field]


@runtime_checkable
class Direction(Protocol):
    """Turns an energy on latents into a field.

    A frozen dataclass: its compared fields are part of a run's identity, see
    `core.identity.identity_of`.
    """

    def field(self, energy: Energy, chunking: Chunking) -> Field | Annealed:
        """Returns the field of an energy on latents, evaluated in chunks."""
        ...


class Step(NamedTuple):
    """The step at which a rule is called.

    Attributes:
        number: number of the step, from 0.
        position: position before the step, (batch, dim).
        rng: random streams of the samples.
    """

    number: int
    position: Tensor
    rng: SampleRng


@runtime_checkable
class Rule(Protocol):
    """Turns a direction into a displacement.

    A frozen dataclass: its compared fields are part of a run's identity, see
    `core.identity.identity_of`. Deterministic rules ignore the streams.
    """

    def init(self, position: Tensor) -> Memory:
        """Returns the memory before the first step, at a position (batch, dim)."""
        ...

    def update(self, vector: Tensor, memory: Memory, step: Step) -> tuple[Tensor, Memory]:
        """Returns the displacement (batch, dim) along -vector, and the memory after the step."""
        ...


class Info(NamedTuple):
    """Values that a step evaluated.

    Attributes:
        energy: energy per sample at the position that the step started from.
        gradient_norm: norm of the direction there, per sample.
        terms: single terms of the energy, per sample, where the field has them.
        weights: the weight of each of them, where the field has them.
    """

    energy: Tensor
    gradient_norm: Tensor
    terms: Mapping[str, Tensor] = NOTHING
    weights: Mapping[str, float] = UNWEIGHTED


class Kernel(NamedTuple):
    """One step of a refiner that is bound to an energy.

    Attributes:
        init: maps a position to the first state.
        step: maps (state, streams) to (next state, evaluated values).
    """

    init: Callable[[Tensor], State]
    step: Callable[[State, SampleRng], tuple[State, Info]]


Projection: TypeAlias = Callable[[Tensor], Tensor]
"""Projects points onto the allowed ones, row by row."""


@runtime_checkable
class Refiner(Protocol):
    """An algorithm that moves latents: a direction with a rule, or a search.

    A frozen dataclass: its compared fields are part of a run's identity, see
    `core.identity.identity_of`.
    """

    def bind(
        self, energy: Energy, chart: Map, chunking: Chunking, project: Projection | None = None
    ) -> Kernel:
        """Returns the kernel that lowers an energy.

        Args:
            energy: energy on the source of the chart.
            chart: chart of the latents; its blocks have roles.
            chunking: how many samples the networks see at a time.
            project: projection onto the allowed points, applied to the position after each step.
        """
        ...


def gradient(
    energy: Energy, chunking: Chunking = ALL_AT_ONCE
) -> Callable[[Tensor, SampleRng], tuple[Tensor, Tensor]]:
    """Returns the gradient field of an energy on a latent space, which rules descend along.

    Args:
        energy: on latents.
        chunking: how many samples the networks see at a time.
    """
    whole = gradient_by_term(energy, chunking)

    def field(v: Tensor, rng: SampleRng) -> tuple[Tensor, Tensor]:
        value = whole(v, rng)
        return value.vector, value.energy

    return field


def gradient_by_term(
    energy: Energy, chunking: Chunking
) -> Callable[[Tensor, SampleRng], FieldValue]:
    """Returns the gradient of an energy, with the values of its terms.

    Where samples are coupled and the energy can be decoupled (see `Energy.decoupled_at`), the
    gradient is exact although it is computed in chunks.

    Args:
        energy: on latents.
        chunking: how many samples the networks see at a time.
    """
    names = energy.names()

    def field(v: Tensor, rng: SampleRng) -> FieldValue:
        decoupled = energy.decoupled_at(v, rng, chunking)
        weights: list[float] = []

        def rows(v: Tensor, rng: SampleRng) -> tuple[Tensor, ...]:
            leaf = v.detach().requires_grad_()
            with torch.enable_grad():
                readings = list(decoupled.read(leaf, rng))
                weighted = [reading.weight * reading.values for reading in readings]
                # Summed in the order of Energy.__call__.
                values = sum(weighted[1:], start=weighted[0])
                weights[:] = [reading.weight for reading in readings]
                (vector,) = torch.autograd.grad(values.sum(), leaf)
            return vector, values.detach(), *(reading.values.detach() for reading in readings)

        allowed = decoupled.chunking(chunking)
        vector, values, *terms = allowed.apply_random(rows, v, rng)
        shares = dict(zip(names, weights, strict=True))
        return FieldValue(vector, values, dict(zip(names, terms, strict=True)), shares)

    return field


@dataclass(frozen=True)
class Gradient:
    """The gradient of the energy, which rules descend along.

    Attributes:
        by_term: whether the field has the terms of the energy too; the gradient is the same.
    """

    by_term: bool = dataclasses.field(default=False, compare=False)

    def field(self, energy: Energy, chunking: Chunking) -> Field:
        """See `gradient`."""
        return (gradient_by_term if self.by_term else gradient)(energy, chunking)


def row_norms(vectors: Float[Tensor, "batch dim"]) -> Float[Tensor, " batch"]:
    """Returns the norm of each row, bitwise independent of the other rows."""
    return torch.stack([torch.linalg.vector_norm(row) for row in vectors])


def descend(field: Field | Annealed, rule: Rule, *, project: Projection | None = None) -> Kernel:
    """Returns the kernel that moves along -field by a rule and then projects."""

    def init(position: Tensor) -> State:
        return State(position, rule.init(position), 0)

    def step(state: State, rng: SampleRng) -> tuple[State, Info]:
        now = field.at(state.step) if isinstance(field, Annealed) else field
        found = now(state.position, rng)
        whole = found if isinstance(found, FieldValue) else FieldValue(*found)
        vector, energy, terms, weights = whole
        at = Step(state.step, state.position, rng)
        displacement, memory = rule.update(vector, state.memory, at)
        position = state.position + displacement
        if project is not None:
            position = project(position)
        info = Info(energy, row_norms(vector), terms, weights)
        return State(position, memory, state.step + 1), info

    return Kernel(init, step)
