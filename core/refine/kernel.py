"""The contract of refinement: a direction and a rule make a kernel, whose state never changes."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import NamedTuple, TypeAlias

import torch
from jaxtyping import Float
from torch import Tensor

from ..chunking import ALL_AT_ONCE, Chunking
from ..energy import Energy
from ..rng import SampleRng
from ..snapshot import Memory, State

__all__ = [
    "Annealed",
    "Direction",
    "Field",
    "Info",
    "Kernel",
    "Rule",
    "Seen",
    "Step",
    "by_term",
    "descend",
    "gradient",
    "row_norms",
]

NOTHING: Mapping[str, Tensor] = MappingProxyType({})


class Seen(NamedTuple):
    """What a field says of points.

    Attributes:
        vector: to descend along.
        energy: per sample.
        terms: the energy's terms apart, per sample and without their weights; may be left out.
    """

    vector: Tensor
    energy: Tensor
    terms: Mapping[str, Tensor] = NOTHING


Field: TypeAlias = Callable[[Tensor, SampleRng], tuple[Tensor, Tensor] | Seen]
"""A direction to descend along: points to (vectors, energies), or with the terms apart."""


@dataclass(frozen=True)
class Annealed:
    """A field that changes in the course of a run.

    Attributes:
        at: the number of a step, from 0, to its field.
    """

    at: Callable[[int], Field]


Direction: TypeAlias = Callable[[Energy, Chunking], Field | Annealed]
"""How an energy on latents becomes a field: `gradient`, or one that weighs it against others."""


class Step(NamedTuple):
    """Where a rule is called.

    Attributes:
        number: of the step, from 0.
        position: (batch, dim), before the step.
        rng: the samples' streams.
    """

    number: int
    position: Tensor
    rng: SampleRng


class Rule(NamedTuple):
    """How a direction becomes a displacement. Deterministic rules ignore the streams.

    Attributes:
        init: position to memory.
        update: (vector, memory, step) to (displacement, memory).
    """

    init: Callable[[Tensor], Memory]
    update: Callable[[Tensor, Memory, Step], tuple[Tensor, Memory]]


class Info(NamedTuple):
    """What a step saw.

    Attributes:
        energy: per sample, at the position that the step started from.
        gradient_norm: per sample, of the direction there.
        terms: per sample, the energy's terms apart, where the field tells them.
    """

    energy: Tensor
    gradient_norm: Tensor
    terms: Mapping[str, Tensor] = NOTHING


class Kernel(NamedTuple):
    """One step of a refiner.

    Attributes:
        init: position to first state.
        step: (state, streams) to (next state, what was seen).
    """

    init: Callable[[Tensor], State]
    step: Callable[[State, SampleRng], tuple[State, Info]]


def gradient(
    energy: Energy, chunking: Chunking = ALL_AT_ONCE
) -> Callable[[Tensor, SampleRng], tuple[Tensor, Tensor]]:
    """The direction of steepest ascent of an energy on a latent space, descended along by rules.

    Args:
        energy: on latents.
        chunking: how many samples the networks see at a time.
    """
    whole = by_term(energy, chunking)

    def field(v: Tensor, rng: SampleRng) -> tuple[Tensor, Tensor]:
        seen = whole(v, rng)
        return seen.vector, seen.energy

    return field


def by_term(energy: Energy, chunking: Chunking) -> Callable[[Tensor, SampleRng], Seen]:
    """The gradient of an energy, with the values of its terms.

    Where samples are coupled and the energy can be decoupled (see `Energy.decoupled_at`), the
    gradient is exact a chunk at a time all the same.

    Args:
        energy: on latents.
        chunking: how many samples the networks see at a time.
    """
    names = energy.names()

    def field(v: Tensor, rng: SampleRng) -> Seen:
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
        return Seen(vector, values, dict(zip(names, terms, strict=True)))

    return field


def row_norms(vectors: Float[Tensor, "batch dim"]) -> Float[Tensor, " batch"]:
    """The length of every row, by itself: the same whatever other rows stand beside it."""
    return torch.stack([row.norm() for row in vectors])


def descend(
    field: Field | Annealed, rule: Rule, *, project: Callable[[Tensor], Tensor] | None = None
) -> Kernel:
    """The kernel that moves along -field by a rule, then projects (onto the latent's bounds)."""

    def init(position: Tensor) -> State:
        return State(position, rule.init(position), 0)

    def step(state: State, rng: SampleRng) -> tuple[State, Info]:
        now = field.at(state.step) if isinstance(field, Annealed) else field
        found = now(state.position, rng)
        vector, energy, terms = found if isinstance(found, Seen) else Seen(*found)
        at = Step(state.step, state.position, rng)
        displacement, memory = rule.update(vector, state.memory, at)
        position = state.position + displacement
        if project is not None:
            position = project(position)
        info = Info(energy, row_norms(vector), terms)
        return State(position, memory, state.step + 1), info

    return Kernel(init, step)
