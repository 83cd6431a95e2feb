"""The shipped workflows against the papers' numbers, node input by node input."""

import copy
import json
import re

import pytest
from latentsteer.nodes.standalone.registry import load_nodes
from latentsteer.nodes.standalone.values import widgets
from latentsteer.workflows.recipes.graph import Shipped
from latentsteer.workflows.recipes.paper.notes import departures, rows_named, with_paper
from latentsteer.workflows.recipes.paper.numbers import Each, Has, OneOf
from latentsteer.workflows.recipes.paper.rows import ROWS, inputs_of, sweep
from latentsteer.workflows.recipes.write import FOLDER

NODES = load_nodes()
NAMES = sorted(path.stem for path in FOLDER.glob("*.json"))
OFFICIAL = tuple(name for name in NAMES if re.match(r"tr0n_(biggan|faces|xl)_", name))
FUSEDREAM = tuple(name for name in NAMES if re.match(r"fusedream_(biggan|pixels)_", name))
CAPTIONED = {("CaptionAuxModel", "beams")}
"""The paper samples captions by nucleus."""


def api_of(name):
    return json.loads((FOLDER / "api" / f"{name}.json").read_text(encoding="utf-8"))


def note_of(name):
    canvas = json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))
    (note,) = [n for n in canvas["nodes"] if n["type"] == "MarkdownNote"]
    return note["widgets_values"][0]


def tables_of(note):
    """The table's rows that a note names; f10 is all of f10a to f10e."""
    named = [number for number in ROWS for name in rows_named(note) if number.startswith(name)]
    return [ROWS[number].nodes for number in dict.fromkeys(named)]


def as_written(spec, given):
    if isinstance(spec, Each):
        return list(spec.values) == given
    if isinstance(spec, Has):
        return all(value in given for value in spec.values)
    if isinstance(spec, OneOf):
        return all(value in spec.values for value in given)
    return all(value == spec for value in given)


def other(api, tables):
    """Kinds and inputs that are as in none of the rows named."""
    found = set()
    for kind in {kind for nodes in tables for kind in nodes}:
        given = [n["inputs"] for n in api.values() if n["class_type"] == f"LatentSteer_{kind}"]
        wanting = [nodes[kind] for nodes in tables if kind in nodes]
        if not given:
            found |= {(kind, "")} if len(wanting) == len(tables) else set()
            continue
        for name in {name for inputs in wanting for name in inputs}:
            specs = [inputs[name] for inputs in wanting if name in inputs]
            values = [inputs[name] for inputs in given]
            alone = [any(as_written(spec, [value]) for spec in specs) for value in values]
            together = any(as_written(spec, values) for spec in specs)
            if not together and not (len(specs) > 1 and all(alone)):
                found.add((kind, name))
    return found


@pytest.mark.parametrize("name", NAMES)
def test_every_number_is_the_papers_or_the_note_says_that_it_is_not(name):
    note, api = note_of(name), api_of(name)
    tables = tables_of(note)
    differ = other(api, tables)
    said = note.partition("**Not as in ")[2]
    assert bool(said) == bool(differ)
    assert ("**Numbers as in " in note) == (bool(tables) and not differ)
    assert "settings as in the paper" not in note
    for kind, wrong in differ:
        title = NODES[f"LatentSteer_{kind}"].schema().display_name
        (line,) = [line for line in said.split("\n") if line.startswith(f"* **{title}**: ")]
        if not wrong:
            assert line.endswith(": none")
            continue
        (told,) = re.findall(rf"\*{wrong}\* (.*? \(.*?\))(?:, \*|$)", line)
        assert told


def test_tr0n_trains_with_the_papers_numbers_on_official_files():
    """B.1, B.3 and B.4, written here a second time."""
    trained = {
        name: node["inputs"]
        for name in OFFICIAL
        for node in api_of(name).values()
        if node["class_type"] == "LatentSteer_TrainTranslator"
    }
    assert len(trained) == 15
    for name, inputs in trained.items():
        assert (inputs["hidden"], inputs["learning_rate"], inputs["initial_std"]) == (
            2048,
            1e-4,
            0.01,
        )
        sizes = inputs["pairs"], inputs["epochs"], inputs["batch_size"], inputs["components"]
        assert sizes == (1_000_000, 10, 16, 10), name
    steps = [
        node["inputs"]["steps"]
        for node in api_of("tr0n_biggan_budget").values()
        if node["class_type"] == "LatentSteer_LangevinRefine"
    ]
    assert steps == [10, 25, 50, 100, 150, 250, 500]


