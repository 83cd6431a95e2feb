"""Templates: notes that name what is there, and canvases that read at a glance."""

import json
import re
from itertools import combinations

import pytest
from latentsteer.nodes.standalone.canvas.layout import TITLE, NodeBox
from latentsteer.nodes.standalone.canvas.view import (
    SCREEN,
    SHARE,
    CanvasView,
    covered,
    fitted_view,
)
from latentsteer.nodes.standalone.canvas.wires import INSIDE, Wire, passed, socket
from latentsteer.nodes.standalone.values import widgets
from latentsteer.workflows.recipes.graph import schemas
from latentsteer.workflows.recipes.table import RECIPES
from latentsteer.workflows.recipes.template_canvas import seconds_of, template_note
from latentsteer.workflows.recipes.write import DOCS, FOLDER, canvas_path

NAMES = sorted(name for name, recipe in RECIPES.items() if recipe.template is not None)
TALLEST = 600
LEAST, LEAST_ADVANCED = 1.0, 0.6
"""Scales at which starters and others open on a laptop's screen."""
LINES = 8
OLDER, MINIMAP = (1536, 822), (294, 266)
"""Size of the older host's canvas, and of the corner that its minimap covers."""


@pytest.fixture(params=NAMES)
def recipe(request):
    return RECIPES[request.param]


@pytest.fixture
def canvas(recipe):
    return json.loads(canvas_path(recipe).read_text("utf-8"))


def _titles(canvas):
    return {node.get("title"): node["type"] for node in canvas["nodes"]}


def _box(node):
    return NodeBox(*node["pos"], *node["size"])


def test_a_note_names_nodes_and_widgets_that_are_there(recipe, canvas):
    text, titles = template_note(recipe), _titles(canvas)
    assert set(re.findall(r"\*\*(.+?)\*\*", text)) <= set(titles)
    for widget, title in re.findall(r"^\* \*(\w+)\* of \*\*(.+?)\*\*", text, re.MULTILINE):
        assert widget in {w.display_name or w.id for w in widgets(schemas()[titles[title]])}
    others = {schema.display_name for schema in schemas().values()} - {
        schemas()[kind].display_name for kind in titles.values() if kind in schemas()
    }
    # "Steer" and "Decode" are words as well.
    named = {name for name in others if " " in name and name in text}
    assert named == set()


def test_a_note_states_the_time_of_a_run_and_no_other(recipe):
    text, seconds = template_note(recipe), seconds_of(recipe.id)
    assert (seconds is None) == bool(recipe.files)
    times = re.findall(r"\b(?:seconds?|minutes?|hours?)\b", text)
    assert len(times) == (seconds is not None)


def test_a_note_is_short_and_at_the_top_left(recipe, canvas):
    lines = [line for line in template_note(recipe).splitlines() if line]
    assert 3 <= len(lines) <= LINES
    (note,) = (node for node in canvas["nodes"] if node["type"] == "MarkdownNote")
    assert note["widgets_values"] == [template_note(recipe)]
    assert note["pos"][0] == min(node["pos"][0] for node in canvas["nodes"][1:]) or note[
        "pos"
    ] == [0, TITLE]


def test_a_name_that_is_not_there_is_an_error(recipe):
    from dataclasses import replace

    for change in (("No such node", "x"), (f"{next(iter(_first(recipe)))}.nothing", "x")):
        template = replace(recipe.template, change=(change,))
        with pytest.raises(ValueError, match="has no"):
            template_note(replace(recipe, template=template))


def _first(recipe):
    return [node["_meta"]["title"] for node in recipe.api.values()]


def test_groups_hold_all_nodes_and_do_not_overlap(canvas):
    frames = [NodeBox(*group["bounding"]) for group in canvas["groups"]]
    assert len({group["title"] for group in canvas["groups"]}) == len(frames) >= 2
    assert all(re.fullmatch("#[0-9a-f]{6}", group["color"]) for group in canvas["groups"])
    for one, other in combinations(frames, 2):
        apart = one.x + one.width <= other.x or other.x + other.width <= one.x
        assert apart or one.y + one.height <= other.y or other.y + other.height <= one.y
    for node in canvas["nodes"]:
        box = _box(node)
        inside = [
            frame.x <= box.x
            and frame.y <= box.y - TITLE
            and box.x + box.width <= frame.x + frame.width
            and box.y + box.height <= frame.y + frame.height
            for frame in frames
        ]
        assert sum(inside) == (node["type"] != "MarkdownNote")


