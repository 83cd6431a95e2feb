"""What of a canvas is seen when it opens, on a laptop's screen of 1600 x 900 pixels."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from .layout import TITLE, NodeBox

__all__ = ["SCREEN", "SHARE", "CanvasView", "covered", "fitted_view", "saved_view"]

SCREEN, SHARE = (1600.0, 900.0), 0.75
"""Size of the newer host's canvas, and the share of it that it fits the nodes of a graph into."""
_MINIMAP = (257.0, 258.0)
"""Width and height of the corner at the bottom right that its minimap covers."""
_OLDER = (1536.0, 822.0)
"""Size of the older host's canvas, beside its bars."""
_OLDER_CORNERS = ((294.0, 266.0), (323.0, 60.0))
"""Width and height of what its minimap and its buttons cover at the bottom right."""
_MARGIN, _EDGE, _STEP, _LEAST = 10.0, 28.0, 0.01, 0.62
_SHARES = (1.0, 0.8, 0.6, 0.4, 0.2, 0.0)
"""Space around the nodes that the newer host fits, and around all on the older one; the scales
that are tried there, down to the least at which hosts draw text, and the shares of the way from
the corner to the middle."""


class CanvasView(NamedTuple):
    """A view of a canvas.

    Attributes:
        scale: pixels of the screen to a unit of the canvas.
        x: what is added to a place on the canvas, before it is scaled.
        y: the same in the vertical.
    """

    scale: float
    x: float
    y: float

    def on_screen(self, box: NodeBox) -> NodeBox:
        """Returns a node with its title in pixels of the screen."""
        left, top = (box.x + self.x) * self.scale, (box.y - TITLE + self.y) * self.scale
        return NodeBox(left, top, box.width * self.scale, (box.height + TITLE) * self.scale)


def fitted_view(nodes: Sequence[NodeBox]) -> CanvasView:
    """Returns the view that the newer host opens a template with: its nodes in the middle."""
    left, top, right, bottom = _bounds(nodes)
    wide, high = right - left + 2 * _MARGIN, bottom - top + 2 * _MARGIN
    scale = SHARE * min(SCREEN[0] / wide, SCREEN[1] / high)
    x, y = (side / scale / 2 for side in SCREEN)
    return CanvasView(scale, x - (left + right) / 2, y - (top + bottom) / 2)


def covered(nodes: Iterable[NodeBox], view: CanvasView) -> bool:
    """Returns whether the newer host's minimap covers a part of a node."""
    return _covered(nodes, view, SCREEN, (_MINIMAP,))


def saved_view(nodes: Sequence[NodeBox], others: Sequence[NodeBox]) -> CanvasView:
    """Returns the view that the older host opens: all, large, and no node under its minimap.

    Args:
        nodes: the nodes.
        others: frames and bends, without titles.
    """
    under = [box._replace(y=box.y + TITLE, height=box.height - TITLE) for box in others]
    left, top, right, bottom = _bounds([*nodes, *under])
    inner = [side - 2 * _EDGE for side in _OLDER]
    most = min(1.0, inner[0] / (right - left), inner[1] / (bottom - top))
    sizes = (right - left, bottom - top)
    for step in range(max(1, math.ceil((most - _LEAST) / _STEP))):
        scale = most - step * _STEP
        middle = [(side / scale - size) / 2 for side, size in zip(_OLDER, sizes, strict=True)]
        for share in _SHARES:
            x, y = (_EDGE / scale + share * (one - _EDGE / scale) for one in middle)
            view = CanvasView(scale, x - left, y - top)
            if not _covered(nodes, view, _OLDER, _OLDER_CORNERS):
                return view
    return CanvasView(most, _EDGE / most - left, _EDGE / most - top)


def _covered(
    nodes: Iterable[NodeBox],
    view: CanvasView,
    screen: tuple[float, float],
    corners: Sequence[tuple[float, float]],
) -> bool:
    seen = [view.on_screen(box) for box in nodes]
    return any(
        box.x + box.width > screen[0] - width and box.y + box.height > screen[1] - height
        for box in seen
        for width, height in corners
    )


def _bounds(boxes: Sequence[NodeBox]) -> tuple[float, float, float, float]:
    """Returns left, top, right and bottom of nodes with their titles."""
    return (
        min(box.x for box in boxes),
        min(box.y for box in boxes) - TITLE,
        max(box.x + box.width for box in boxes),
        max(box.y + box.height for box in boxes),
    )
