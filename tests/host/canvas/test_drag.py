"""Generator from Model, dragged into ComfyUI's default graph, with a tiny model in a browser."""

import json
import os
import subprocess
from pathlib import Path

import pytest

from ..hosts import PACK, Server, make_base
from .tools import browser_tools

pytestmark = pytest.mark.host
HERE = Path(__file__).parent
CHECKPOINT = "v1-5-pruned-emaonly-fp16.safetensors"
"""The file that the default graph names; its contents are not read here."""


def test_generator_from_model_is_dragged_into_the_default_graph(
    checkout, tmp_path, record_property
):
    tools = browser_tools()
    if missing := [name for name, place in tools.items() if place is None]:
        pytest.skip(f"canvas tests need {', '.join(missing)}")
    base = make_base(tmp_path / "base")
    (base / "custom_nodes" / "tiny-models").symlink_to(HERE.parent / "tiny_pack")
    (base / "models" / "checkpoints").mkdir()
    (base / "models" / "checkpoints" / CHECKPOINT).touch()
    shots = tmp_path / "shots"
    shots.mkdir()
    environment = {
        **os.environ,
        "CANVAS_MODULES": str(tools["playwright-core"]),
        "CHROMIUM": str(tools["chromium"]),
    }
    with Server(checkout, base) as server:
        command = [tools["node"], HERE / "drag.mjs", server.url, shots, CHECKPOINT]
        done = subprocess.run(
            list(map(str, command)),
            env=environment,
            capture_output=True,
            text=True,
            timeout=900,
            check=False,
        )
        assert done.returncode == 0, f"{done.stderr[-4000:]}\n{server.tail()}"
    seen = json.loads(done.stdout.splitlines()[-1])
    if "CheckpointLoaderSimple" not in seen["before"]:
        pytest.skip(f"this frontend's default graph has no Load Checkpoint: {seen['before']}")
    record_property("screenshots", str(shots))
    assert "failed" not in seen, f"{seen['failed']}\nscreenshots: {shots}"
    assert {"KSampler", "VAEDecode", "SaveImage"} <= set(seen["before"])
    assert seen["links"] == [True] * 8
    assert (seen["outcome"], seen["messages"]) == ("success", [])
    # The default graph's own picture, and that of Generator from Model.
    assert seen["pictures"] == 2
    assert [text for text in seen["errors"] if PACK in text or "LatentSteer" in text] == []
