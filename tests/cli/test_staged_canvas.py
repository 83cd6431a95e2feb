"""Canvases by stages: groups, wires beside nodes, muted nodes and public files."""

import ast
import inspect
from itertools import combinations, pairwise

import pytest
from latentsteer.nodes.standalone.canvas.formats import api_from_ui
from latentsteer.nodes.standalone.canvas.layout import TITLE, NodeBox
from latentsteer.nodes.standalone.canvas.packing import inner_ways
from latentsteer.nodes.standalone.canvas.staged import SAYS, ModelFile, Staged, staged_ui
from latentsteer.nodes.standalone.canvas.stages import LARGE, CanvasStage, arrangements
from latentsteer.nodes.standalone.canvas.view import covered, fitted_view
from latentsteer.nodes.standalone.canvas.wires import Wire, passed, route, socket
from latentsteer.nodes.standalone.errors import WorkflowError
from latentsteer.nodes.standalone.registry import load_nodes
from latentsteer.workflows.recipes.graph import GraphBuilder, schemas
from latentsteer.workflows.recipes.table import RECIPES

SAID = 68
"""Height of a text on a node in Nodes 2.0."""
LOW, HIGH = NodeBox(200, 50, 100, 200), NodeBox(200, -300, 100, 200)


def zoom(found):
    """The scale at which the newer host opens an arrangement."""
    return fitted_view([found.note, *found.boxes.values()]).scale


def test_a_wire_is_a_spline_with_level_ends():
    middle = NodeBox(45, 70, 10, 10)
    # The middle of a spline is halfway between its ends.
    assert passed(Wire((0, 0), (), (100, 150)), [middle], margin=0) == [0]
    # Level for a while: by its handles it is at a height of 23 at x = 37, not of 56.
    early = NodeBox(30, 20 + TITLE, 14, 14)
    assert passed(Wire((0, 0), (), (100, 150)), [early], margin=0) == [0]
    diagonal = NodeBox(10, 10 + TITLE, 8, 8)
    assert passed(Wire((0, 0), (), (100, 150)), [diagonal], margin=0) == []


def test_a_title_is_a_part_of_its_node():
    level = Wire((0, 30), (), (500, 30))
    assert passed(level, [LOW]) == [0]
    assert passed(Wire((0, 5), (), (500, 5)), [LOW]) == []


def test_a_free_wire_is_straight():
    assert route((0, -50), (500, -50), [LOW, HIGH], []) == Wire((0, -50), (), (500, -50))


def test_a_wire_goes_around_by_the_shorter_way():
    over, under = (route((0, y), (500, y), [LOW], []) for y in (60, 240))
    assert passed(over, [LOW]) == passed(under, [LOW]) == []
    assert max(y for _, y in over.bends) < LOW.y - TITLE
    assert min(y for _, y in under.bends) > LOW.y + LOW.height


def test_parallel_wires_bend_apart():
    first = route((0, 60), (500, 60), [LOW], [])
    second = route((0, 60), (500, 60), [LOW], first.bends)
    assert set(first.bends).isdisjoint(second.bends)
    assert passed(second, [LOW]) == []


def test_without_a_way_there_is_no_wire():
    around = NodeBox(-50, -5000, 600, 10_000)
    assert route((0, 60), (500, 60), [around], []) is None


def test_sockets_are_rows_at_the_sides():
    assert socket(LOW, 0, output=False) == (200, 64)
    assert socket(LOW, 2, output=True) == (300, 104)


def _stages(count):
    stages = [CanvasStage(f"s{n}", "#123", (f"n{n}",)) for n in range(count)]
    return stages, {f"n{n}": (300, 400) for n in range(count)}


def _worth(way):
    """Beyond a scale larger is no better, and a node under the minimap is worse."""
    view = fitted_view([way.note, *way.boxes.values()])
    return min(LARGE, view.scale) - 0.1 * covered(way.boxes.values(), view)


@pytest.mark.parametrize("count", [1, 2, 7])
def test_arrangements_keep_everything_apart_and_come_largest_first(count):
    stages, sizes = _stages(count)
    ways = arrangements(stages, sizes, {}, (340, 200))
    scales = [_worth(way) for way in ways]
    assert scales == sorted(scales, reverse=True)
    for way in ways:
        assert (way.note.x, way.note.y) == (0, TITLE)
        for frame, node in zip(way.frames, way.boxes.values(), strict=True):
            assert frame.x < node.x < node.x + node.width < frame.x + frame.width
            assert frame.y < node.y - TITLE < node.y + node.height < frame.y + frame.height
        solid = [NodeBox(way.note.x, 0, 340, 200 + TITLE), *way.frames]
        for index, one in enumerate(solid):
            for other in solid[index + 1 :]:
                level = one.x + one.width <= other.x or other.x + other.width <= one.x
                assert level or one.y + one.height <= other.y or other.y + other.height <= one.y


