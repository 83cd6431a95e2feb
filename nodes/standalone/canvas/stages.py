"""Lays out a graph by stages: titled, coloured groups that open as large as they can."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from .layout import TITLE, NodeBox
from .packing import PADDING, frames_in_columns, frames_in_rows, inner_ways

__all__ = ["SCREEN", "Arrangement", "CanvasStage", "arrangements", "zoom"]

SCREEN, SHARE = (1600.0, 890.0), 0.75
"""Size of a laptop's canvas, and the share of it that the newer host fits a graph into."""
_MARGIN = 20.0
_LARGE, _NEAR, _MOST = 0.85, 0.9, 400
"""Scale above which larger is no better; share of the best scale that is considered; and ways."""
_LEGIBLE, _STEEP = 0.61, 5.0
"""Scale below which hosts draw no text on classic nodes, and how much worse smaller ones are."""
_PER_SCALE, _BACK = 30_000.0, 400.0
"""Length of wires that is worth a scale of 1, and that a wire to the left counts for."""


@dataclass(frozen=True)
class CanvasStage:
    """A group of nodes on the canvas.

    Attributes:
        title: title of its frame.
        colour: colour of its frame.
        members: ids of its nodes.
    """

    title: str
    colour: str
    members: tuple[str, ...]


class Arrangement(NamedTuple):
    """Places of everything on a canvas.

    Attributes:
        note: the note, at the top left.
        boxes: the nodes.
        frames: the groups, in the order of the stages.
    """

    note: NodeBox
    boxes: dict[str, NodeBox]
    frames: list[NodeBox]


def arrangements(
    stages: Sequence[CanvasStage],
    sizes: Mapping[str, tuple[int, int]],
    sources: Mapping[str, Sequence[str]],
    note: tuple[int, int],
) -> list[Arrangement]:
    """Returns ways to arrange a graph, the best first: large at opening, with short wires.

    The note is at the top left, and stages follow in columns or in one row or two.

    Args:
        stages: the groups, each of which needs results of those before alone.
        sizes: size of each node.
        sources: source nodes of each node.
        note: size of the note.
    """
    note_box = NodeBox(0, TITLE, *note)
    ways: list[tuple[float, tuple[dict[str, NodeBox], ...], list[NodeBox]]] = []
    for inside in itertools.product(*(inner_ways(s.members, sizes, sources) for s in stages)):
        extents = [_extent(boxes.values()) for boxes in inside]
        ways += [
            (_scale([note_box, *frames], 0.0), inside, frames)
            for way in (frames_in_rows, frames_in_columns)
            for frames in way(extents, note)
        ]
    ways.sort(key=lambda way: -way[0])
    near = _NEAR * min(ways[0][0], _LARGE)
    found = [
        Arrangement(note_box, _moved(inside, frames), frames)
        for scale, inside, frames in ways[:_MOST]
        if scale >= near
    ]
    return sorted(found, key=lambda way: _cost(way, sources))


def zoom(found: Arrangement) -> float:
    """Returns the scale at which the newer host opens an arrangement, at most 1."""
    return _scale([found.note, *found.boxes.values()], TITLE)


def _scale(boxes: Sequence[NodeBox], title: float) -> float:
    width = max(b.x + b.width for b in boxes) - min(b.x for b in boxes) + _MARGIN
    height = max(b.y + b.height for b in boxes) - min(b.y for b in boxes) + title + _MARGIN
    return min(1.0, SHARE * SCREEN[0] / width, SHARE * SCREEN[1] / height)


def _extent(boxes: Iterable[NodeBox]) -> tuple[float, float]:
    ends = [(box.x + box.width, box.y + box.height) for box in boxes]
    return max(x for x, _ in ends) + PADDING, max(y for _, y in ends) + PADDING


def _moved(
    inside: Sequence[Mapping[str, NodeBox]], frames: Sequence[NodeBox]
) -> dict[str, NodeBox]:
    return {
        node: NodeBox(box.x + frame.x, box.y + frame.y, box.width, box.height)
        for frame, own in zip(frames, inside, strict=True)
        for node, box in own.items()
    }


def _cost(found: Arrangement, sources: Mapping[str, Sequence[str]]) -> float:
    """Returns how far an arrangement is from one at scale 1 with no wires."""
    length = 0.0
    for node, box in found.boxes.items():
        for source in sources.get(node, ()):
            start = found.boxes[source]
            ahead = box.x - start.x - start.width
            length += math.hypot(ahead, box.y - start.y) + (_BACK if ahead <= 0 else 0.0)
    scale = zoom(found)
    return length / _PER_SCALE - min(_LARGE, scale) + _STEEP * max(0.0, _LEGIBLE - scale)
