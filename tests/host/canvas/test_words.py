"""What a user reads on the canvas, in a browser, on every host."""

import json
import os
import re
import subprocess
import urllib.request
from pathlib import Path

import pytest
from latentsteer.nodes.locales import LOCALES

from ...search_phrases import FIRST, FIRST_OF_OURS
from ..hosts import PACK
from .tools import browser_tools

pytestmark = pytest.mark.host
HERE = Path(__file__).parent
SECONDS = 600
ADDED = {"control_after_generate", "latentsteer_advanced", "latentsteer_result"}
"""Widgets that the frontends or web/js add to those of a schema."""


def texts(language):
    return json.loads((LOCALES / language / "nodeDefs.json").read_text("utf-8"))


@pytest.fixture(scope="session")
def read(server, tmp_path_factory):
    """Report of the browser; each test below checks a part of it."""
    tools = browser_tools()
    if missing := [name for name, place in tools.items() if place is None]:
        pytest.skip(f"canvas tests need {', '.join(missing)}")
    shots = tmp_path_factory.mktemp(f"words-{server.checkout.name}")
    environment = {
        **os.environ,
        "CANVAS_MODULES": str(tools["playwright-core"]),
        "CHROMIUM": str(tools["chromium"]),
    }
    phrases = json.dumps([*FIRST, *FIRST_OF_OURS])
    command = [str(tools["node"]), str(HERE / "words.mjs"), server.url, PACK, str(shots), phrases]
    done = subprocess.run(
        command, env=environment, capture_output=True, text=True, timeout=SECONDS, check=False
    )
    assert done.returncode == 0, done.stderr[-4000:]
    found = json.loads(done.stdout.splitlines()[-1])
    assert "failed" not in found, f"{found['part']}: {found['failed']}\nscreenshots: {shots}"
    return {**found, "shots": str(shots)}


def test_the_host_serves_the_texts_of_every_language(server):
    with urllib.request.urlopen(f"{server.url}/i18n", timeout=30) as answer:
        served = json.load(answer)
    for language in ("en", "fr"):
        own = texts(language)
        assert {name: served[language]["nodeDefs"][name] for name in own} == own


def test_the_right_node_comes_first_for_what_people_type(read, record_property):
    record_property("screenshots", read["shots"])
    assert len(FIRST) >= 20
    assert {phrase: read["found"][phrase][:1] for phrase in FIRST} == {
        phrase: [title] for phrase, title in FIRST.items()
    }


def test_it_is_found_where_the_hosts_nodes_have_the_phrase_in_their_names(read):
    for phrase, title in FIRST_OF_OURS.items():
        listed = read["found"][phrase]
        # The newer host shows a dozen rows at a time, which its own nodes may fill.
        assert title in listed or len(listed) >= 8, phrase


def test_at_most_five_inputs_are_visible_at_first_and_all_after_the_button(read):
    for name, node in read["inputs"].items():
        shown = [w for w in node["visible"] if w not in ADDED]
        known = texts("en")[name]["inputs"]
        assert len(shown) <= 5, name
        if "latentsteer_advanced" in node["visible"]:
            assert set(node["open"]) - ADDED == {w for w, _ in node["labels"]} - ADDED, name
            assert set(shown) < set(node["open"]) - ADDED <= set(known), name
            assert node["again"] == node["size"], name
            assert node["advanced"] is True


def test_the_button_is_neither_saved_nor_sent(read):
    for name, node in read["inputs"].items():
        own = [w for w, _ in node["labels"] if w != "latentsteer_advanced"]
        assert node["saved"] == len(own), name
    restored = read["restored"]
    assert restored["momentum"] == 0.5
    assert restored["visible"] > 15
    assert not ADDED & set(restored["inputs"])


def test_sockets_have_the_names_of_the_help(read):
    for name, node in read["inputs"].items():
        known = texts("en")[name]
        shown = [label for w, label in node["labels"] if w not in ADDED]
        named = sorted(entry["name"] for entry in known["inputs"].values())
        assert sorted([*node["sockets"], *shown]) == named, name
        assert node["outputs"] == [entry["name"] for entry in known["outputs"].values()], name
        explained = re.findall(r"^\| \*\*(.+?)\*\*", read["pages"][name], re.MULTILINE)
        assert sorted(explained) == named, name


def test_help_renders(read):
    assert read["help"].startswith("KRR Flow Refine")
    for named in ("real images", "features", "lambda_generated", "Example"):
        assert named in read["help"]


def test_a_nodes_text_is_shown_on_it_and_not_saved(read):
    text = read["text"]
    assert text["value"].startswith("saved as ")
    assert text["read"] is True
    assert min(text["shown"]) > 20
    assert text["saved"] == ["shown"]
    assert sorted(text["inputs"]) == ["latents", "name"]


def test_nodes_2_has_the_text_and_its_own_button(read):
    if "modern" not in read:
        pytest.skip("this host has no Nodes 2.0")
    assert read["modern"]["nodes"] == 3
    assert read["modern"]["text"].startswith("saved as ")
    assert read["modern"]["advanced"] == 2
    assert read["modern"]["buttons"] == 0
    assert read["modern"]["named"] == 0


def test_french_loads(read):
    french = texts("fr")
    for name, node in read["french"].items():
        assert node["title"] == french[name]["display_name"]
        if "latentsteer_advanced" in node["visible"]:
            assert dict(node["labels"])["latentsteer_advanced"].startswith("Afficher")


def test_reading_causes_no_console_error_of_ours(read):
    assert [text for text in read["errors"] if PACK in text or "LatentSteer" in text] == []
    assert [text for text in read["refused"] if PACK in text and "/docs/" not in text] == []
