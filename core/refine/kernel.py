"""The contract of refinement: a direction and a rule make a kernel, whose state never changes."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

import torch
from jaxtyping import Float
from torch import Tensor

from ..chunks import ALL_AT_ONCE, Chunking
from ..energy import Energy
from ..rng import SampleRng

__all__ = [
    "Direction",
    "Field",
    "Info",
    "Kernel",
    "Memory",
    "Rule",
    "State",
    "Step",
    "descend",
    "gradient",
]

Memory: TypeAlias = Mapping[str, Tensor]
"""What a rule remembers: named tensors with a row per sample, so that they save and slice."""

Field: TypeAlias = Callable[[Tensor, SampleRng], tuple[Tensor, Tensor]]
"""A direction to descend along: points to (vectors, energies)."""

Direction: TypeAlias = Callable[[Energy, Chunking], Field]
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


@dataclass(frozen=True)
class State:
    """Where a refinement stands; nothing in it is ever written to.

    Attributes:
        position: (batch, dim).
        memory: the rule's.
        step: how many steps were made.
    """

    position: Float[Tensor, "batch dim"]
    memory: Memory
    step: int


class Info(NamedTuple):
    """What a step saw.

    Attributes:
        energy: per sample, at the position that the step started from.
        gradient_norm: per sample, of the direction there.
    """

    energy: Tensor
    gradient_norm: Tensor


class Kernel(NamedTuple):
    """One step of a refiner.

    Attributes:
        init: position to first state.
        step: (state, streams) to (next state, what was seen).
    """

    init: Callable[[Tensor], State]
    step: Callable[[State, SampleRng], tuple[State, Info]]


def gradient(energy: Energy, chunking: Chunking = ALL_AT_ONCE) -> Field:
    """The direction of steepest ascent of an energy on a latent space, descended along by rules.

    Args:
        energy: on latents.
        chunking: how many samples the networks see at a time.
    """
    allowed = energy.chunking(chunking)

    def rows(v: Tensor, rng: SampleRng) -> tuple[Tensor, Tensor]:
        leaf = v.detach().requires_grad_()
        with torch.enable_grad():
            values = energy(leaf, rng)
            (vector,) = torch.autograd.grad(values.sum(), leaf)
        return vector, values.detach()

    def field(v: Tensor, rng: SampleRng) -> tuple[Tensor, Tensor]:
        vector, values = allowed.apply_random(rows, v, rng)
        return vector, values

    return field


def descend(
    field: Field, rule: Rule, *, project: Callable[[Tensor], Tensor] | None = None
) -> Kernel:
    """The kernel that moves along -field by a rule, then projects (onto the latent's bounds)."""

    def init(position: Tensor) -> State:
        return State(position, rule.init(position), 0)

    def step(state: State, rng: SampleRng) -> tuple[State, Info]:
        vector, energy = field(state.position, rng)
        at = Step(state.step, state.position, rng)
        displacement, memory = rule.update(vector, state.memory, at)
        position = state.position + displacement
        if project is not None:
            position = project(position)
        return State(position, memory, state.step + 1), Info(energy, vector.norm(dim=1))

    return Kernel(init, step)
