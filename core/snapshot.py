"""The state of a refinement between two steps."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias, cast

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
        settings: the identity of the run, all that its result depends on; it goes on only with
            the same one.
        before: what its terms said at the start.
    """

    snapshot: Snapshot
    settings: Mapping[str, object]
    before: Mapping[str, Tensor]

    def check_version(self) -> None:
        """Refuses to go on with a run of an earlier version, whose identity has another form.

        Raises:
            ResumeMismatch: of an earlier version.
        """
        if "refiner" not in self.settings:
            raise ResumeMismatch(
                f"These latents were interrupted at step {self.snapshot.state.step} of a run of "
                "an earlier version, which identified its settings in another way. Such a run "
                "cannot go on. Switch `resume` off to start a new run from where the latents are; "
                "a node without that switch needs latents of no interrupted run."
            )

    def check(self, settings: Mapping[str, object]) -> None:
        """Refuses to go on with other settings.

        Raises:
            ResumeMismatch: naming each setting that differs, or for a run of an earlier version.
        """
        self.check_version()
        own, new = _flat(_plain(self.settings)), _flat(_plain(settings))
        # Runs of before say nothing of the generator's options.
        unknown = {name for name in new.keys() - own.keys() if name.startswith(MAP)}
        differing = _differences(own, {n: value for n, value in new.items() if n not in unknown})
        if differing:
            shown = "; ".join(differing)
            raise ResumeMismatch(
                f"These latents were interrupted at step {self.snapshot.state.step} of a run with "
                f"other settings ({shown}). Set them back, or switch `resume` off to start a new "
                "run from where the latents are."
            )


def _plain(settings: Mapping[str, object]) -> dict[str, object]:
    """Settings as they come back from a file."""
    return json.loads(json.dumps(dict(settings)))


def _flat(settings: Mapping[str, object], prefix: str = "") -> dict[str, object]:
    """Nested settings in one level, such as `refiner.rule.step_size`."""
    found: dict[str, object] = {}
    for name, value in settings.items():
        if isinstance(value, dict):
            found |= _flat(cast("dict[str, object]", value), f"{prefix}{name}.")
        else:
            found[prefix + name] = value
    return found


def _differences(own: Mapping[str, object], new: Mapping[str, object]) -> list[str]:
    """For people: each setting that differs, once where several parts repeat it.

    The steps of a run, for one, are those of its schedules too: the outermost name is shown.
    """
    found: dict[tuple[str, str], str] = {}
    for name in sorted(own.keys() | new.keys(), key=lambda n: (n.count("."), n)):
        if own.get(name) != new.get(name):
            change = f"{own.get(name)!r} then, {new.get(name)!r} now"
            found.setdefault((name.rpartition(".")[2], change), f"{name}: {change}")
    return [*found.values()]
