"""The graph of docs/install.md runs; tests/host runs its commands verbatim."""

import json
import re

from latentsteer.nodes.catalogue import ALL_NODES
from latentsteer.nodes.defaults import defaults_of
from latentsteer.nodes.standalone.canvas.workflow_file import read_workflow
from latentsteer.nodes.standalone.executor import execute
from latentsteer.nodes.standalone.host import StandaloneHost
from PIL import Image

from .readme import ROOT, posted, script


def test_the_posted_graph_runs_and_names_no_default(tmp_path):
    path = tmp_path / "body.json"
    path.write_text(json.dumps(posted()), encoding="utf-8")
    graph = read_workflow(path)
    usual = {schema.node_id: defaults_of(schema) for schema in (n.schema() for n in ALL_NODES)}
    for raw in graph.values():
        default = usual.get(raw["class_type"], {})
        assert not {n for n, v in raw["inputs"].items() if default.get(n) == v}
    result = execute(graph, StandaloneHost(tmp_path, tmp_path / "out", "cpu"))
    per_class = usual["LatentSteer_ClassCondition"]["samples_per_class"]
    assert len(result.files) == 2 * per_class
    with Image.open(result.files[0]) as picture:
        assert picture.convert("L").getextrema()[1] > 200


def test_the_program_names_nodes_and_inputs_that_are_there():
    (name,) = re.findall(r'open\("(workflows/api/.*?)"\)', script())
    graph = json.loads((ROOT / name).read_text("utf-8"))
    known = {schema.node_id: schema for schema in (n.schema() for n in ALL_NODES)}
    kinds = {
        raw["class_type"]: {socket.id for socket in known[raw["class_type"]].inputs}
        for raw in graph.values()
        if raw["class_type"] in known
    }
    assert {"classes", "samples_per_class"} <= kinds["LatentSteer_ClassCondition"]
    assert "seed" in kinds["LatentSteer_LangevinRefine"]
