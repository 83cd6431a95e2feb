"""What a refinement did, in numbers: every step's energy, and every term before and after."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import torch
from jaxtyping import Float
from torch import Tensor

from ..chunking import Chunking
from ..energy import Energy
from ..rng import SampleRng

__all__ = ["Trace", "curves", "readings"]


@dataclass(frozen=True)
class Trace:
    """The record of a refinement.

    Attributes:
        title: what was refined, and how.
        energies: one row per step and one for the last point.
        before: every term's values, and the readings such as probabilities, at the start.
        after: the same at the end.
        terms: curves as `energies`, of each term without its weight, where they were told apart.
    """

    title: str
    energies: Float[Tensor, "points batch"]
    before: Mapping[str, Float[Tensor, " batch"]]
    after: Mapping[str, Float[Tensor, " batch"]]
    terms: Mapping[str, Float[Tensor, "points batch"]] = field(default_factory=dict)

    def summary(self) -> dict[str, object]:
        """Means before and after, for reports."""
        return {
            "title": self.title,
            "steps": len(self.energies) - 1,
            "samples": self.energies.shape[1],
            "before": {name: float(values.mean()) for name, values in self.before.items()},
            "after": {name: float(values.mean()) for name, values in self.after.items()},
        }

    def __str__(self) -> str:
        lines = [f"{self.title}: {len(self.energies) - 1} steps, {self.energies.shape[1]} samples"]
        for name, first in self.before.items():
            last = self.after[name]
            lines.append(
                f"{name}: mean {float(first.mean()):.4g} -> {float(last.mean()):.4g}, "
                f"worst sample {float(_worst(name, first)):.4g} -> {float(_worst(name, last)):.4g}"
            )
        return "\n".join(lines)


def _worst(name: str, values: Tensor) -> Tensor:
    return values.min() if name.startswith("probability") else values.max()


@torch.no_grad()
def readings(
    energy: Energy, v: Float[Tensor, "batch ..."], rng: SampleRng, chunking: Chunking
) -> dict[str, Float[Tensor, " batch"]]:
    """The energy, every term and every measure at v. The streams of rng are left as they are."""
    energy = energy.settled_at(v, rng, chunking)
    leaves = list(energy.leaves())
    measures = [leaf.measure for leaf in leaves]

    def evaluate(points: Tensor, part: SampleRng) -> tuple[Tensor, ...]:
        values = [(reading.weight, reading.values) for reading in energy.read(points, part)]
        # The sum in the order of Energy.__call__: the curve's last point is this very number.
        total = sum((w * x for w, x in values[1:]), start=values[0][0] * values[0][1])
        measured = [
            measure.of(x)
            for measure, (_, x) in zip(measures, values, strict=True)
            if measure is not None
        ]
        return (total, *(x for _, x in values), *measured)

    streams = rng.restored(rng.state())
    total, *found_in_order = energy.chunking(chunking).apply_random(evaluate, v, streams)
    terms, measured = found_in_order[: len(leaves)], iter(found_in_order[len(leaves) :])
    found = {"energy": total}
    for name, leaf, measure, values in zip(energy.names(), leaves, measures, terms, strict=True):
        found[_free(name, found)] = values
        if measure is not None:
            found[_free(f"{measure.name}({leaf.label})", found)] = next(measured)
    return {name: values.detach().float().cpu() for name, values in found.items()}


def _free(name: str, taken: Mapping[str, object]) -> str:
    """The name, numbered where two terms share it."""
    number = 2
    unique = name
    while unique in taken:
        unique = f"{name} {number}"
        number += 1
    return unique


def curves(
    seen: Sequence[Mapping[str, Tensor]], last: Mapping[str, Tensor]
) -> dict[str, Float[Tensor, "points batch"]]:
    """The terms' curves from what each step and the last point say; none, if a step says nothing.

    Args:
        seen: of each step.
        last: readings at the last point.
    """
    names = set(last).intersection(*seen) if seen else set()
    return {
        name: torch.stack([*(step[name] for step in seen), last[name]])
        for name in last
        if name in names
    }
