"""Lays out a graph by stages: titled, coloured groups from left to right, in one row or two."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from .layout import TITLE, NodeBox, place

__all__ = ["SCREEN", "Arrangement", "CanvasStage", "arrangements", "zoom"]

SCREEN, SHARE = (1600.0, 890.0), 0.75
"""Size of a laptop's canvas, and the share of it that the newer host fits a graph into."""
PADDING, HEAD, GAP = 16.0, 42.0, 40.0
"""Space of a group around its nodes, above them for its title, and between groups."""
ROWS_GAP = 90.0
"""Space between two rows of groups, for wires."""


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
    """Returns ways to arrange a graph, those that open largest first.

    Stages follow each other from left to right. The note is above the first one or beside it, and
    a later stage may begin a second row.

    Args:
        stages: the groups, each of which needs results of those before alone.
        sizes: size of each node.
        sources: source nodes of each node.
        note: size of the note.
    """
    inside = [_inside(stage, sizes, sources) for stage in stages]
    ways = [
        _arranged(stages, inside, note, below=below, second=second)
        for below in (True, False)
        for second in range(1, len(stages) + 1)
    ]
    # Of equals, one row, with the note above.
    return sorted(ways, key=zoom, reverse=True)


def zoom(found: Arrangement) -> float:
    """Returns the scale at which the newer host opens an arrangement, at most 1."""
    boxes = [found.note, *found.boxes.values()]
    width = max(b.x + b.width for b in boxes) - min(b.x for b in boxes) + 20
    height = max(b.y + b.height for b in boxes) - min(b.y for b in boxes) + TITLE + 20
    return min(1.0, SHARE * SCREEN[0] / width, SHARE * SCREEN[1] / height)


def _inside(
    stage: CanvasStage, sizes: Mapping[str, tuple[int, int]], sources: Mapping[str, Sequence[str]]
) -> dict[str, NodeBox]:
    """Places the nodes of a stage, from its corner."""
    own = {node: sizes[node] for node in stage.members}
    within = {node: [one for one in sources.get(node, ()) if one in own] for node in own}
    return {
        node: NodeBox(box.x + PADDING, box.y + HEAD + TITLE, box.width, box.height)
        for node, box in place(own, within, gap_x=GAP_INSIDE).items()
    }


GAP_INSIDE = 74
"""Space between columns of a group, for wires."""


def _arranged(
    stages: Sequence[CanvasStage],
    inside: Sequence[Mapping[str, NodeBox]],
    note: tuple[int, int],
    *,
    below: bool,
    second: int,
) -> Arrangement:
    sizes = [
        (
            max(b.x + b.width for b in boxes.values()) + PADDING,
            max(b.y + b.height for b in boxes.values()) + PADDING,
        )
        for boxes in inside
    ]
    note_box = NodeBox(0, TITLE, *note)
    bottom = TITLE + note[1] + GAP / 2
    x, y = (0.0, 0.0) if below else (note[0] + GAP, 0.0)
    frames: list[NodeBox] = []
    for number, (width, height) in enumerate(sizes):
        if number == second:
            x, y = 0.0, max([bottom, *(f.y + f.height for f in frames)]) + ROWS_GAP
        top = bottom if below and number == 0 else y
        frames.append(NodeBox(x, top, width, height))
        x += max(width, note[0] if number == 0 else 0) + GAP
    boxes = {
        node: NodeBox(box.x + frame.x, box.y + frame.y, box.width, box.height)
        for frame, own in zip(frames, inside, strict=True)
        for node, box in own.items()
    }
    return Arrangement(note_box, boxes, frames)
