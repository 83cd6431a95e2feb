"""Walks of samples towards their goals: short steps, each in the direction of what is missing."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from ..spaces import Space
from .goals import ContrastGoal

__all__ = ["LooksOnce", "Walk", "least_changed", "walked"]


@dataclass(frozen=True)
class Walk:
    """Ends of walks.

    Attributes:
        points: latents.
        strengths: length of each walk, in standard deviations of the latents along its steps.
        found: probability of what is wanted there.
    """

    points: Float[Tensor, "batch dim"]
    strengths: Float[Tensor, " batch"]
    found: Float[Tensor, " batch"]


class LooksOnce:
    """What points of samples show, where each point of a sample is looked at once.

    All ways of a sample begin at the same point, and the ends of ways are compared.

    Args:
        look: from row numbers and points, what the points show.
    """

    def __init__(self, look: Callable[[Tensor, Tensor], Tensor]) -> None:
        self._look = look
        self._seen: dict[tuple[int, bytes], Tensor] = {}

    def __call__(
        self, rows: Int[Tensor, " rows"], points: Float[Tensor, "rows dim"]
    ) -> Float[Tensor, "rows embed"]:
        """Returns what the points show.

        Args:
            rows: numbers of the samples, at least one, no number twice.
            points: a point of each, on the CPU.
        """
        keys = [(row, _digest(point)) for row, point in zip(rows.tolist(), points, strict=True)]
        new = [place for place, key in enumerate(keys) if key not in self._seen]
        if new:
            found = self._look(rows[new], points[new])
            self._seen |= {keys[place]: one for place, one in zip(new, found, strict=True)}
        return torch.stack([self._seen[key] for key in keys])


def _digest(point: Tensor) -> bytes:
    return hashlib.blake2b(point.numpy().tobytes(), digest_size=16).digest()


def walked(
    values: Float[Tensor, "batch dim"],
    goal: ContrastGoal,
    space: Space,
    conditions: Callable[[Tensor, Tensor], Tensor],
    probability: Callable[[Tensor], Tensor],
    *,
    most: float,
    steps: int,
    bisections: int,
    certainty: float,
) -> Walk:
    """Returns each sample at the first point of its walk that shows what is wanted.

    A step changes what the sample still lacks: the difference between its goal and its condition
    of now, so a step also corrects what earlier ones changed by mistake. The last step is
    bisected. A sample that shows what is wanted already stays, bit for bit, and one that never
    does stops after `steps`.

    Args:
        values: start.
        goal: goal of every sample.
        space: space of the latents; steps stay within its bounds.
        conditions: from row numbers and points, what the points show.
        probability: probability of what is wanted of each condition.
        most: length of the walk.
        steps: number of steps.
        bisections: number of bisections of the last step.
        certainty: probability from which what is wanted counts as shown.
    """
    everything = torch.arange(len(values))
    strengths = torch.zeros(len(values), dtype=torch.float64)
    if not len(values):
        return Walk(values, strengths, strengths)
    length = most / steps
    points, before = values.clone(), values.clone()
    seen = conditions(everything, values)
    found = probability(seen)
    rests = [goal.rest_of(one) for one in seen]
    for step in range(1, steps + 1):
        rows = everything[found < certainty]
        if not len(rows):
            break
        # Each row by itself: its bits do not depend on the batch.
        moves = torch.stack([goal.towards(rests[row], seen[row]) for row in rows.tolist()])
        before[rows] = points[rows]
        points[rows] = space.clamp(before[rows] + (length * moves).to(values))
        seen[rows] = conditions(rows, points[rows])
        found[rows] = probability(seen[rows])
        strengths[rows] = most * step / steps
    rows = everything[(found >= certainty) & (strengths > 0)]
    begin, end = before[rows], points[rows]
    low = torch.zeros(len(rows), dtype=torch.float64)
    high = torch.ones(len(rows), dtype=torch.float64)
    for _ in range(bisections if len(rows) else 0):
        middle = (low + high) / 2
        there = torch.lerp(begin, end, middle.to(values)[:, None])
        chance = probability(conditions(rows, there))
        reached = chance >= certainty
        high[reached], low[~reached] = middle[reached], middle[~reached]
        points[rows[reached]], found[rows[reached]] = there[reached], chance[reached]
    strengths[rows] -= (1 - high) * length
    return Walk(points, strengths, found)


def least_changed(
    values: Float[Tensor, "batch dim"],
    ways: Sequence[Walk],
    goal: ContrastGoal,
    conditions: Callable[[Tensor, Tensor], Tensor],
    certainty: float,
) -> Walk:
    """Returns, for each sample, the best of several ways.

    That is the way that reaches what is wanted and changes the rest of the condition least. Where
    none reaches it, it is the one with the highest probability, the first of equal ones.

    Args:
        values: start, at least one sample.
        ways: ends of each way.
        goal: defines the rest.
        conditions: from row numbers and points, what the points show.
        certainty: probability from which what is wanted counts as shown.
    """
    everything = torch.arange(len(values))

    def rests(points: Tensor) -> Tensor:
        return torch.stack([goal.rest_of(one) for one in conditions(everything, points)])

    start = rests(values)
    changes = torch.stack([(rests(way.points) - start).square().sum(dim=1) for way in ways])
    found = torch.stack([way.found for way in ways])
    reached = found >= certainty
    # What reaches it comes before what does not, by its change; the latter by its probability.
    costs = torch.where(reached, changes.nan_to_num(nan=torch.inf).clamp_max(1e300), torch.inf)
    best = torch.where(reached.any(dim=0), costs.argmin(dim=0), found.argmax(dim=0))
    points = torch.stack([way.points for way in ways])[best, everything]
    strengths = torch.stack([way.strengths for way in ways])[best, everything]
    return Walk(points, strengths, found[best, everything])