def test_nodes_of_one_stage_share_columns_of_one_width():
    sizes = {"a": (200, 100), "b": (300, 150), "c": (250, 120)}
    ways = inner_ways("abc", sizes, {"b": ["a"], "c": ["b"]})
    columns = [sorted({box.x for box in way.values()}) for way in ways]
    assert sorted(len(one) for one in columns) == [1, 2, 2, 3]
    (stacked,) = (way for way in ways if len({box.x for box in way.values()}) == 1)
    assert {box.width for box in stacked.values()} == {300}
    assert stacked["a"].y < stacked["b"].y < stacked["c"].y
    for way in ways:
        for one, other in combinations(way.values(), 2):
            first, last = sorted((one, other), key=lambda box: box.y)
            under = first.y + first.height + TITLE <= last.y
            assert under or one.x + one.width <= other.x or other.x + other.width <= one.x


def test_a_legible_way_comes_before_one_of_shorter_wires():
    # Five in a chain: in one row every wire is short, but the row is long.
    stages = [CanvasStage("s", "#123", tuple("abcde"))]
    sizes = dict.fromkeys("abcde", (500, 300))
    chain = {after: [before] for before, after in pairwise("abcde")}
    best = arrangements(stages, sizes, chain, (320, 200))[0]
    assert zoom(best) > 0.61
    small = dict.fromkeys("abcde", (120, 300))
    best = arrangements(stages, small, chain, (320, 200))[0]
    assert len({box.y for box in best.boxes.values()}) == 1


def test_a_long_way_down_has_corners_that_keep_it_upright():
    # Between two nodes 70 apart there is no room for the swing of two bends.
    left, right = NodeBox(0, 100, 200, 900), NodeBox(270, -400, 200, 1300)
    bottom = NodeBox(600, 1000, 100, 100)
    wire = route((200, 110), (600, 1010), [right], [], (left, bottom))
    assert wire is not None
    assert len(wire.bends) > 2
    assert passed(wire, [right]) == []


def test_many_stages_take_two_rows():
    stages, sizes = _stages(7)
    best = arrangements(stages, sizes, {}, (340, 200))[0]
    assert len({box.y for box in best.boxes.values()}) > 1
    assert zoom(best) < 1


@pytest.fixture
def graph():
    graph = GraphBuilder()
    images = graph.add("Steer", model="avatars (embedded)")
    graph.pictured("x", images, 2)
    return graph.api


def _staged(graph, **more):
    stages = [CanvasStage("Draw", "#111", ("1",)), CanvasStage("Pictures", "#222", ("2", "3"))]
    return staged_ui(graph, schemas(), Staged("A title", "Some text.", stages, **more))


def test_a_staged_canvas_is_the_same_graph(graph):
    ui = _staged(graph)
    assert api_from_ui(ui, schemas()) == graph
    assert [group["title"] for group in ui["groups"]] == ["Draw", "Pictures"]
    assert [group["color"] for group in ui["groups"]] == ["#111", "#222"]
    note = ui["nodes"][0]
    assert (note["type"], note["title"], note["pos"]) == ("MarkdownNote", "A title", [0, TITLE])


def test_room_is_kept_for_what_a_node_says_after_its_run():
    graph = GraphBuilder()
    for _ in range(2):
        graph.add("LoadTranslator", file="digits translator (embedded)")
    stages = [CanvasStage("Models", "#111", ("1", "2"))]
    _, upper, lower = staged_ui(graph.api, schemas(), Staged("t", "n", stages))["nodes"]
    assert upper["pos"][0] == lower["pos"][0]
    assert lower["pos"][1] - TITLE - upper["pos"][1] - upper["size"][1] >= SAID


def test_the_nodes_of_templates_that_have_room_are_those_that_say_something():
    templates = [recipe for recipe in RECIPES.values() if recipe.template is not None]
    used = {raw["class_type"] for recipe in templates for raw in recipe.api.values()}
    used |= {f"LatentSteer_{own.kind}" for one in templates for own in one.template.own}
    ours = {name: node for name, node in load_nodes().items() if name.startswith("LatentSteer_")}
    said = {name for name in used & set(ours) if _says(ours[name])}
    # Text Condition says what it ignores, which is rare.
    assert said - {"LatentSteer_TextCondition"} == SAYS


def _says(node):
    """Whether a class hands a text to the canvas, by its source."""
    found = ast.parse(inspect.getsource(inspect.getmodule(node)))
    (own,) = (one for one in found.body if getattr(one, "name", "") == node.__name__)
    return any(isinstance(one, ast.keyword) and one.arg == "ui" for one in ast.walk(own))


def test_muted_nodes_are_on_the_canvas_and_not_in_the_graph(graph):
    raw = {"class_type": "LoadImage", "inputs": {"image": "mine.png"}, "_meta": {"title": "Mine"}}
    ui = _staged(graph, muted={"9": raw}, beside={"9": "1"})
    (mine,) = (node for node in ui["nodes"] if node["type"] == "LoadImage")
    assert mine["mode"] == 2
    assert mine["widgets_values"][0] == "mine.png"
    assert api_from_ui(ui, schemas()) == graph


def test_public_files_are_at_the_nodes_that_name_them(graph):
    file = ModelFile("avatars (embedded)", "https://example.org/x", "latentsteer_generators")
    found = [node["properties"].get("models") for node in _staged(graph, models=[file])["nodes"]]
    assert [one for one in found if one] == [[vars(file)]]


def test_a_node_without_a_stage_is_an_error(graph):
    with pytest.raises(WorkflowError, match=r"'3'.*no stage"):
        staged_ui(graph, schemas(), Staged("t", "n", [CanvasStage("a", "#111", ("1", "2"))]))
