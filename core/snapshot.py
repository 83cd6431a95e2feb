"""The state of a refinement between two steps."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

import torch
from jaxtyping import Float, Int
from torch import Tensor

from .errors import ResumeMismatch

__all__ = ["MAP", "Best", "Interrupted", "Memory", "Snapshot", "State", "comparable", "lowest"]


def comparable(energies: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
    """The energies, with +inf in place of NaN and of -inf, which is a broken reading too.

    Whatever chooses by the lowest energy compares these: a candidate whose energy is not finite is
    the worst one.
    """
    return torch.where(energies.isfinite(), energies, torch.inf)


def lowest(energies: Float[Tensor, "*batch candidates"], keep: int) -> Int[Tensor, "*batch kept"]:
    """The indices of the lowest energies along the last axis, the lowest first.

    Of equal energies the earlier one goes first. Those that are not finite come last, NaN at the
    very end.

    Args:
        energies: of the candidates.
        keep: how many, at least 1; all where there are fewer.
    """
    by_value = energies.sort(dim=-1, stable=True).indices
    finite_first = comparable(energies.gather(-1, by_value)).sort(dim=-1, stable=True).indices
    return by_value.gather(-1, finite_first[..., :keep])


Memory: TypeAlias = Mapping[str, Tensor]
"""What a rule remembers: named tensors with a row per sample, so that they save and slice."""


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


@dataclass(frozen=True)
class Best:
    """The best point that every sample has met.

    Attributes:
        position: (batch, dim).
        energy: (batch,), +inf before the first step.
    """

    position: Tensor
    energy: Tensor

    def met(self, position: Tensor, energy: Tensor) -> "Best":
        """The better of this and another point, sample by sample; see `core.snapshot`."""
        better = comparable(energy) < self.energy
        return Best(
            torch.where(better[:, None], position, self.position),
            torch.where(better, energy, self.energy),
        )


@dataclass(frozen=True)
class Snapshot:
    """A run between two steps: all that is needed to go on.

    Attributes:
        state: position, memory and step.
        rng_state: of every sample's stream.
        energies: one (batch,) row per step made, on the CPU, at the points the steps started from.
        best: the best point met, among those whose energy is known.
        terms: the energy's terms apart, as `energies`, where the direction gives them.
    """

    state: State
    rng_state: Tensor
    energies: tuple[Tensor, ...]
    best: Best
    terms: tuple[Mapping[str, Tensor], ...] = ()


MAP = "generator "
"""How the settings of a run begin the names of its generator's options."""


@dataclass(frozen=True)
class Interrupted:
    """A refinement that stopped on its way.

    Attributes:
        snapshot: where it stood.
        settings: all that its result depends on; it resumes only with the same.
        before: the readings at the start.
    """

    snapshot: Snapshot
    settings: Mapping[str, object]
    before: Mapping[str, Tensor]

    def check(self, settings: Mapping[str, object]) -> None:
        """Refuses to go on with other settings.

        Raises:
            ResumeMismatch: naming each setting that differs.
        """
        own, new = _plain(self.settings), _plain(settings)
        # Older runs do not hold the generator's options.
        unknown = {name for name in new.keys() - own.keys() if name.startswith(MAP)}
        differing = sorted(
            name for name in (own.keys() | new.keys()) - unknown if own.get(name) != new.get(name)
        )
        if differing:
            shown = "; ".join(f"{n}: {own.get(n)!r} then, {new.get(n)!r} now" for n in differing)
            raise ResumeMismatch(
                f"These latents were interrupted at step {self.snapshot.state.step} of a run with "
                f"other settings ({shown}). Set them back, or switch `resume` off to start a new "
                "run from where the latents are."
            )


def _plain(settings: Mapping[str, object]) -> dict[str, object]:
    """Settings as they come back from a file."""
    return json.loads(json.dumps(dict(settings)))
