"""The state of a refinement between two steps."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias, cast

import torch
from jaxtyping import Float, Int
from torch import Tensor

from .errors import ResumeMismatch

__all__ = [
    "MAP",
    "Best",
    "Interrupted",
    "Memory",
    "Snapshot",
    "State",
    "comparable",
    "differing",
    "lowest",
]


def comparable(energies: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
    """Returns the energies, with +inf in place of NaN and -inf, which are invalid readings.

    Every choice of the lowest energy compares these values: a candidate with a non-finite energy
    is the worst.
    """
    return torch.where(energies.isfinite(), energies, torch.inf)


def lowest(energies: Float[Tensor, "*batch candidates"], keep: int) -> Int[Tensor, "*batch kept"]:
    """Returns the indices of the lowest energies along the last axis, lowest first.

    Among equal energies the earlier one comes first. Non-finite ones come last, NaN at the end.

    Args:
        energies: energies of the candidates.
        keep: number to keep, at least 1; all where there are fewer.
    """
    by_value = energies.sort(dim=-1, stable=True).indices
    finite_first = comparable(energies.gather(-1, by_value)).sort(dim=-1, stable=True).indices
    return by_value.gather(-1, finite_first[..., :keep])


Memory: TypeAlias = Mapping[str, Tensor]
"""Memory of a rule: named tensors with a row per sample, so that they can be saved and sliced."""


@dataclass(frozen=True)
class State:
    """State of a refinement; its tensors are never modified.

    Attributes:
        position: (batch, dim).
        memory: the rule's.
        step: number of finished steps.
    """

    position: Float[Tensor, "batch dim"]
    memory: Memory
    step: int


@dataclass(frozen=True)
class Best:
    """The best point so far of each sample.

    Attributes:
        position: (batch, dim).
        energy: (batch,), +inf before the first step.
    """

    position: Tensor
    energy: Tensor

    def met(self, position: Tensor, energy: Tensor) -> "Best":
        """Returns the better of this and another point for each sample; see `core.snapshot`."""
        better = comparable(energy) < self.energy
        return Best(
            torch.where(better[:, None], position, self.position),
            torch.where(better, energy, self.energy),
        )


@dataclass(frozen=True)
class Snapshot:
    """A run between two steps: everything needed to resume it.

    Attributes:
        state: position, memory and step.
        rng_state: state of the stream of each sample.
        energies: one (batch,) row per finished step, on the CPU, at the points that steps started
            from.
        best: the best point so far, among those with a known energy.
        terms: terms of the energy, as `energies`, where the direction has them.
    """

    state: State
    rng_state: Tensor
    energies: tuple[Tensor, ...]
    best: Best
    terms: tuple[Mapping[str, Tensor], ...] = ()


MAP = "generator "
"""Prefix of the options of the generator in the settings of a run."""


@dataclass(frozen=True)
class Interrupted:
    """An interrupted refinement.

    Attributes:
        snapshot: its last snapshot.
        settings: identity of the run, everything that its result depends on; it resumes only with
            the same one.
        before: readings of its terms at the start.
    """

    snapshot: Snapshot
    settings: Mapping[str, object]
    before: Mapping[str, Tensor]

    def check_version(self) -> None:
        """Refuses to resume a run of an earlier version, whose identity has another form.

        Raises:
            ResumeMismatch: the run is of an earlier version.
        """
        if "refiner" not in self.settings:
            raise ResumeMismatch(
                f"These latents were interrupted at step {self.snapshot.state.step} of a run of "
                "an earlier version, which identified its settings in another way. Such a run "
                "cannot go on. Switch `resume` off to start a new run from where the latents are; "
                "a node without that switch needs latents of no interrupted run."
            )

    def check(self, settings: Mapping[str, object]) -> None:
        """Checks that the settings equal those of the interrupted run.

        Raises:
            ResumeMismatch: naming each setting that differs, or for a run of an earlier version.
        """
        self.check_version()
        own, new = _flat(_plain(self.settings)), _flat(_plain(settings))
        # Older runs do not record the options of the generator.
        unknown = {name for name in new.keys() - own.keys() if name.startswith(MAP)}
        known = {name: value for name, value in new.items() if name not in unknown}
        if changed := _differences(own, known):
            raise ResumeMismatch(
                f"These latents were interrupted at step {self.snapshot.state.step} of a run with "
                f"other settings ({'; '.join(changed)}). Set them back, or switch `resume` off to "
                "start a new run from where the latents are."
            )


def differing(before: Mapping[str, object], now: Mapping[str, object]) -> list[str]:
    """Returns a text for messages for each setting that differs, nested ones by their path.

    Args:
        before: settings of an interrupted run, as saved or as read from a file.
        now: settings with which it is to continue.
    """
    return _differences(_flat(_plain(before)), _flat(_plain(now)))


def _plain(settings: Mapping[str, object]) -> dict[str, object]:
    """Returns settings in the form in which they are read from a file."""
    return json.loads(json.dumps(dict(settings)))


def _flat(settings: Mapping[str, object], prefix: str = "") -> dict[str, object]:
    """Flattens nested settings to names such as `refiner.rule.step_size`."""
    found: dict[str, object] = {}
    for name, value in settings.items():
        if isinstance(value, dict):
            found |= _flat(cast("dict[str, object]", value), f"{prefix}{name}.")
        else:
            found[prefix + name] = value
    return found


def _differences(own: Mapping[str, object], new: Mapping[str, object]) -> list[str]:
    """Returns a text for messages: each setting that differs, once where several parts repeat it.

    For example, the steps of a run are those of its schedules too: the outermost name is shown.
    """
    found: dict[tuple[str, str], str] = {}
    for name in sorted(own.keys() | new.keys(), key=lambda n: (n.count("."), n)):
        if own.get(name) != new.get(name):
            change = f"{own.get(name)!r} then, {new.get(name)!r} now"
            found.setdefault((name.rpartition(".")[2], change), f"{name}: {change}")
    return [*found.values()]
