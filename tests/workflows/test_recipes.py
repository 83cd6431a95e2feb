"""What is generated is as the nodes are: run `make workflows` when this fails."""

import io
import json

import pytest
from latentsteer.nodes import pages
from latentsteer.nodes.standalone.canvas.formats import ui_from_api
from latentsteer.nodes.standalone.registry import load_nodes, schemas_of
from latentsteer.workflows.recipes.write import FOLDER, graphs
from PIL import Image

SHIPPED = {shipped.name: shipped for shipped in graphs()}


def test_the_pages_of_the_nodes_are_as_the_nodes():
    there = [*pages.FOLDER.glob("*.md"), pages.OVERVIEW]
    assert {path: path.read_text("utf-8") for path in there} == pages.generated(load_nodes())


@pytest.mark.parametrize("name", SHIPPED)
def test_a_workflow_is_as_described(name):
    shipped = SHIPPED[name]
    canvas = ui_from_api(
        shipped.api, schemas_of(load_nodes()), title=shipped.title, notes=shipped.notes
    )
    assert json.loads((FOLDER / f"{name}.json").read_text("utf-8")) == canvas
    assert json.loads((FOLDER / "api" / f"{name}.json").read_text("utf-8")) == shipped.api


@pytest.mark.parametrize("name", SHIPPED)
def test_a_workflow_has_a_small_picture(name):
    content = (FOLDER / f"{name}.jpg").read_bytes()
    assert len(content) < 15_000
    with Image.open(io.BytesIO(content)) as picture:
        assert picture.format == "JPEG"


def test_only_our_workflows_are_shipped():
    assert {path.stem for path in FOLDER.glob("*.json")} == set(SHIPPED)
