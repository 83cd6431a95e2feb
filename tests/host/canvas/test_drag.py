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
FILES = (
    "checkpoints/v1-5-pruned-emaonly-fp16.safetensors",
    "diffusion_models/z_image_turbo_bf16.safetensors",
    "text_encoders/qwen_3_4b.safetensors",
    "vae/ae.safetensors",
)
"""What the default graphs name: SD1.5 on the older host, Z-Image-Turbo on the newer one.

The tiny pack reads none of their contents."""
LOADERS = {"CheckpointLoaderSimple"}, {"UNETLoader", "CLIPLoader", "VAELoader"}


def test_generator_from_model_is_dragged_into_the_default_graph(
    checkout, tmp_path, record_property
):
    tools = browser_tools()
    if missing := [name for name, place in tools.items() if place is None]:
        pytest.skip(f"canvas tests need {', '.join(missing)}")
    base = make_base(tmp_path / "base")
    (base / "custom_nodes" / "tiny-models").symlink_to(HERE.parent / "tiny_pack")
    for file in FILES:
        (base / "models" / file).parent.mkdir(exist_ok=True)
        (base / "models" / file).touch()
    shots = tmp_path / "shots"
    shots.mkdir()
    environment = {
        **os.environ,
        "CANVAS_MODULES": str(tools["playwright-core"]),
        "CHROMIUM": str(tools["chromium"]),
    }
    with Server(checkout, base) as server:
        command = [tools["node"], HERE / "drag.mjs", server.url, shots]
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
    record_property("screenshots", str(shots))
    assert "failed" not in seen, f"{seen['failed']}\nscreenshots: {shots}"
    before = set(seen["before"])
    assert {"KSampler", "VAEDecode", "SaveImage"} <= before
    assert any(loaders <= before for loaders in LOADERS), "a default graph of another model"
    own = ["LatentSteer_GeneratorFromModel"] * 2 + ["LatentSteer_PriorInit", "LatentSteer_Decode"]
    newer = ["ModelSamplingAuraFlow", "VAELoader", "CLIPTextEncode", "EmptySD3LatentImage"]
    older = ["CheckpointLoaderSimple"] * 2 + ["CLIPTextEncode", "EmptyLatentImage"]
    assert seen["links"] == (newer if "UNETLoader" in before else older) + own
    assert (seen["outcome"], seen["messages"]) == ("success", [])
    # The default graph's own picture, and that of Generator from Model.
    assert seen["pictures"] == 2
    assert [text for text in seen["errors"] if PACK in text or "LatentSteer" in text] == []
