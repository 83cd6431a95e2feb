"""Actions of a user on the canvas, in a browser, on every host."""

import json
import os
import subprocess
from pathlib import Path

import pytest
from latentsteer.workflows.recipes.table import RECIPES
from latentsteer.workflows.recipes.write import canvas_path

from ..client import templates, workflow
from ..hosts import PACK
from .tools import browser_tools

pytestmark = pytest.mark.host
HERE = Path(__file__).parent
SECONDS = 900
"""Several times what an idle machine takes."""
TEMPLATE = "digits_train_translator"
FILE = "tr0n_digits_class"
"""A workflow that is no template; it previews figures."""


@pytest.fixture(scope="session")
def seen(server, tmp_path_factory):
    """Report of the browser; each test below checks a part of it."""
    tools = browser_tools()
    if missing := [name for name, place in tools.items() if place is None]:
        pytest.skip(
            f"canvas tests need {', '.join(missing)}: "
            f"npm install --prefix ~/.cache/latentsteer-canvas playwright-core"
        )
    shots = tmp_path_factory.mktemp(f"shots-{server.checkout.name}")
    environment = {
        **os.environ,
        "CANVAS_MODULES": str(tools["playwright-core"]),
        "CHROMIUM": str(tools["chromium"]),
    }
    arguments = (server.url, PACK, shots, canvas_path(RECIPES[FILE]))
    command = [str(tools["node"]), str(HERE / "drive.mjs"), *map(str, arguments)]
    done = subprocess.run(
        command, env=environment, capture_output=True, text=True, timeout=SECONDS, check=False
    )
    assert done.returncode == 0, done.stderr[-4000:]
    found = json.loads(done.stdout.splitlines()[-1])
    assert "failed" not in found, f"{found['part']}: {found['failed']}\nscreenshots: {shots}"
    return {**found, "shots": str(shots)}


def test_nodes_are_found_by_search(seen, record_property):
    record_property("screenshots", seen["shots"])
    assert "Langevin Refine" in seen["found"]
    assert seen["added"] == 1
    assert seen["node"]["type"] == "LatentSteer_LangevinRefine"
    assert seen["node"]["values"]["inverse_temperature"] == 20


def test_the_template_opens_from_the_list(seen):
    assert seen["templates"] == templates(), "the order of their numbers"
    _has_its_nodes(seen["loaded"], TEMPLATE)
    assert seen["dialogs"] == 0


def test_a_dropped_workflow_opens(seen):
    _has_its_nodes(seen["opened"], FILE)


def _has_its_nodes(shown, name):
    wanted = workflow(name, api=False)["nodes"]
    assert {str(n["id"]): n["type"] for n in shown} == {str(n["id"]): n["type"] for n in wanted}
    assert not any(node["missing"] for node in shown)


@pytest.mark.parametrize(("api", "name"), [("api", TEMPLATE), ("openedApi", FILE)])
def test_the_canvas_makes_the_shipped_api_graph(seen, api, name):
    made, graph = seen[api], workflow(name)
    assert made.keys() == graph.keys()
    for node, raw in graph.items():
        inputs = made[node]["inputs"]
        # The host's Preview Any has additional widgets of the frontend.
        own = inputs.keys() if raw["class_type"] != "PreviewAny" else raw["inputs"].keys()
        assert made[node]["class_type"] == raw["class_type"]
        assert {name: inputs[name] for name in own} == raw["inputs"]


@pytest.mark.parametrize("shown", ["loaded", "opened"])
def test_no_node_overlaps_another_or_is_too_small(seen, shown):
    boxes = [(n["title"], *n["pos"], *n["size"]) for n in seen[shown]]
    for index, (one, left, top, width, height) in enumerate(boxes):
        for other, x, y, w, h in boxes[index + 1 :]:
            apart = left + width <= x or x + w <= left
            # Every node has a title bar of 30 above it.
            apart = apart or top + height <= y - 30 or y + h <= top - 30
            assert apart, f"{one} overlaps {other}"
    cut = {n["title"]: (n["size"], n["least"]) for n in seen[shown] if _cut(n)}
    assert cut == {}


def _cut(node):
    least, size = node["least"], node["size"]
    return node["type"] != "MarkdownNote" and (size[1] < least[1] - 1 or size[0] < least[0] - 1)


def test_a_run_shows_a_live_preview_and_the_images(seen):
    assert seen["live"] is True
    assert seen["outcome"] == "success"
    pictures = {node["type"]: node["pictures"] for node in seen["after"]}
    assert pictures["SaveImage"] == 1
    assert pictures["PreviewImage"] == 1
    (figures,) = [n["values"] for n in seen["after"] if n["type"] == "PreviewAny"]
    assert "probability" in str(figures)


def test_cancel(seen):
    assert seen["cancelled"][-1] == "execution_interrupted"


def test_a_dropped_picture_restores_its_graph(seen):
    assert len(seen["restored"]) == len(seen["opened"])
    refiner = next(n for n in seen["restored"] if n["type"] == "LatentSteer_LangevinRefine")
    assert refiner["values"]["seed"] == 7
    assert refiner["values"]["steps"] == 20
    assert seen["restoredApi"].keys() == seen["openedApi"].keys()


def test_no_console_error_of_ours(seen):
    ours = [text for text in seen["errors"] if PACK in text or "LatentSteer" in text]
    assert ours == []
    assert [text for text in seen["refused"] if PACK in text] == []
