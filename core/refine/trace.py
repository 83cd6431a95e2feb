"""Trace of a refinement: the energy at each step, and each term before and after."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import torch
from jaxtyping import Float
from torch import Tensor

from ..chunking import Chunking
from ..energy import Energy
from ..generator import Generator
from ..latents import Latents

__all__ = ["Trace", "curves", "trace_of"]


@dataclass(frozen=True)
class Trace:
    """Trace of a refinement.

    Attributes:
        title: title to display: what was refined, and how.
        energies: one row per step and one for the last point.
        before: values of each term, and readings such as probabilities, at the start.
        after: the same at the end.
        terms: unweighted curves of each term, as `energies`, where known.
    """

    title: str
    energies: Float[Tensor, "points batch"]
    before: Mapping[str, Float[Tensor, " batch"]]
    after: Mapping[str, Float[Tensor, " batch"]]
    terms: Mapping[str, Float[Tensor, "points batch"]] = field(default_factory=dict)

    def summary(self) -> dict[str, object]:
        """Returns means before and after, for reports."""
        return {
            "title": self.title,
            "steps": len(self.energies) - 1,
            "samples": self.energies.shape[1],
            "before": {name: float(values.mean()) for name, values in self.before.items()},
            "after": {name: float(values.mean()) for name, values in self.after.items()},
        }

    def __str__(self) -> str:
        return self.text({})

    def text(self, called: Mapping[str, str]) -> str:
        """Returns every reading before and after, a line each.

        Args:
            called: what to call some of them.
        """
        lines = [f"{self.title}: {len(self.energies) - 1} steps, {self.energies.shape[1]} samples"]
        for name, first in self.before.items():
            last = self.after[name]
            lines.append(
                f"{called.get(name, name)}: mean {float(first.mean()):.4g} -> "
                f"{float(last.mean()):.4g}, worst sample {float(_worst(name, first)):.4g} -> "
                f"{float(_worst(name, last)):.4g}"
            )
        return "\n".join(lines)


_RISING = ("probability(", "similarity(similarity(", "cosine(", "logit(", "realness(", "r(")
"""Beginnings of the names of measures that are better when they are larger."""


def _worst(name: str, values: Tensor) -> Tensor:
    return values.min() if name.startswith(_RISING) else values.max()


def curves(
    seen: Sequence[Mapping[str, Tensor]], last: Mapping[str, Tensor]
) -> dict[str, Float[Tensor, "points batch"]]:
    """Returns the curves of the terms that the readings of all points have.

    Args:
        seen: readings at each step.
        last: readings at the last point.
    """
    names = set(last).intersection(*seen) if seen else set()
    return {
        name: torch.stack([*(step[name] for step in seen), last[name]])
        for name in last
        if name in names
    }


@torch.no_grad()
def trace_of(
    title: str,
    generator: Generator,
    latents: Latents,
    energy: Energy,
    *,
    chunking: Chunking,
    device: torch.device,
) -> Trace:
    """Returns the trace of unrefined latents, as of a refinement without steps.

    Args:
        title: to display.
        generator: generator of the latents.
        latents: latents to evaluate.
        energy: on images or latents of the generator.
        chunking: images at a time.
        device: where the networks are.

    Raises:
        GeneratorMismatch: latents of another generator.
        ConditionMismatch: a condition's rows do not match the samples.
    """
    latents.check_generator(generator)
    pulled = energy.pullback(generator).pullback(latents.chart)
    pulled.check_batch(len(latents))
    found = pulled.readings(latents.values.to(device), latents.rng(0, "refine"), chunking)
    return Trace(title, found["energy"][None], found, found)
