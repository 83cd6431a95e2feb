"""Lays out a graph by stages: titled, coloured groups that open as large as they can."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from .layout import TITLE, NodeBox
from .packing import PADDING, frames_in_columns, frames_in_rows, inner_ways
from .view import covered, fitted_view

__all__ = ["LARGE", "Arrangement", "CanvasStage", "arrangements"]

LARGE, _NEAR, _MOST = 1.05, 0.9, 400
"""Scale above which larger is no better; share of the best scale that is considered; and ways."""
_LEGIBLE, _STEEP = 0.61, 5.0
"""Scale below which hosts draw no text on classic nodes, and how much worse smaller ones are."""
_PER_SCALE, _BACK, _COVERED = 30_000.0, 400.0, 0.1
"""Length of wires that is worth a scale of 1, and that a wire to the left counts for; how much
worse it is if the minimap covers a node."""


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
            (_framed(note_box, frames), inside, frames)
            for way in (frames_in_rows, frames_in_columns)
            for frames in way(extents, note)
        ]
    ways.sort(key=lambda way: -way[0])
    near = _NEAR * min(ways[0][0], LARGE)
    found = [
        Arrangement(note_box, _moved(inside, frames), frames)
        for scale, inside, frames in ways[:_MOST]
        if scale >= near
    ]
    return sorted(found, key=lambda way: _cost(way, sources))


def _framed(note: NodeBox, frames: Sequence[NodeBox]) -> float:
    """Returns the scale at which everything would fit, without looking at nodes."""
    under = [box._replace(y=box.y + TITLE, height=box.height - TITLE) for box in frames]
    return fitted_view([note, *under]).scale


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
    nodes = [found.note, *found.boxes.values()]
    view = fitted_view(nodes)
    hidden = _COVERED * covered(nodes, view)
    small = _STEEP * max(0.0, _LEGIBLE - view.scale)
    return length / _PER_SCALE - min(LARGE, view.scale) + small + hidden
