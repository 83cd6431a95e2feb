"""Cancelling a refinement in a running ComfyUI, and resuming it."""

import pytest
from latentsteer.core.checkpoints import checkpoint as checkpoints
from latentsteer.core.latent_files import load_latents

from .client import changed, cheap, node_of

pytestmark = pytest.mark.host
STEPS, STOP_AT = 20, 5
PAIRS = 500
"""Of the cheap graph."""


def test_interrupt_stops_within_two_steps_and_resumes(client, server, record_property):
    # Many samples, so that a step takes longer than a message.
    api = cheap(seed=51, steps=STEPS, preview_every=1, samples_per_class=8)
    refiner, sheet = node_of(api, "LangevinRefine"), node_of(api, "SaveImage")
    folder = server.base / "output" / "interrupted"
    stopped = client.run(api, stop=lambda kind, data: _reached(kind, data, refiner))
    assert stopped.outcome == "execution_interrupted"
    assert stopped.history["status"]["messages"][-1][0] == "execution_interrupted"

    path = folder / f"{stopped.prompt_id}_{refiner}.safetensors"
    latents = load_latents(path)
    done = latents.interrupted.snapshot.state.step
    record_property("steps_after_interrupt", done - stopped.before_interrupt)
    assert 0 <= done - stopped.before_interrupt <= 2
    assert max(stopped.steps(refiner)) <= stopped.before_interrupt + 2

    (whole,) = client.run(api).images[sheet]
    resumed = _from_file(api, refiner, f"interrupted/{path.name}")
    rest = client.run(resumed)
    assert rest.steps(refiner)[0] == done + 1
    assert rest.images[sheet][0].tobytes() == whole.tobytes()
    assert client.run(changed(api, {"seed": 52, "samples_per_class": 1})).images[sheet]


def _reached(kind, data, refiner):
    return kind == "progress" and data["node"] == refiner and data["value"] >= STOP_AT


def _from_file(api, refiner, file):
    graph = changed(api, {})
    graph["90"] = {"class_type": "LatentSteer_LoadLatents", "inputs": {"file": file}}
    graph[refiner]["inputs"]["start"] = ["90", 0]
    return graph


def test_training_is_cancelled_too_and_resumes(client, server):
    api = cheap(seed=61, epochs=400)
    trainer, sheet = node_of(api, "TrainTranslator"), node_of(api, "SaveImage")
    stopped = client.run(api, stop=lambda kind, data: _training(kind, data, trainer))
    assert stopped.outcome == "execution_interrupted"
    (path,) = (server.base / "output" / "interrupted" / "trainings").iterdir()
    done = checkpoints.read(path).config["done"]
    assert done >= stopped.before_interrupt - PAIRS > 5
    assert client.run(cheap(seed=62)).outcome == "execution_success"

    resumed = client.run(api)
    assert min(step for step in resumed.steps(trainer) if step > PAIRS) >= PAIRS + done
    assert not path.exists()
    whole = client.run(changed(api, {"resume": False}))
    assert trainer in whole.executed
    assert resumed.images[sheet][0].tobytes() == whole.images[sheet][0].tobytes()


def _training(kind, data, trainer):
    return kind == "progress" and data["node"] == trainer and data["value"] > PAIRS + 5
