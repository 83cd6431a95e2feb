"""Train Translator with kind flow, in a graph."""

from importlib.util import find_spec

import pytest
import torch
from latentsteer.core.errors import InvalidInput

# Not `importorskip`: an import of the library by others changes torch.distributions.
if find_spec("zuko") is None:
    pytest.skip("the extra `flow` is not installed", allow_module_level=True)


@pytest.mark.bits
def test_a_kept_flow_draws_as_the_trained_one(new_graph, run, tiny, new_host, tmp_path):
    own = tmp_path / "base"
    own.mkdir()
    first = new_graph()
    made = first.steered("0-4")
    models = {"generator": made.generator, "auxiliary": made.classifier}
    trained = first.add("TrainTranslator", kind="flow", **models, **tiny)
    passed = first.add("SaveTranslator", translator=trained, name="flow")
    starts = {"generator": made.generator, "condition": made.condition}
    drawn = first.add("TranslatorInit", translator=passed, seed=6, **starts)
    ran = run(first, new_host(own))
    assert ran[trained].config.kind == "flow"

    second = new_graph()
    made = second.steered("0-4")
    loaded = second.add("LoadTranslator", file="flow.safetensors")
    starts = {"generator": made.generator, "condition": made.condition}
    again = second.add("TranslatorInit", translator=loaded, seed=6, **starts)
    found = run(second, new_host(own))[again].values
    assert found.shape == (5, 32)
    assert bool(found.isfinite().all())
    assert torch.equal(found, ran[drawn].values)


def test_a_mean_of_a_flow_is_refused_with_the_cure(graph, run, tiny, fault):
    made = graph.steered("0-4")
    models = {"generator": made.generator, "auxiliary": made.classifier}
    trained = graph.add("TrainTranslator", kind="flow", **models, **tiny)
    starts = {"generator": made.generator, "condition": made.condition}
    graph.add("TranslatorInit", translator=trained, mode="mean", **starts)
    assert "Start from samples (mode `sample`)" in fault(graph, InvalidInput)
