"""Wires between nodes as the canvas draws them, and ways around nodes."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from .layout import TITLE, NodeBox

__all__ = ["INSIDE", "CanvasPoint", "Wire", "passed", "route", "socket"]

CanvasPoint: TypeAlias = tuple[float, float]
Array: TypeAlias = NDArray[np.float64]

ROW, INSET = 20, 0.7
"""Height of a row of sockets, and the place of the first, in rows."""
MARGIN = 12.0
"""Distance between a wire and a node that it passes."""
INSIDE = 4.0
"""How far inside a node at its end a wire may be."""
AHEAD, STAGGER, LANES, CORNER = 22, 10, 6, 24.0
"""Distance of a bend from the end of its wire; between parallel bends; bends beside each; and how
far below or above an end a further bend is."""
_BEND = 80.0


class Wire(NamedTuple):
    """A wire.

    Attributes:
        start: the output.
        bends: reroutes on its way, in order.
        end: the input.
    """

    start: CanvasPoint
    bends: tuple[CanvasPoint, ...]
    end: CanvasPoint


def socket(box: NodeBox, row: int, *, output: bool) -> CanvasPoint:
    """Returns the place of a node's socket."""
    return box.x + (box.width if output else 0), box.y + ROW * (row + INSET)


def passed(wire: Wire, boxes: Sequence[NodeBox], margin: float = MARGIN) -> list[int]:
    """Returns which of some nodes a wire passes under, by their numbers.

    Args:
        wire: the wire.
        boxes: the nodes, without those at its ends.
        margin: distance within which it counts.
    """
    return [int(number) for number in np.flatnonzero(_crossed(wire, _edges(boxes, margin)))]


def route(
    start: CanvasPoint,
    end: CanvasPoint,
    boxes: Sequence[NodeBox],
    used: Sequence[CanvasPoint],
    ends: Sequence[NodeBox] = (),
) -> Wire | None:
    """Returns a wire that passes under no node: straight, or with the fewest bends, the shortest.

    A wire with two bends swings aside where its ends are far above or below; a third or fourth
    bend beside an end keeps it upright.

    Args:
        start: the output.
        end: the input.
        boxes: the nodes, without those at its ends.
        used: bends of other wires, which stay apart.
        ends: the nodes at its ends, which it may leave and reach alone.

    Returns:
        The wire; None if there is none.
    """
    around = np.concatenate([_edges(boxes, MARGIN), _edges(ends, -INSIDE)])
    straight = Wire(start, (), end)
    if not _crossed(straight, around).any():
        return straight
    rows = {start[1], end[1], *(around[:, 1] - 8), *(around[:, 3] + 8)}
    lanes = {y + STAGGER * step for y in rows for step in range(-LANES, LANES + 1)}
    free = [lane for lane in lanes if _is_free(lane, (start[0], end[0]), around)]
    sides = range(AHEAD, AHEAD + 4 * STAGGER, STAGGER)
    for corners in ((False, False), (True, False), (False, True), (True, True)):
        ways = [
            Wire(start, _bends(start, end, (ahead, lane, behind), corners), end)
            for ahead, lane, behind in itertools.product(sides, free, sides)
        ]
        for way in sorted(ways, key=_length):
            if not _near(way.bends, used) and not _crossed(way, around).any():
                return way
    return None


def _bends(
    start: CanvasPoint,
    end: CanvasPoint,
    way: tuple[float, float, float],
    corners: tuple[bool, bool],
) -> tuple[CanvasPoint, ...]:
    """Returns the bends of a wire along a lane, with corners beside its ends or without."""
    ahead, lane, behind = way
    first, last = start[0] + ahead, end[0] - behind
    begin = start[1] + math.copysign(CORNER, lane - start[1])
    finish = end[1] + math.copysign(CORNER, lane - end[1])
    return (
        *(((first, begin),) if corners[0] else ()),
        *((first, lane), (last, lane)),
        *(((last, finish),) if corners[1] else ()),
    )


def _is_free(lane: float, ends: CanvasPoint, around: Array) -> bool:
    """Returns whether a level wire between the bends next to its ends meets no node."""
    first, last = sorted((ends[0] + AHEAD, ends[1] - AHEAD))
    left, top, right, bottom = around.T
    return not ((left < last) & (right > first) & (top < lane) & (bottom > lane)).any()


def _near(bends: Sequence[CanvasPoint], used: Sequence[CanvasPoint]) -> bool:
    return any(math.dist(one, other) < STAGGER for one in bends for other in used)


def _length(wire: Wire) -> float:
    points = (wire.start, *wire.bends, wire.end)
    return sum(math.dist(*two) for two in itertools.pairwise(points))


def _edges(boxes: Sequence[NodeBox], margin: float) -> Array:
    """Returns left, top, right and bottom of nodes with their titles, a row each."""
    rows = [
        (b.x - margin, b.y - TITLE - margin, b.x + b.width + margin, b.y + b.height + margin)
        for b in boxes
    ]
    return np.array(rows).reshape(-1, 4)


def _crossed(wire: Wire, around: Array) -> NDArray[np.bool_]:
    """Returns for each node whether a wire has a point in it."""
    x, y = np.concatenate(_splines(wire))[None].T
    left, top, right, bottom = around.T[:, None]
    return ((left < x) & (x < right) & (top < y) & (y < bottom)).any(axis=0)


def _splines(wire: Wire) -> list[Array]:
    """Returns points of the splines that the canvas draws.

    A spline leaves an output to the right and reaches an input from the left, each with a handle
    of a quarter of its length. At a reroute its handles lie along the mean of the directions from
    the point before and to the point after.
    """
    points = (wire.start, *wire.bends, wire.end)
    directions = [0.0]
    for before, here, after in zip(points, points[1:], points[2:], strict=False):
        came = math.atan2(here[1] - before[1], here[0] - before[0])
        goes = math.atan2(after[1] - here[1], after[0] - here[0])
        half = (came - goes) / 2
        half += math.pi if abs(half) > math.pi / 2 else 0.0
        directions.append(came - half)
    directions.append(0.0)
    last = len(points) - 2
    drawn: list[Array] = []
    for number, (a, b) in enumerate(itertools.pairwise(points)):
        quarter = math.dist(a, b) / 4
        first = quarter if number == 0 else min(_BEND, quarter)
        second = quarter if number == last else min(_BEND, quarter)
        handles = (
            _moved(a, directions[number], first),
            _moved(b, directions[number + 1], -second),
        )
        drawn.append(_WEIGHTS @ np.array((a, *handles, b)))
    return drawn


def _moved(point: CanvasPoint, direction: float, distance: float) -> CanvasPoint:
    return point[0] + distance * math.cos(direction), point[1] + distance * math.sin(direction)


_T = np.linspace(0, 1, 121)[:, None]
_WEIGHTS = np.concatenate(
    [(1 - _T) ** 3, 3 * (1 - _T) ** 2 * _T, 3 * (1 - _T) * _T**2, _T**3], axis=1
)
"""Bernstein polynomials of a cubic spline at points along it."""
