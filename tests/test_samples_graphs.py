"""Graphs of earlier versions, kept in tests/samples: they convert, hold and run."""

import gzip
import json
from pathlib import Path

import pytest
from latentsteer.core.zoo import shipped
from latentsteer.nodes.standalone.canvas.formats import api_from_ui
from latentsteer.nodes.standalone.executor import execute
from latentsteer.nodes.standalone.graph import validate
from latentsteer.nodes.standalone.host import StandaloneHost
from latentsteer.nodes.standalone.registry import load_nodes, schemas_of
from latentsteer.nodes.standalone.values import (
    checked,
    coerced,
    default_of,
    has_control,
    has_upload,
    widgets,
)

SAMPLES = Path(__file__).parent / "samples"
VERSIONS = ("a2d8531", "73d3504")
GRAPHS = [
    (version, path.name.removesuffix(".json.gz"))
    for version in VERSIONS
    for path in sorted((SAMPLES / version / "graphs").iterdir())
]
EMBEDDED = [
    ("a2d8531", "fusedream_avatars_attack"),
    ("a2d8531", "fusedream_avatars_composition"),
    ("a2d8531", "krr_avatars_editing"),
    ("a2d8531", "tr0n_digits_bayes_0_20"),
    ("73d3504", "fusedream_avatars_basin_cma"),
    ("73d3504", "krr_digits_only_condition"),
    ("73d3504", "tr0n_avatars_interpolation"),
    ("73d3504", "tr0n_digits_no_error_correction"),
]
"""Those that run here: of embedded models, and each with nodes that the others lack."""
FILES = ("file", "image", "model_name", "folder", "backbone")
"""Widgets that list the files of a folder."""
NODES = load_nodes()
CHEAP = {
    "pairs": 32,
    "epochs": 1,
    "steps": 2,
    "samples": 2,
    "samples_per_class": 1,
    "samples_per_prompt": 1,
    "samples_per_latent": 2,
    "candidates": 2,
    "keep": 2,
    "frames": 2,
    "population": 4,
    "inner_steps": 1,
    "views": 1,
}
"""The most that a run takes; a KRR flow needs two samples of each condition."""


def cheap(api, name):
    """The graph with few steps and samples, of the first of its prompts.

    Those of digits keep their fixed chunks; of avatars, a chunk for one sample is that sample.
    """
    most = CHEAP | ({"samples_per_prompt": 2} if name.startswith("krr") else {})
    for raw in api.values():
        given = raw["inputs"]
        for key, value in most.items():
            if not isinstance(given.get(key), list) and given.get(key, 0) > value:
                given[key] = value
        if "chunk" in given and "avatars" in name:
            given["chunk"] = "fast"
        if "prompts" in given:
            given["prompts"] = given["prompts"].splitlines()[0]
        if "places" in given:
            given["places"] = "centre"
    return api


def graph_of(version, name):
    """A workflow of a version in both formats."""
    path = SAMPLES / version / "graphs" / f"{name}.json.gz"
    return json.loads(gzip.decompress(path.read_bytes()))


@pytest.fixture(scope="module")
def schemas():
    return schemas_of(NODES)


@pytest.mark.parametrize(("version", "name"), GRAPHS)
def test_canvas_graphs_convert_with_the_values_that_they_had(version, name, schemas):
    graph = graph_of(version, name)
    noted = []
    converted = api_from_ui(graph["canvas"], schemas, noted.append)
    assert noted == []
    assert converted.keys() == graph["api"].keys()
    for node_id, old in graph["api"].items():
        new = converted[node_id]
        assert new["class_type"] == old["class_type"]
        assert {key: new["inputs"].get(key) for key in old["inputs"]} == old["inputs"]
        defaults = {w.id: default_of(w) for w in widgets(schemas[new["class_type"]])}
        added = {key: new["inputs"][key] for key in new["inputs"].keys() - old["inputs"].keys()}
        assert added == {key: defaults[key] for key in added}


@pytest.mark.parametrize(("version", "name"), GRAPHS)
def test_api_graphs_hold(version, name, schemas):
    """As a whole where their models are embedded; else in all that names no file."""
    api = graph_of(version, name)["api"]
    if "avatars" in name or "digits" in name:
        assert set(validate(api, NODES).order) == set(api)
    for raw in api.values():
        for widget in widgets(schemas[raw["class_type"]]):
            value = raw["inputs"].get(widget.id, default_of(widget))
            if not isinstance(value, list) and widget.id not in FILES:
                assert checked(widget, coerced(widget, value)) == value


@pytest.mark.usefixtures("curves_drawn_once", "judged_once")
@pytest.mark.parametrize(("version", "name"), EMBEDDED)
def test_api_graphs_of_embedded_models_run(version, name, tmp_path, monkeypatch):
    if "basin_cma" in name:
        pytest.importorskip("cmaes", reason="cmaes is not installed")
    whole = shipped.reference_portion
    monkeypatch.setattr(shipped, "reference_portion", lambda *a, **k: whole(*a, **k)[:64])
    api = graph_of(version, name)["api"]
    host = StandaloneHost(tmp_path, tmp_path / "out", "cpu")
    result = execute(cheap(api, name), host, nodes=NODES)
    assert set(result.seconds) == set(api)
    assert list(host.out.glob("*.png"))


@pytest.mark.parametrize("version", VERSIONS)
def test_nodes_keep_what_saved_graphs_rely_on(version, schemas):
    """Values on a canvas stand in the order of the widgets, links in that of the outputs."""
    kept = json.loads((SAMPLES / version / "schemas.json").read_text(encoding="utf-8"))
    for name, old in kept.items():
        schema = schemas[name]
        new = [widget.id for widget in widgets(schema)]
        assert new[: len(old["widgets"])] == old["widgets"], name
        followed = {w.id for w in widgets(schema) if has_control(w) or has_upload(w)}
        assert followed & set(old["widgets"]) == set(old["followed"]), name
        sockets = {i.id: i.get_io_type() for i in schema.inputs or () if i.id not in new}
        assert old["sockets"].items() <= sockets.items(), name
        outputs = [output.io_type for output in schema.outputs or ()]
        assert outputs[: len(old["outputs"])] == old["outputs"], name
        options = {w.id: set(getattr(w, "options", ())) for w in widgets(schema)}
        for widget, values in old["options"].items():
            assert set(values) <= options[widget], f"{name}.{widget}"
