"""The pack in a host's executor, in one process without the server."""

import json
from pathlib import Path

import pytest
from latentsteer.nodes.catalogue import ALL_NODES
from PIL import Image

from .client import cheap, downstream, node_of
from .hosts import make_base

pytestmark = pytest.mark.host
HERE = Path(__file__).parent
SHARE = 0.1
"""Most processor time of the pack's import, as a share of what the host takes before it."""


def core_only():
    """A graph without the host's extra nodes, which are slow to load."""
    return {n: raw for n, raw in cheap().items() if raw["class_type"] != "PreviewAny"}


@pytest.fixture(scope="module")
def execute(checkout, tmp_path_factory):
    """Runs three graphs (refiner's seeds 0, 1, 0) and unloads all models after each."""
    done = {}

    def executed(mode):
        if mode not in done:
            base = make_base(tmp_path_factory.mktemp(mode) / "base")
            graph = base / "graph.json"
            graph.write_text(json.dumps(core_only()), "utf-8")
            text = checkout.run(HERE / "inprocess.py", base, graph, mode)
            done[mode] = json.loads(text.splitlines()[-1])
            for run in done[mode]["runs"]:
                with Image.open(base / "output" / run["file"]) as picture:
                    run["pixels"] = picture.tobytes()
        return done[mode]

    return executed


@pytest.mark.parametrize("mode", ["classic", "none", "novram"])
def test_gradients_under_the_real_inference_mode(execute, mode):
    found = execute(mode)
    assert found["in_inference_mode"] == [True] * len(found["in_inference_mode"])
    assert len(found["in_inference_mode"]) == 3
    for run in found["runs"]:
        assert run["refine"]["after"]["energy"] < run["refine"]["before"]["energy"]


@pytest.mark.parametrize("mode", ["classic", "none", "novram"])
def test_weights_stay_ordinary_when_the_host_unloads_them(execute, mode):
    found = execute(mode)
    assert found["modules"] >= 3
    assert found["weights"] > found["modules"]
    assert found["inference_weights"] == 0
    assert not any(found["moved"]["GradPatcher"])
    assert all(found["moved"]["ModelPatcher"]), "the host's patcher no longer needs LatentSteer's"


def test_every_cache_and_memory_mode_gives_the_same_pixels(execute):
    usual = execute("classic")["runs"]
    assert usual[0]["pixels"] == usual[2]["pixels"] != usual[1]["pixels"]
    for mode in ("none", "novram"):
        assert [run["pixels"] for run in execute(mode)["runs"]] == [r["pixels"] for r in usual]


def test_the_cache_keeps_what_the_seed_does_not_touch(execute):
    first, second, _ = (set(run["executed"]) for run in execute("classic")["runs"])
    api = core_only()
    assert first == set(api)
    assert second == downstream(api, node_of(api, "LangevinRefine"))
    assert all(set(run["executed"]) == set(api) for run in execute("none")["runs"])


def test_import_is_quick_and_asks_no_network(checkout, tmp_path, record_property):
    base = make_base(tmp_path / "base")
    found = [
        json.loads(checkout.run(HERE / "imports.py", base).splitlines()[-1]) for _ in range(3)
    ]
    best = min(entry["share"] for entry in found)
    record_property("share of the host's start", round(best, 3))
    assert all(entry["loaded"] and entry["nodes"] == len(ALL_NODES) for entry in found)
    assert best <= SHARE, found
