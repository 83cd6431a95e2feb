"""Lays out the nodes of a graph in columns from left to right, without overlaps."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from ..api.node import Schema
from ..values import has_control, has_upload, widgets

__all__ = ["NodeBox", "around", "drawn_height", "layers", "note_box", "place", "size_of"]

# LiteGraph's canvas units: `pos` is below the title bar, which is TITLE high.
TITLE, ROW, WIDGET, TEXT, PICTURE = 30, 20, 24, 110, 270
GAP_X, GAP_Y = 50, 40
_CHARACTER, _NARROW, _WIDE = 8, 240, 420
_SHOWS = {"LoadImage": PICTURE, "SaveImage": PICTURE, "PreviewImage": PICTURE, "PreviewAny": 190}
_PREVIEWS = "preview_every"
"""Widget of the nodes that show pictures while they run."""
_HEAD, _BADGE, _BUTTON, _BETWEEN = 22, 24, 24, 8
_WIDGETS = {"STRING": 28}
_DRAWN, _DRAWN_TEXT, _DRAWN_IMAGE = 20, 60, 326
"""Heights in Nodes 2.0, measured: of a widget, of a text, of Load Image with its picture."""


class NodeBox(NamedTuple):
    """Rectangle of a node on the canvas, without its title bar."""

    x: float
    y: float
    width: float
    height: float


def size_of(schema: Schema, values: Mapping[str, object], title: str) -> tuple[int, int]:
    """Returns width and height of a node with these widget values.

    Advanced widgets are collapsed behind one button: by web/js/advanced.js in classic mode, and by
    Nodes 2.0 itself.
    """
    every = widgets(schema)
    names = {widget.id for widget in every}
    shown = [widget for widget in every if not getattr(widget, "advanced", False)]
    sockets = [socket for socket in schema.inputs or () if socket.id not in names]
    outputs = schema.outputs or []
    labels = [f"{title}      ", f"{_longest(sockets)}    {_longest(outputs)}"]
    labels += [f"{w.display_name or w.id}  {values.get(w.id, '')}     " for w in shown]
    texts = [w for w in shown if getattr(w, "multiline", False)]
    rows = len(shown) + sum(has_control(w) + has_upload(w) for w in shown)
    rows += len(shown) < len(every)
    height = 16 + ROW * max(len(sockets), len(outputs)) + WIDGET * rows + TEXT * len(texts)
    height += _SHOWS.get(schema.node_id, PICTURE if values.get(_PREVIEWS) else 0)
    width = _CHARACTER * max(len(label) for label in labels)
    return min(max(width, _WIDE if texts else _NARROW), _WIDE), height


def drawn_height(schema: Schema, *, own: bool) -> int:
    """Returns the least height of a node in Nodes 2.0 with its advanced widgets collapsed.

    Args:
        schema: schema of the node.
        own: whether it is of an extension, whose name is drawn on it.
    """
    if schema.node_id == "LoadImage":
        return _DRAWN_IMAGE
    every = widgets(schema)
    shown = [widget for widget in every if not getattr(widget, "advanced", False)]
    sockets = len(schema.inputs or ()) - len(every)
    heights = [
        _DRAWN_TEXT if getattr(w, "multiline", False) else _WIDGETS.get(w.io_type, _DRAWN)
        for w in shown
    ]
    height = _HEAD + _BADGE * own + ROW * max(sockets, len(schema.outputs or ()))
    height += sum(heights) + _BETWEEN * max(0, len(heights) - 1)
    return height + _BUTTON * (len(shown) < len(every))


def note_box(text: str, boxes: Sequence[NodeBox]) -> NodeBox:
    """Returns the box of a note: below the first column and as wide."""
    first = [box for box in boxes if box.x == min(other.x for other in boxes)]
    width = max([_NARROW, *(box.width for box in first)])
    bottom = max((box.y + box.height + TITLE + GAP_Y for box in first), default=0)
    letters = width // _CHARACTER
    lines = sum(max(1, math.ceil(len(line) / letters)) for line in text.splitlines())
    left = first[0].x if first else 0
    return NodeBox(left, bottom, width, min(900, 60 + ROW * lines))


def place(
    sizes: Mapping[str, tuple[int, int]],
    sources: Mapping[str, Sequence[str]],
    *,
    gap_x: int = GAP_X,
) -> dict[str, NodeBox]:
    """Assigns columns by distance from the sources; within one, nodes are near their sources.

    Args:
        sizes: size of each node.
        sources: source nodes of each node; without cycles.
        gap_x: space between columns.
    """
    columns: dict[int, list[str]] = {}
    for node, column in layers(list(sizes), sources).items():
        columns.setdefault(column, []).append(node)
    boxes: dict[str, NodeBox] = {}
    x = 0
    for _, members in sorted(columns.items()):
        heights = {node: _wanted_height(node, sources, boxes) for node in members}
        y = 0
        for node in sorted(members, key=heights.__getitem__):
            width, height = sizes[node]
            boxes[node] = NodeBox(x, y, width, height)
            y += height + TITLE + GAP_Y
        x += max(sizes[node][0] for node in members) + gap_x
    return boxes


def around(boxes: Sequence[NodeBox]) -> list[float]:
    """Returns the bounds of a titled group around nodes."""
    left, top = min(b.x for b in boxes) - 10, min(b.y for b in boxes) - TITLE - 50
    right, bottom = max(b.x + b.width for b in boxes), max(b.y + b.height for b in boxes)
    return [left, top, right - left + 10, bottom - top + 10]


def layers(nodes: Sequence[str], sources: Mapping[str, Sequence[str]]) -> dict[str, int]:
    """Returns the distance of each node from the sources, the first column of which is 0."""
    column = dict.fromkeys(nodes, 0)
    for _ in nodes:
        for node in nodes:
            column[node] = max([0, *(column[source] + 1 for source in sources[node])])
    # A node without sources goes right before the first node that uses it.
    for node in nodes:
        takers = [column[other] for other in nodes if node in sources[other]]
        if takers and not sources[node]:
            column[node] = min(takers) - 1
    return column


def _wanted_height(
    node: str, sources: Mapping[str, Sequence[str]], boxes: Mapping[str, NodeBox]
) -> float:
    above = [boxes[source].y for source in sources[node]]
    return sum(above) / len(above) if above else 0.0


def _longest(sockets: Sequence[Any]) -> str:
    return max((str(s.display_name or s.id) for s in sockets), key=len, default="")
