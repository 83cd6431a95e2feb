"""The papers' workflows on official layouts with random weights, in a running ComfyUI."""

import json

import pytest

from ..reference_models import EACH, NAMES, VARIABLE, reference_folder, small, steps_of, written
from ..workflow_settings import REFINERS, kinds_of

pytestmark = [
    pytest.mark.host,
    pytest.mark.skipif(
        reference_folder() is None, reason=f"no reference checkpoints; set {VARIABLE}"
    ),
]


@pytest.fixture(scope="session")
def official(server):
    written(server.base)


@pytest.mark.usefixtures("official")
@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=[] if name in EACH else [pytest.mark.slow]) for name in NAMES],
)
def test_it_runs_on_reference_files(name, client, record_property):
    """The picture has the samples' size and shows something; what refines says what it did."""
    api = small(name)
    run = client.run(api)
    assert run.outcome == "execution_success", run.history["status"]
    (saved,) = [n for n, node in api.items() if node["class_type"] == "SaveImage"]
    (picture,) = run.images[saved]
    low, high = picture.convert("L").getextrema()
    assert high - low > 8
    said = [
        part
        for output in run.history["outputs"].values()
        for part in output.get("latentsteer", ())
    ]
    refined = [part["refine"] for part in said if "refine" in part]
    refiners = {n for n, node in api.items() if not kinds_of({n: node}).isdisjoint(REFINERS)}
    # With so few steps some workflows are equal, and the host keeps their results.
    if refiners - run.cached:
        assert refined
        # Image to Latents takes styles as they are encoded, in no step.
        assert {one["steps"] for one in refined} - {0} == {steps_of(name)}
    record_property(name, json.dumps({"size": picture.size, "refined": len(refined)}))
