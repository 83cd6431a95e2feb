"""What is seen of a canvas when it opens: all of it, and no node under the minimap."""

import pytest
from latentsteer.nodes.standalone.canvas.layout import TITLE, NodeBox
from latentsteer.nodes.standalone.canvas.view import covered, fitted_view, saved_view

WIDE, HIGH = 1536, 822
"""Size of the older host's canvas."""
MINIMAP = (294, 266)
NOTE = NodeBox(0, TITLE, 300, 200)


def test_the_newer_host_fits_the_nodes_into_three_quarters_of_its_canvas():
    view = fitted_view([NOTE, NodeBox(880, 400, 300, 100)])
    assert view.scale == pytest.approx(0.75 * 1600 / (1180 + 20))
    left, right = (view.on_screen(box) for box in (NOTE, NodeBox(880, 400, 300, 100)))
    assert left.x + right.x + right.width == pytest.approx(1600)
    assert left.y + right.y + right.height == pytest.approx(900)
    assert left.height == pytest.approx(230 * view.scale)
    # It enlarges small graphs as well.
    assert fitted_view([NOTE]).scale > 2


def test_a_node_at_the_bottom_right_is_under_the_minimap():
    low, high = NodeBox(1100, 500, 300, 300), NodeBox(1100, 100, 300, 300)
    last = NodeBox(0, 500, 300, 300)
    view = fitted_view([NOTE, low])
    assert covered([NOTE, low], view)
    assert not covered([NOTE, high, last], fitted_view([NOTE, high, last]))


@pytest.mark.parametrize(
    "nodes",
    [
        [NOTE, NodeBox(400, TITLE, 300, 100)],
        [NOTE, NodeBox(700, 100, 300, 500)],
        [NOTE, NodeBox(1100, 300, 300, 500)],
        [NOTE, NodeBox(1400, TITLE, 300, 900)],
        [NOTE, NodeBox(900, 300, 500, 300), NodeBox(0, 500, 300, 200)],
    ],
)
@pytest.mark.parametrize("bends", [[], [NodeBox(200, -120, 20, 20)], [NodeBox(600, 860, 20, 20)]])
def test_the_older_host_shows_everything_beside_its_minimap(nodes, bends):
    view = saved_view(nodes, bends)
    assert 0.6 < view.scale <= 1
    for box in [*nodes, *(bend._replace(y=bend.y + TITLE, height=-10) for bend in bends)]:
        seen = view.on_screen(box)
        assert seen.x >= 0
        assert seen.y >= 0
        assert seen.x + seen.width <= WIDE
        assert seen.y + seen.height <= HIGH
    for box in nodes:
        seen = view.on_screen(box)
        above = seen.y + seen.height <= HIGH - MINIMAP[1] + 1e-6
        assert above or seen.x + seen.width <= WIDE - MINIMAP[0] + 1e-6


def test_where_all_is_seen_at_full_size_it_is_not_made_smaller():
    view = saved_view([NOTE, NodeBox(400, TITLE, 300, 100)], [])
    assert view.scale == 1
    # In the middle.
    left, right = (view.on_screen(b) for b in (NOTE, NodeBox(400, TITLE, 300, 100)))
    assert left.x == pytest.approx(WIDE - right.x - right.width)


def test_a_graph_that_is_too_large_is_seen_whole():
    nodes = [NOTE, NodeBox(4000, 2000, 300, 300)]
    view = saved_view(nodes, [])
    assert view.scale < 0.62
    seen = view.on_screen(nodes[1])
    assert seen.x + seen.width <= WIDE
    assert seen.y + seen.height <= HIGH
