"""The texts that the host shows on the canvas, in every language."""

import json
import re

import pytest
from latentsteer.nodes.catalogue import ALL_NODES
from latentsteer.nodes.locales import LOCALES, RESERVED, english, english_files, flat
from latentsteer.nodes.standalone.registry import load_nodes

LANGUAGES = sorted(path.name for path in LOCALES.iterdir() if path.is_dir())
NUMBER = re.compile(r"\d+(?:\.\d+)?(?:e-?\d+)?")


def texts(language):
    return json.loads((LOCALES / language / "nodeDefs.json").read_text("utf-8"))


@pytest.fixture(scope="module")
def originals():
    return flat(english(load_nodes()))


def test_english_is_generated_from_the_schemas():
    for path, text in english_files(load_nodes()).items():
        assert path.read_text("utf-8") == text, "run python -m latentsteer.workflows.recipes.write"


def test_the_canvas_shows_every_input_by_its_display_name():
    """Frontends show the id of a socket unless a translation names it."""
    written = texts("en")
    for node in ALL_NODES:
        schema = node.GET_SCHEMA()
        names = {i.id: i.display_name or i.id for i in schema.inputs}
        assert {k: v["name"] for k, v in written[schema.node_id]["inputs"].items()} == names
        shown = [
            written[schema.node_id]["outputs"][str(n)]["name"] for n in range(len(schema.outputs))
        ]
        assert shown == [o.display_name or o.id for o in schema.outputs]


def test_no_text_has_characters_of_the_hosts_message_syntax(originals):
    assert [place for place, text in originals.items() if set(text) & set(RESERVED)] == []
