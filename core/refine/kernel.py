"""The contract of refinement: a refiner binds an energy to a kernel, whose state never changes."""

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


class FieldValue(NamedTuple):
    """The value of a field at some points.

    Attributes:
        vector: to descend along.
        energy: per sample.
        terms: the energy's single terms, per sample and without their weights; optional.
    """

    vector: Tensor
    energy: Tensor
    terms: Mapping[str, Tensor] = NOTHING


Field: TypeAlias = Callable[[Tensor, SampleRng], tuple[Tensor, Tensor] | FieldValue]
"""A direction to descend along: from points to (vectors, energies), optionally with the terms."""


@dataclass(frozen=True)
class Annealed:
    """A field that changes during a run.

    Attributes:
        at: from the number of a step, counted from 0, to the field of that step.
    """

    at: Callable[[int], Field]


@runtime_checkable
class Direction(Protocol):
    """How an energy on latents becomes a field.

    A frozen dataclass: its compared fields are part of a run's identity, see
    `core.identity.identity_of`.
    """

    def field(self, energy: Energy, chunking: Chunking) -> Field | Annealed:
        """The field of an energy on latents, with as many samples at a time as the chunking."""
        ...


class Step(NamedTuple):
    """The step at which a rule is called.

    Attributes:
        number: of the step, from 0.
        position: (batch, dim), before the step.
        rng: the samples' streams.
    """

    number: int
    position: Tensor
    rng: SampleRng


@runtime_checkable
class Rule(Protocol):
    """How a direction becomes a displacement.

    A frozen dataclass: its compared fields are part of a run's identity, see
    `core.identity.identity_of`. Deterministic rules ignore the streams.
    """

    def init(self, position: Tensor) -> Memory:
        """The memory before the first step, at a position (batch, dim)."""
        ...

    def update(self, vector: Tensor, memory: Memory, step: Step) -> tuple[Tensor, Memory]:
        """The displacement (batch, dim) along -vector, and the memory after the step."""
        ...


class Info(NamedTuple):
    """What a step evaluated.

    Attributes:
        energy: per sample, at the position that the step started from.
        gradient_norm: per sample, of the direction there.
        terms: per sample, the energy's single terms, where the field gives them.
    """

    energy: Tensor
    gradient_norm: Tensor
    terms: Mapping[str, Tensor] = NOTHING


class Kernel(NamedTuple):
    """One step of a refiner that is bound to an energy.

    Attributes:
        init: from a position to the first state.
        step: from (state, streams) to (next state, what was evaluated).
    """

    init: Callable[[Tensor], State]
    step: Callable[[State, SampleRng], tuple[State, Info]]


Projection: TypeAlias = Callable[[Tensor], Tensor]
"""From points to the nearest allowed points, row by row."""


@runtime_checkable
class Refiner(Protocol):
    """What moves latents: a direction with a rule, or a search.

    A frozen dataclass: its compared fields are part of a run's identity, see
    `core.identity.identity_of`.
    """

    def bind(
        self, energy: Energy, chart: Map, chunking: Chunking, project: Projection | None = None
    ) -> Kernel:
        """The kernel that lowers an energy.

        Args:
            energy: on the chart's source.
            chart: in which the latents are written; its blocks have roles.
            chunking: how many samples the networks see at a time.
            project: onto the allowed points; every position that a step ends at is projected.
        """
        ...


def gradient(
    energy: Energy, chunking: Chunking = ALL_AT_ONCE
) -> Callable[[Tensor, SampleRng], tuple[Tensor, Tensor]]:
    """The direction of steepest ascent of an energy on a latent space, descended along by rules.

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
    """The gradient of an energy, with the values of its terms.

    Where samples are coupled and the energy can be decoupled (see `Energy.decoupled_at`), the
    gradient is exact a chunk at a time all the same.

    Args:
        energy: on latents.
        chunking: how many samples the networks see at a time.
    """
    names = energy.names()

    def field(v: Tensor, rng: SampleRng) -> FieldValue:
        decoupled = energy.decoupled_at(v, rng, chunking)

        def rows(v: Tensor, rng: SampleRng) -> tuple[Tensor, ...]:
            leaf = v.detach().requires_grad_()
            with torch.enable_grad():
                readings = list(decoupled.read(leaf, rng))
                weighted = [reading.weight * reading.values for reading in readings]
                # The sum in the order of Energy.__call__.
                values = sum(weighted[1:], start=weighted[0])
                (vector,) = torch.autograd.grad(values.sum(), leaf)
            return vector, values.detach(), *(reading.values.detach() for reading in readings)

        allowed = decoupled.chunking(chunking)
        vector, values, *terms = allowed.apply_random(rows, v, rng)
        return FieldValue(vector, values, dict(zip(names, terms, strict=True)))

    return field


@dataclass(frozen=True)
class Gradient:
    """The direction of steepest ascent, which rules descend along."""

    def field(self, energy: Energy, chunking: Chunking) -> Field:
        """See `gradient`."""
        return gradient(energy, chunking)


def row_norms(vectors: Float[Tensor, "batch dim"]) -> Float[Tensor, " batch"]:
    """The length of every row, computed alone: independent of the other rows, to the bit."""
    return torch.stack([row.norm() for row in vectors])


def descend(field: Field | Annealed, rule: Rule, *, project: Projection | None = None) -> Kernel:
    """The kernel that moves along -field by a rule, then projects (onto the latent's bounds)."""

    def init(position: Tensor) -> State:
        return State(position, rule.init(position), 0)

    def step(state: State, rng: SampleRng) -> tuple[State, Info]:
        now = field.at(state.step) if isinstance(field, Annealed) else field
        found = now(state.position, rng)
        vector, energy, terms = found if isinstance(found, FieldValue) else FieldValue(*found)
        at = Step(state.step, state.position, rng)
        displacement, memory = rule.update(vector, state.memory, at)
        position = state.position + displacement
        if project is not None:
            position = project(position)
        info = Info(energy, row_norms(vector), terms)
        return State(position, memory, state.step + 1), info

    return Kernel(init, step)
