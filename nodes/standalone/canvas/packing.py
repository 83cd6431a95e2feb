"""Ways to pack a graph: the nodes of a group in columns, and groups in columns or two rows."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from typing import TypeAlias

from .layout import TITLE, NodeBox, layers

__all__ = ["GAP", "HEAD", "PADDING", "frames_in_columns", "frames_in_rows", "inner_ways"]

Extent: TypeAlias = tuple[float, float]

PADDING, HEAD, GAP = 16.0, 42.0, 40.0
"""Space of a group around its nodes, above them for its title, and between groups."""
ROWS_GAP, UNDER = 90.0, 40.0
"""Space between two rows of groups, for wires, and between groups of a column."""
GAP_INSIDE, GAP_BELOW = 74.0, 40.0
"""Space between the columns of a group, for wires, and between the nodes of a column."""
_MOST_LAYERS, _ONE_COLUMN = 5, 2


def inner_ways(
    members: Sequence[str],
    sizes: Mapping[str, tuple[int, int]],
    sources: Mapping[str, Sequence[str]],
) -> list[dict[str, NodeBox]]:
    """Returns ways to place the nodes of a group, from its corner.

    Nodes are in layers by their distance from the sources, and neighbouring layers may share a
    column, whose nodes have one width.

    Args:
        members: the nodes.
        sizes: size of each node.
        sources: source nodes of each node.
    """
    own = {node: [one for one in sources.get(node, ()) if one in members] for node in members}
    found_layers = layers(members, own)
    ranks = {layer: rank for rank, layer in enumerate(sorted(set(found_layers.values())))}
    layer = {node: ranks[found] for node, found in found_layers.items()}
    last = len(ranks) - 1
    joints = min(last, _MOST_LAYERS)
    found: list[dict[str, NodeBox]] = []
    for split in itertools.product((True, False), repeat=joints):
        column = list(itertools.accumulate((*split, *(True,) * (last - joints)), initial=0))
        found.append(_placed(members, sizes, own, layer, column))
    if not last and len(members) > _ONE_COLUMN:
        half = (len(members) + 1) // 2
        halves = {node: int(place >= half) for place, node in enumerate(members)}
        found.append(_placed(members, sizes, own, halves, (0, 1)))
    return found


def _placed(
    members: Sequence[str],
    sizes: Mapping[str, tuple[int, int]],
    sources: Mapping[str, Sequence[str]],
    layer: Mapping[str, int],
    column: Sequence[int],
) -> dict[str, NodeBox]:
    boxes: dict[str, NodeBox] = {}
    x = PADDING
    for number in range(column[-1] + 1):
        inside = [node for node in members if column[layer[node]] == number]
        order = {node: (layer[node], _height(sources[node], boxes)) for node in inside}
        width, y = max(sizes[node][0] for node in inside), HEAD + TITLE
        for node in sorted(inside, key=order.__getitem__):
            boxes[node] = NodeBox(x, y, width, sizes[node][1])
            y += sizes[node][1] + TITLE + GAP_BELOW
        x += width + GAP_INSIDE
    return boxes


def _height(sources: Sequence[str], boxes: Mapping[str, NodeBox]) -> float:
    above = [boxes[source].y for source in sources if source in boxes]
    return sum(above) / len(above) if above else 0.0


def frames_in_columns(extents: Sequence[Extent], note: Extent) -> Iterator[list[NodeBox]]:
    """Yields frames of groups, in columns from left to right below the note or beside it.

    Args:
        extents: width and height of each group.
        note: width and height of the note, which is at the top left.
    """
    for breaks in itertools.product((False, True), repeat=len(extents)):
        columns: list[list[int]] = [[]]
        for number, new in enumerate(breaks):
            columns += [[]] if new else []
            columns[-1].append(number)
        frames: list[NodeBox] = []
        x = 0.0
        for place, column in enumerate(columns):
            width = max([*(extents[n][0] for n in column), *((note[0],) if not place else ())])
            y = TITLE + note[1] + UNDER if not place else 0.0
            for number in column:
                frames.append(NodeBox(x, y, width, extents[number][1]))
                y += extents[number][1] + UNDER
            x += width + GAP
        yield frames


def frames_in_rows(extents: Sequence[Extent], note: Extent) -> Iterator[list[NodeBox]]:
    """Yields frames of groups in one row or two, with the note beside or above the first."""
    under = TITLE + note[1] + GAP / 2
    for below, second in itertools.product((True, False), range(1, len(extents) + 1)):
        x, y = (0.0, 0.0) if below else (note[0] + GAP, 0.0)
        frames: list[NodeBox] = []
        for number, (width, height) in enumerate(extents):
            if number == second:
                x, y = 0.0, max([under, *(f.y + f.height for f in frames)]) + ROWS_GAP
            first = below and number == 0
            wide = max(width, note[0]) if first else width
            frames.append(NodeBox(x, under if first else y, wide, height))
            x += wide + GAP
        yield frames
