"""The host runs nodes in inference mode; back-propagation must leave it."""

import contextlib
import importlib

import pytest
import torch
from latentsteer.nodes.standalone.errors import NodeError


def test_the_chain_from_files_to_images_back_propagates(run, graph, tiny):
    made = graph.steered("0-3")
    models = {"generator": made.generator, "auxiliary": made.classifier}
    translator = graph.add("TrainTranslator", **models, **tiny)
    starts = {"generator": made.generator, "condition": made.condition}
    drawn = graph.add("TranslatorInit", translator=translator, **starts)
    langevin = graph.refined(made, drawn, steps=6, step_size=0.01, momentum=0.5)
    adam = graph.refined(made, langevin, "AdamRefine", steps=6, learning_rate=0.05)
    decoded = graph.add("Decode", generator=made.generator, latents=adam)
    ran = run(graph)
    for refiner in (langevin, adam):
        energies = ran.trace(refiner).energies.mean(dim=1)
        assert energies[-1] < energies[0] - 0.1
    lasting = {
        "weights of the generator": next(ran[made.generator].module.parameters()),
        "weights of the classifier": next(ran[made.classifier].module.parameters()),
        "weights of the translator": next(ran[translator].parameters()),
        "condition": ran[made.condition].embedding,
        "translator's draws": ran[drawn].values,
        "Langevin's latents": ran[langevin].values,
        "Adam's latents": ran[adam].values,
        "curve": ran.trace(adam).energies,
        "images": ran[decoded],
    }
    assert [name for name, tensor in lasting.items() if tensor.is_inference()] == []
    assert not torch.is_inference_mode_enabled()


@pytest.mark.parametrize("place", ["load.generator", "train.translator", "work"])
def test_each_guard_is_needed(place, run, graph, tiny, monkeypatch):
    """Without it in this one module, gradients are refused."""
    made = graph.steered("3")  # one row, which all samples share
    if place == "train.translator":
        models = {"generator": made.generator, "auxiliary": made.classifier}
        graph.add("TrainTranslator", **models, **tiny)
    else:
        graph.refined(made, graph.from_prior(made))
    module = importlib.import_module(f"latentsteer.nodes.{place}")
    with monkeypatch.context() as patch:
        patch.setattr(module, "autograd", contextlib.nullcontext)
        with pytest.raises(NodeError) as caught:
            run(graph)
    cause = caught.value.__cause__
    assert type(cause) is RuntimeError
    said = str(cause).lower()
    assert "inference tensor" in said or "does not require grad" in said
    run(graph)


def test_images_made_in_inference_mode_can_be_judged(run, graph):
    """As the host's own nodes make them."""
    made = graph.models()
    latents = graph.add("PriorInit", generator=made.generator, samples=2)
    images = graph.add("Decode", generator=made.generator, latents=latents)
    ran = run(graph)
    with torch.inference_mode():
        pictures = ran[images] * 1.0
    assert pictures.is_inference()
    from latentsteer.nodes.report.evaluate import EvaluateImages

    with torch.inference_mode():
        judged = EvaluateImages.execute(pictures, ran[made.classifier], "none", "fixed")
    assert "2 images" in judged[0]
