"""The point that a sample ends at where the best one is kept: best by some terms of the energy."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import torch
from jaxtyping import Float
from torch import Tensor

from ..energy import Energy
from ..errors import InvalidInput
from ..rng import SampleRng
from .first_order import FirstOrder
from .kernel import Gradient, Info, Refiner

__all__ = ["KeptTerms", "reading_terms"]


class KeptTerms:
    """The weighted sum of named terms of an energy, which decides the best point of a run.

    ReNO (arXiv 2406.04312) keeps the image of the least loss of the rewards: its regulariser does
    not count.

    Args:
        named: beginnings of the names of terms, such as `HPSv2.1`.
        energy: the energy on latents.

    Raises:
        InvalidInput: a beginning that no term has.
    """

    def __init__(self, named: Sequence[str], energy: Energy) -> None:
        there = energy.names()
        for start in named:
            if not any(name.startswith(start) for name in there):
                raise InvalidInput(
                    f"No term of the energy begins with {start!r}, by which the best point should "
                    f"be kept. There are: {'; '.join(there)}."
                )
        self.energy = energy
        self.names = tuple(name for name in there if name.startswith(tuple(named)))
        self.weights: Mapping[str, float] = {}

    def at_step(self, info: Info) -> Float[Tensor, " batch"]:
        """Returns the sum at the point that a step started from.

        Raises:
            InvalidInput: the refiner does not have the terms.
        """
        if missing := [name for name in self.names if name not in info.weights]:
            raise InvalidInput(
                f"This refiner has no value of the single term {missing[0]!r} at its steps. Keep "
                "the best point by the whole energy, or refine by Nesterov, Adam or Langevin."
            )
        self.weights = info.weights
        return self._sum(info.terms)

    def at_end(
        self, readings: Mapping[str, Tensor], position: Tensor, rng: SampleRng
    ) -> Float[Tensor, " batch"]:
        """Returns the sum at the last point, whose terms are read already.

        Args:
            readings: terms by name, unweighted.
            position: the last point.
            rng: streams of the samples, which are left as they are.
        """
        if not self.weights:  # an interrupted run that had made its last step
            one = rng.part(0, 1)
            with torch.no_grad():
                found = self.energy.read(position[:1], one.restored(one.state()))
                shares = [reading.weight for reading in found]
            self.weights = dict(zip(self.energy.names(), shares, strict=True))
        return self._sum(readings)

    def _sum(self, terms: Mapping[str, Tensor]) -> Tensor:
        parts = [self.weights[name] * terms[name] for name in self.names]
        return sum(parts[1:], start=parts[0])


def reading_terms(refiner: Refiner) -> Refiner:
    """Returns the same refiner, with the values of single terms at its steps if it can."""
    if isinstance(refiner, FirstOrder) and isinstance(refiner.direction, Gradient):
        return replace(refiner, direction=Gradient(by_term=True))
    return refiner