@pytest.mark.parametrize("name", OFFICIAL + FUSEDREAM)
def test_on_official_files_the_captions_alone_are_not_the_papers(name):
    differ = other(api_of(name), tables_of(note_of(name)))
    # Algorithm 2's start where the paper has equation 5, which is what that workflow is for.
    allowed = {("TranslatorInit", "mode")} if name == "tr0n_biggan_text_mixture" else set()
    assert differ - CAPTIONED == allowed
    assert tables_of(note_of(name))


def test_fusedreams_rows_weigh_each_basis_vector_by_a_number_but_for_the_released_code():
    kinds = {
        name: {
            node["inputs"]["weights"]
            for node in api_of(name).values()
            if node["class_type"] == "LatentSteer_BasisInit"
        }
        for name in NAMES
    }
    basis = {name: kind for name, kind in kinds.items() if kind}
    coded = {"fusedream_biggan_released_code", "tr0n_biggan_fusedream_start"}
    assert {name for name, kind in basis.items() if kind == {"softmax"}} == coded
    assert all(kind == {"scalar"} for name, kind in basis.items() if name not in coded)
    assert len(basis) > 25


@pytest.mark.parametrize("row", ROWS)
def test_the_table_names_inputs_that_there_are(row):
    for kind, inputs in ROWS[row].nodes.items():
        there = {widget.id for widget in widgets(NODES[f"LatentSteer_{kind}"].schema())}
        assert set(inputs) <= there
    assert ROWS[row].where


def test_a_note_names_rows_alone_by_ranges_and_by_parts():
    assert rows_named("Paper rows t02 and t08, f10a; k13 to k15 (v12, t2, at05)") == (
        "f10a",
        "k13",
        "k14",
        "k15",
        "t02",
        "t08",
    )
    assert rows_named("no row") == ()


def test_a_number_that_is_changed_is_told(monkeypatch):
    api = api_of("tr0n_biggan_text_image")
    assert departures(["t20"], api) == []
    for kind, name, value in (
        ("TrainTranslator", "hidden", 100),
        ("LangevinRefine", "inverse_temperature", 2000.0),
        ("EnergyCLIP", "views", 0),
        ("LoadGenerator", "file", "biggan-256.pth"),
    ):
        changed = copy.deepcopy(api)
        for node in changed.values():
            if node["class_type"] == f"LatentSteer_{kind}":
                node["inputs"][name] = value
        (found,) = departures(["t20"], changed)
        assert (found.name, found.here) == (name, (value,))
        assert found.there == (ROWS["t20"].nodes[kind][name],)
    without = {k: n for k, n in api.items() if n["class_type"] != "LatentSteer_EnergyCLIP"}
    (found,) = departures(["t20"], without)
    assert (found.node, found.name) == ("Energy CLIP", "")
    told = with_paper(Shipped("tr0n_x", "", "Paper row t20.", without, 1, 0, 1)).notes
    assert "* **Energy CLIP**: none" in told
    told = with_paper(Shipped("tr0n_x", "", "Paper row t20.", api, 1, 0, 1)).notes
    assert "**Numbers as in the paper (B.1, B.3).**" in told
    assert with_paper(Shipped("x", "", "none", api, 1, 0, 1)).notes == "none"


def test_sweeps_and_several_rows_are_compared_as_wholes():
    budget = api_of("tr0n_biggan_budget")
    shorter = dict(list(budget.items()))
    last = max(k for k, n in budget.items() if n["class_type"] == "LatentSteer_LangevinRefine")
    shorter[last] = {**budget[last], "inputs": {**budget[last]["inputs"], "steps": 400}}
    assert {one.name for one in departures(["t24"], shorter)} == {"beams", "steps"}
    # A graph of two rows may have the value of either.
    faces = api_of("tr0n_faces_text")
    assert departures(["t20", "t29"], faces) == []
    assert {one.name for one in departures(["t20"], faces)} == {"file", "inverse_temperature"}
    assert sweep("t24", "LangevinRefine", "steps")[0] == 10
    assert "steps" not in inputs_of("t24", "LangevinRefine")
