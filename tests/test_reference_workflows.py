"""The papers' workflows on official layouts with random weights, in the standalone host."""

import json

import pytest
from latentsteer.nodes.cli.main import main
from PIL import Image

from .reference_models import NAMES, VARIABLE, reference_folder, small, steps_of, written
from .workflow_settings import REFINERS, kinds_of

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        reference_folder() is None, reason=f"no reference checkpoints; set {VARIABLE}"
    ),
]


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    root = tmp_path_factory.mktemp("reference")
    written(root)
    return root


@pytest.mark.usefixtures("curves_drawn_once", "files_read_once")
@pytest.mark.parametrize("name", NAMES)
def test_it_runs_on_reference_files(name, base, tmp_path):
    api = small(name)
    (tmp_path / "graph.json").write_text(json.dumps(api), encoding="utf-8")
    folders = ["--base", str(base), "--out", str(tmp_path / "out"), "--device", "cpu"]
    assert main(["run", str(tmp_path / "graph.json"), *folders]) == 0
    (picture,) = (tmp_path / "out").glob("*.png")
    low, high = Image.open(picture).convert("L").getextrema()
    assert high - low > 8
    report = json.loads((tmp_path / "out" / "report.json").read_text(encoding="utf-8"))
    items = [item for node in report["measures"].values() for item in node["items"]]
    refined = [item["refine"] for item in items if "refine" in item]
    if not kinds_of(api).isdisjoint(REFINERS):
        # Image to Latents takes styles as they are encoded, in no step.
        assert {one["steps"] for one in refined} - {0} == {steps_of(name)}
