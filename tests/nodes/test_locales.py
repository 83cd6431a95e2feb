"""The texts that the host shows on the canvas, in every language."""

import json
import re

import pytest
from latentsteer.nodes.catalogue import ALL_NODES
from latentsteer.nodes.locales import LOCALES, english, english_files, texts_by_place
from latentsteer.nodes.standalone.registry import load_nodes

RESERVED = "|{}@$"
"""Characters that the host's translation (vue-i18n) reads as its syntax."""
LANGUAGES = sorted(path.name for path in LOCALES.iterdir() if path.is_dir())
NUMBER = re.compile(r"\d+(?:\.\d+)?(?:e-?\d+)?")


def texts(language):
    return json.loads((LOCALES / language / "nodeDefs.json").read_text("utf-8"))


@pytest.fixture(scope="module")
def originals():
    return texts_by_place(english(load_nodes()))


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


def test_every_language_has_every_text_and_no_other(originals):
    assert LANGUAGES == ["en", "fr"]
    written = texts_by_place(texts("fr"))
    assert sorted(written) == sorted(originals)
    assert [place for place, text in written.items() if not text or text != text.strip()] == []
    assert [place for place, text in written.items() if set(text) & set(RESERVED)] == []


def test_a_translation_has_the_numbers_of_its_original(originals):
    """Ranges and defaults that change in English change in every language."""
    written = texts_by_place(texts("fr"))
    changed = {
        place: (text, written[place])
        for place, text in originals.items()
        if sorted(NUMBER.findall(text)) != sorted(NUMBER.findall(written[place]))
    }
    assert changed == {}


def test_inputs_and_outputs_have_the_names_of_help_and_api_in_every_language(originals):
    names = {place: text for place, text in originals.items() if place.endswith(".name")}
    written = texts_by_place(texts("fr"))
    assert {place: written[place] for place in names} == names


def test_a_translation_is_one(originals):
    written = texts_by_place(texts("fr"))
    prose = [p for p in originals if p.endswith((".tooltip", ".description", ".display_name"))]
    assert [place for place in prose if written[place] == originals[place]] == []
    titles = [written[p] for p in prose if p.endswith(".display_name")]
    assert len(set(titles)) == len(titles)


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_category_has_a_name(language):
    categories = {part for node in ALL_NODES for part in node.GET_SCHEMA().category.split("/")}
    named = json.loads((LOCALES / language / "main.json").read_text("utf-8"))
    assert sorted(named) == ["nodeCategories"]
    assert sorted(named["nodeCategories"]) == sorted(categories - {"LatentSteer"})
