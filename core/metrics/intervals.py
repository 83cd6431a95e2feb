"""Estimates with intervals: by the bootstrap, and of shares of yes and no."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import NormalDist

import torch
from torch import Tensor

from ..errors import InvalidInput
from ..rng import stream

__all__ = ["Interval", "bootstrap", "paired_difference", "wilson"]


@dataclass(frozen=True)
class Interval:
    """An estimate with its bootstrap interval."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.value:.3f} [{self.low:.3f}, {self.high:.3f}]"


def bootstrap(
    statistic: Callable[[Tensor], float],
    samples: Tensor | Sequence[float],
    *,
    seed: int,
    rounds: int = 1000,
    level: float = 0.95,
) -> Interval:
    """The percentile interval of a statistic, over samples drawn again with replacement.

    Args:
        statistic: of a tensor with a row per sample.
        samples: at least 1.
        seed: of the draws.
        rounds: how many draws.
        level: share of the draws within the interval, in (0, 1).
    """
    rows = torch.as_tensor(samples)
    if len(rows) < 1 or rounds < 1 or not 0 < level < 1:
        raise InvalidInput(f"Bootstrap of {len(rows)} samples, {rounds} rounds, level {level}.")
    draws = stream(seed)
    drawn = [
        statistic(rows[torch.randint(len(rows), (len(rows),), generator=draws)])
        for _ in range(rounds)
    ]
    tails = torch.tensor([(1 - level) / 2, (1 + level) / 2], dtype=torch.float64)
    low, high = torch.tensor(drawn, dtype=torch.float64).quantile(tails)
    return Interval(statistic(rows), float(low), float(high))


def wilson(yes: int, cases: int, *, level: float = 0.95) -> Interval:
    """A share with Wilson's score interval, which stays in [0, 1] and holds for few cases too.

    Args:
        yes: from 0 to `cases`.
        cases: at least 1, independent of each other.
        level: of the interval, in (0, 1).

    Raises:
        InvalidInput: a number outside its range.
    """
    if not 0 <= yes <= cases or cases < 1 or not 0 < level < 1:
        raise InvalidInput(f"A share of {yes} out of {cases} at level {level}; expected 0 to all.")
    z = NormalDist().inv_cdf((1 + level) / 2)
    share, spread = yes / cases, z * z / cases
    middle = (share + spread / 2) / (1 + spread)
    half = math.sqrt(share * (1 - share) * spread + spread * spread / 4) / (1 + spread)
    # The ends are met exactly at none and at all; rounding must not pass them.
    low = 0.0 if yes == 0 else middle - half
    high = 1.0 if yes == cases else middle + half
    return Interval(share, low, high)


def paired_difference(
    first: Sequence[bool], second: Sequence[bool], *, level: float = 0.95
) -> Interval:
    """How much larger the first share is than the second, of the same cases.

    Newcombe's interval for paired shares (Statistics in Medicine 17, 1998, method 10): Wilson's
    intervals of both, put together with the correlation of the pairs, corrected for continuity.

    Args:
        first: a yes or no of every case.
        second: of the same cases, in the same order.
        level: of the interval, in (0, 1).

    Raises:
        InvalidInput: no case, or another number of them.
    """
    cases = len(first)
    if cases < 1 or len(second) != cases:
        raise InvalidInput(f"{cases} and {len(second)} answers; expected as many, and at least 1.")
    pairs = list(zip(first, second, strict=True))
    both, one, other = (pairs.count(kind) for kind in ((True, True), (True, False), (False, True)))
    neither = cases - both - one - other
    a = wilson(both + one, cases, level=level)
    b = wilson(both + other, cases, level=level)
    product = (both + one) * (other + neither) * (both + other) * (one + neither)
    excess = both * neither - one * other
    if excess > 0:
        excess = max(excess - cases / 2, 0)
    tied = excess / math.sqrt(product) if product else 0.0
    low = _length(a.value - a.low, b.high - b.value, tied)
    high = _length(a.high - a.value, b.value - b.low, tied)
    difference = a.value - b.value
    return Interval(difference, difference - low, difference + high)


def _length(first: float, second: float, tied: float) -> float:
    return math.sqrt(max(first * first - 2 * tied * first * second + second * second, 0))