def test_no_wire_passes_under_a_node(canvas):
    nodes = {node["id"]: node for node in canvas["nodes"]}
    bends = {bend["id"]: bend for bend in canvas["extra"].get("reroutes", ())}
    last = {link["id"]: link["parentId"] for link in canvas["extra"].get("linkExtensions", ())}
    for number, source, slot, target, row, _ in canvas["links"]:
        way, bend = [], last.get(number)
        while bend is not None:
            assert bends[bend]["linkIds"] == [number]
            way.insert(0, tuple(bends[bend]["pos"]))
            bend = bends[bend].get("parentId")
        start = socket(_box(nodes[source]), slot, output=True)
        end = socket(_box(nodes[target]), row, output=False)
        others = [node for key, node in nodes.items() if key not in (source, target)]
        under = passed(Wire(start, tuple(way), end), list(map(_box, others)), margin=0)
        assert [others[n]["title"] for n in under] == []
        ends = [_box(nodes[source]), _box(nodes[target])]
        assert passed(Wire(start, tuple(way), end), ends, margin=-INSIDE) == []


def test_it_opens_readable_and_no_node_is_too_tall(recipe, canvas):
    boxes = [_box(node) for node in canvas["nodes"]]
    assert max(box.height + TITLE for box in boxes) <= TALLEST
    width = max(b.x + b.width for b in boxes) - min(b.x for b in boxes)
    height = max(b.y + b.height for b in boxes) - min(b.y - TITLE for b in boxes)
    scale = SHARE * min(SCREEN[0] / width, SCREEN[1] / height)
    least = LEAST if recipe.template.starter else LEAST_ADVANCED
    assert scale >= least
    # The older host opens the view in the file.
    view = CanvasView(canvas["extra"]["ds"]["scale"], *canvas["extra"]["ds"]["offset"])
    assert least <= view.scale <= 1
    bends = [NodeBox(*bend["pos"], 0, -TITLE) for bend in canvas["extra"].get("reroutes", ())]
    frames = [NodeBox(x, y + TITLE, w, h - TITLE) for x, y, w, h in _frames(canvas)]
    for box in [*boxes, *bends, *frames]:
        seen = view.on_screen(box)
        assert min(seen.x, seen.y) >= 0
        assert seen.x + seen.width <= OLDER[0]
        assert seen.y + seen.height <= OLDER[1]
    for seen in map(view.on_screen, boxes):
        beside = seen.x + seen.width <= OLDER[0] - MINIMAP[0] + 1
        assert beside or seen.y + seen.height <= OLDER[1] - MINIMAP[1] + 1
    if recipe.template.starter:
        assert not covered(boxes, fitted_view(boxes))


def _frames(canvas):
    return [group["bounding"] for group in canvas["groups"]]


def test_starters_are_one_node_of_a_task_and_its_pictures():
    starters = [r for r in RECIPES.values() if r.template is not None and r.template.starter]
    assert len(starters) >= 6
    for recipe in starters:
        kinds = [node["class_type"] for node in recipe.api.values()]
        assert sum(kind in {"LatentSteer_Steer", "LatentSteer_EditImage"} for kind in kinds) == 1


def test_own_models_are_public_files_with_their_folder():
    for name in ("own_stylegan", "own_clip"):
        canvas = json.loads(canvas_path(RECIPES[name]).read_text("utf-8"))
        found = [one for node in canvas["nodes"] for one in node["properties"].get("models", ())]
        assert found
        for one in found:
            assert one["url"].startswith("https://huggingface.co/")
            assert one["url"].endswith(one["name"])
            assert one["directory"].startswith("latentsteer_")
            assert one["name"] in RECIPES[name].files


def test_the_docs_name_the_templates_and_their_number():
    page = (DOCS / "workflows.md").read_text("utf-8")
    names = [RECIPES[name].template.name for name in NAMES]
    assert [name for name in names if f"| [{name}](" not in page] == []
    readme = (FOLDER.parent / "README.md").read_text("utf-8")
    assert f"{len(names)} templates" in readme
    said = re.findall(r"\*(\d\d [^*]+)\*", readme + (DOCS / "install.md").read_text("utf-8"))
    assert set(said) <= set(names)
    assert said
