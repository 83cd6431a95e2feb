"""How far samples move along a direction, and when what is wanted counts as shown."""

import math
from dataclasses import dataclass, replace

from ..errors import InvalidInput
from .directions import LatentDirection

__all__ = ["CHECKS", "MoveSearch"]

CHECKS = 3
"""Looks at the ends of a way: beyond it as they are, and both ends drawn again."""


@dataclass(frozen=True)
class MoveSearch:
    """How the smallest strength of a sample is searched.

    Attributes:
        most: largest strength, above 0, in the direction's units.
        grid: number of equal intervals from 0 to `most`; the first whose end is reached is
            bisected.
        bisections: number of bisections. The strength is exact to most / grid / 2^bisections,
            where f reaches what is wanted only once on the way.
        certainty: probability of what is wanted from which it counts as reached, in (0, 1).
        beyond: factor on the move that is found, above 0. More than 1 makes what is wanted
            clearer, since the smallest image that an auxiliary accepts may not convince anyone
            else.
        checked: whether ends are looked at again, see `core.pairs.ending.EndCheck`: a move goes
            beyond the smallest only where what is wanted is still shown there. A certainty above
            what the pairs attain is lowered to that (`LatentDirection.attainable`), at least to
            1/2.

    Raises:
        InvalidInput: a number outside its range.
    """

    most: float = 5.0
    grid: int = 10
    bisections: int = 3
    certainty: float = 0.8
    beyond: float = 1.0
    checked: bool = False

    def __post_init__(self) -> None:
        if not 0 < self.most < math.inf or self.grid < 1 or self.bisections < 0:
            raise InvalidInput(
                f"Largest strength {self.most:g} in {self.grid} intervals with {self.bisections} "
                "bisections; expected above 0, at least 1, and at least 0."
            )
        if not 0 < self.certainty < 1:
            raise InvalidInput(
                f"A certainty of {self.certainty:g}; expected a probability between 0 and 1."
            )
        if not 0 < self.beyond < math.inf:
            raise InvalidInput(f"{self.beyond:g} times the smallest move; expected above 0.")

    def evaluations(self, direction: LatentDirection) -> int:
        """Returns the largest number of images per sample."""
        ways = len(direction.goals) + (direction.unit > 0)
        return 1 + ways * (self.grid + self.bisections + CHECKS * self.checked)

    def attainable(self, direction: LatentDirection) -> "MoveSearch":
        """Returns the search with a certainty that pairs of a direction attain, where checked."""
        if not self.checked:
            return self
        return replace(self, certainty=min(self.certainty, max(direction.attainable, 0.5)))
