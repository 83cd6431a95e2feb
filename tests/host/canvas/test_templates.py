"""Every template on the canvas, in a browser, on every host: classic, and Nodes 2.0 on the newer.

The older host's Nodes 2.0 are an experiment that draws few widgets.
"""

import json
import os
import subprocess
from itertools import combinations
from pathlib import Path

import pytest
from latentsteer.workflows.recipes.table import RECIPES

from ..client import templates
from ..hosts import PACK
from .tools import browser_tools

pytestmark = pytest.mark.host
HERE = Path(__file__).parent
SECONDS = 1800
"""Several times what an idle machine takes."""
TITLE, TALLEST = 30, 600
LEAST, LEAST_ADVANCED = 1.0, 0.6
"""Scales at which starters and others open."""
LEAST_PIXELS = 10
"""Height of a starter's text on the screen."""
NEW = (0, 30)
EMBEDDED = {r.template.name for r in RECIPES.values() if r.template is not None and not r.files}
STARTERS = {
    r.template.name for r in RECIPES.values() if r.template is not None and r.template.starter
}


@pytest.fixture(scope="session", params=["classic", "nodes 2.0"])
def seen(request, server, tmp_path_factory):
    """Report of the browser; each test below checks a part of it."""
    vue = request.param == "nodes 2.0"
    version = tuple(int(part) for part in server.checkout.version().split(".")[:2])
    if vue and version < NEW:
        pytest.skip("Nodes 2.0 are an experiment there")
    tools = browser_tools()
    if missing := [name for name, place in tools.items() if place is None]:
        pytest.skip(f"canvas tests need {', '.join(missing)}")
    shots = tmp_path_factory.mktemp(
        f"shots-{server.checkout.name}-{request.param}".replace(" ", "-")
    )
    environment = {
        **os.environ,
        "CANVAS_MODULES": str(tools["playwright-core"]),
        "CHROMIUM": str(tools["chromium"]),
    }
    arguments = (server.url, PACK, str(shots), str(int(vue)))
    done = subprocess.run(
        [str(tools["node"]), str(HERE / "templates.mjs"), *arguments],
        env=environment,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-4000:]
    report = done.stdout.splitlines()[-1]
    (shots / "report.json").write_text(report, "utf-8")
    found = json.loads(report)
    assert "failed" not in found, f"{found['failed']}\nscreenshots: {shots}"
    assert found["vue"] is vue
    return {**found, "shots": str(shots)}


def test_every_template_opens_without_a_missing_node(seen, record_property):
    record_property("screenshots", seen["shots"])
    record_property("seconds until all are open and run", seen["ran"])
    assert sorted(seen["templates"]) == templates()
    for name, found in seen["templates"].items():
        # Models that are not shipped are offered for download, or marked.
        if name in EMBEDDED:
            assert [node["type"] for node in found["nodes"] if node["missing"]] == [], name
            assert not found["dialogs"], name


def _box(node):
    if node.get("drawn"):
        left, top, width, height = node["drawn"]
        return left, top, left + width, top + height
    (x, y), (width, height) = node["pos"], node["size"]
    return x, y - TITLE, x + width, y + height


def test_nothing_overlaps_is_cut_or_too_tall(seen):
    for name, found in seen["templates"].items():
        _is_apart(name, found)
        for node in found["nodes"]:
            _, top, _, bottom = _box(node)
            assert bottom - top <= TALLEST + 1, f"{name}: {node['title']}"
            if not seen["vue"] and node["type"] != "MarkdownNote":
                assert node["size"][1] >= node["least"][1] - 1, f"{name}: {node['title']}"


def test_nothing_overlaps_after_a_run(seen):
    for name, found in seen["after"].items():
        _is_apart(name, found)


def test_a_nodes_text_lies_above_its_preview(seen):
    """The frontends draw a preview down to the lower edge of its node."""
    if seen["vue"]:
        pytest.skip("Nodes 2.0 stack a node's parts")
    nodes = [(name, node) for name, found in seen["after"].items() for node in found["nodes"]]
    both = {f"{name}: {node['title']}": node["both"] for name, node in nodes if node["both"]}
    assert "01 Avatars from text: Steer" in both
    assert {title: ends for title, ends in both.items() if ends[0] > ends[1]} == {}


def _is_apart(name, found):
    for one, other in combinations(found["nodes"], 2):
        left, top, right, bottom = _box(one)
        left2, top2, right2, bottom2 = _box(other)
        apart = right <= left2 or right2 <= left or bottom <= top2 or bottom2 <= top
        assert apart, f"{name}: {one['title']} overlaps {other['title']}"


def test_it_opens_readable(seen):
    for name, found in seen["templates"].items():
        assert found["shown"], name
        assert found["covered"] == [], name
        assert found["failed"] == [], name
        assert found["scale"] >= (LEAST if name in STARTERS else LEAST_ADVANCED), name
        if name in STARTERS:
            fonts = [size for node in found["nodes"] for size in node["fonts"]]
            assert min(fonts or [found["font"]]) * found["scale"] >= LEAST_PIXELS, name


def test_every_wire_is_visible_and_has_the_colour_of_its_type(seen):
    for name, found in seen["templates"].items():
        assert found["segments"] == found["paths"] > 0, name
        assert found["under"] == [], name
        assert [kind for kind in found["uncoloured"] if kind.startswith("LATENTSTEER")] == []


def test_one_click_runs_every_one_of_shipped_models(seen):
    """With the widgets set that templates.mjs lists."""
    assert set(seen["outcomes"]) == EMBEDDED
    assert set(seen["outcomes"].values()) == {"success"}
    assert all(count > 0 for count in seen["pictures"].values())
    assert [name for name, found in seen["after"].items() if found["failed"]] == []


def test_no_console_error_of_ours(seen):
    ours = [text for text in seen["errors"] if PACK in text or "LatentSteer" in text]
    assert ours == []
    assert [text for text in seen["refused"] if PACK in text] == []
