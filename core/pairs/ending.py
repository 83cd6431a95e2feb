"""Ends of moves: beyond the smallest move, where what is wanted is still shown there."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from ..spaces import Space
from .walking import Walk

__all__ = ["EndCheck"]


@dataclass(frozen=True)
class EndCheck:
    """A check of where moves end.

    What is shown at the smallest move may be lost beyond it, and the smallest move may fool f. So
    the end of a move is looked at itself, and once more as the encoder and the generator draw it
    again, by which most of what fools f is lost. The smaller probability counts.

    Attributes:
        space: space of the latents.
        looks: from row numbers and points, what the points show: as they are, and drawn again.
        probability: probability of what is wanted of each condition.
        certainty: probability from which what is wanted counts as shown.
    """

    space: Space
    looks: tuple[Callable[[Tensor, Tensor], Tensor], ...]
    probability: Callable[[Tensor], Tensor]
    certainty: float

    def ended(self, values: Float[Tensor, "batch dim"], way: Walk, beyond: float) -> Walk:
        """Returns the ends of a way, with the probability of what is wanted there.

        Each is `beyond` times the smallest move where what is wanted is shown there, else the
        smallest move; where neither shows it, the one with the higher probability.

        Args:
            values: start, at least one sample.
            way: the smallest moves.
            beyond: factor on them, at least 1.
        """
        everything = torch.arange(len(values))
        if beyond == 1:
            return Walk(way.points, way.strengths, self._found(everything, way.points))
        points = self.space.clamp(torch.lerp(values, way.points, beyond))
        strengths, found = way.strengths * beyond, self._found(everything, points)
        rows = everything[found < self.certainty]
        if len(rows):
            least = self._found(rows, way.points[rows])
            nearer = least > found[rows]
            rows = rows[nearer]
            points[rows], strengths[rows] = way.points[rows], way.strengths[rows]
            found[rows] = least[nearer]
        return Walk(points, strengths, found)

    def _found(self, rows: Tensor, points: Tensor) -> Tensor:
        found = [self.probability(look(rows, points)) for look in self.looks]
        return torch.stack(found).amin(dim=0)
