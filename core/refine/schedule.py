"""Schedules: a factor for each step of a run."""

import math
from dataclasses import dataclass
from typing import Literal, TypeAlias, get_args

from ..errors import InvalidInput

__all__ = ["CONSTANT", "Schedule", "ScheduleName"]

ScheduleName: TypeAlias = Literal["constant", "linear", "cosine"]


@dataclass(frozen=True)
class Schedule:
    """A factor that changes from 1 at the first step to `final` at the last one.

    Attributes:
        name: constant (`steps` and `final` are ignored), linear or cosine.
        steps: steps of the run.
        final: factor at the last step, at least 0.

    Raises:
        InvalidInput: an unknown name, or a final factor outside its range.
    """

    name: ScheduleName = "constant"
    steps: int = 1
    final: float = 1.0

    def __post_init__(self) -> None:
        if not 0 <= self.final < math.inf:
            raise InvalidInput(
                f"Final factor {self.final} of a schedule; expected a number of at least 0."
            )
        if self.name not in get_args(ScheduleName):
            raise InvalidInput(
                f"Schedule {self.name!r}; expected one of {', '.join(get_args(ScheduleName))}."
            )

    def __call__(self, step: int) -> float:
        """Returns the factor of a step, counted from 0; constant after the last step."""
        if self.name == "constant":
            return 1.0
        done = min(1.0, step / max(1, self.steps - 1))
        if self.name == "cosine":
            done = 0.5 - 0.5 * math.cos(math.pi * done)
        return 1 + (self.final - 1) * done


CONSTANT = Schedule()
"""Returns the schedule with the factor 1 at each step."""
