"""Shares of binary outcomes, and their confidence intervals."""

import math
from collections.abc import Sequence
from statistics import NormalDist

from ..errors import InvalidInput
from .distances import Interval

__all__ = ["paired_difference", "wilson"]


def wilson(yes: int, cases: int, *, level: float = 0.95) -> Interval:
    """A share with Wilson's score interval, which stays in [0, 1] and suits few cases too.

    Args:
        yes: number of positive cases, from 0 to `cases`.
        cases: number of independent cases, at least 1.
        level: confidence level, in (0, 1).

    Raises:
        InvalidInput: a number is outside its range.
    """
    if not 0 <= yes <= cases or cases < 1 or not 0 < level < 1:
        raise InvalidInput(f"A share of {yes} out of {cases} at level {level}; expected 0 to all.")
    z = NormalDist().inv_cdf((1 + level) / 2)
    share, spread = yes / cases, z * z / cases
    middle = (share + spread / 2) / (1 + spread)
    half = math.sqrt(share * (1 - share) * spread + spread * spread / 4) / (1 + spread)
    # The bounds are exact at 0 and 1; rounding must not exceed them.
    low = 0.0 if yes == 0 else middle - half
    high = 1.0 if yes == cases else middle + half
    return Interval(share, low, high)


def paired_difference(
    first: Sequence[bool], second: Sequence[bool], *, level: float = 0.95
) -> Interval:
    """Difference between two shares (first minus second) of the same cases.

    Newcombe's interval for paired shares (Statistics in Medicine 17, 1998, method 10) combines
    Wilson's intervals of both with the correlation of the pairs, corrected for continuity.

    Args:
        first: binary outcome of each case.
        second: outcomes of the same cases, in the same order.
        level: confidence level, in (0, 1).

    Raises:
        InvalidInput: there are no cases, or the numbers of outcomes differ.
    """
    cases = len(first)
    if cases < 1 or len(second) != cases:
        raise InvalidInput(
            f"{cases} and {len(second)} outcomes; expected equal numbers of at least 1."
        )
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
