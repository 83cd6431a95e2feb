"""Evaluate Images: the judge's figures."""

import json

import pytest
import torch
from latentsteer.core.zoo import shipped as catalogue

JUDGE = "digits judge (embedded)"

pytestmark = pytest.mark.usefixtures("judged_once")


def test_evaluated_images_have_the_judges_figures(graph, run):
    made = graph.steered("3, 5, 7", each=2)
    start = graph.from_translator(made, candidates=3, energy=made.energy)
    images = graph.add("Decode", generator=made.generator, latents=start)
    judge = graph.add("LoadAuxModel", file=JUDGE)
    told = graph.add(
        "EvaluateImages",
        images=images,
        auxiliary=judge,
        condition=made.condition,
        reference="digits held out (embedded)",
    )
    plain = graph.add("EvaluateImages", images=images, auxiliary=judge)
    ran = run(graph)
    text, _, figures_of_all = ran.result.outputs[told[0]]
    assert text.startswith("judged by digits-judge: 6 images")
    assert "probability of the wanted class" in text
    shown = json.loads(figures_of_all)
    (figures,) = (item["evaluate"] for item in ran.ui(told)["latentsteer"])
    probability = ran.result.outputs[told[0]][1]
    says = ran[judge].embed(ran[images].movedim(3, 1))
    wanted = torch.tensor([3, 3, 5, 5, 7, 7])
    own = says[torch.arange(6), wanted]
    assert probability == pytest.approx(float(own.mean()), abs=1e-5)
    assert figures["probability"] == probability
    assert figures["judge"] == "digits-judge"
    assert figures["images"] == 6
    assert figures["agreement"] == pytest.approx(float((says.argmax(1) == wanted).float().mean()))
    assert figures["frechet_distance"] > 0
    assert figures["diversity"] > 0
    low, high = figures["probability_low"], figures["probability_high"]
    assert low <= probability <= high
    # The displayed figures are rounded.
    assert shown.keys() == figures.keys()
    judge_name = figures.pop("judge")
    assert shown.pop("judge") == judge_name
    assert shown == pytest.approx(figures, rel=1e-2, abs=1e-3)
    without = json.loads(ran.result.outputs[plain[0]][2])
    assert ran.result.outputs[plain[0]][1] == 0.0
    assert not {"probability", "frechet_distance"} & set(without)


def test_the_reference_is_the_same_as_itself(graph, run):
    """The held-out images against the held-out images."""
    from latentsteer.nodes.images import to_host
    from latentsteer.nodes.report.evaluate import EvaluateImages

    judge = graph.add("LoadAuxModel", file=JUDGE)
    model = run(graph)[judge]
    images, labels = catalogue.reference_images("digits held out (embedded)")
    condition = model.condition(labels.tolist())
    _, probability, text = EvaluateImages.execute(
        to_host(images), model, "digits held out (embedded)", "fast", condition
    ).args
    figures = json.loads(text)
    assert figures["frechet_distance"] == pytest.approx(0, abs=1e-3)
    assert figures["agreement"] == pytest.approx(0.98, abs=0.01)  # as the manifest says
    assert probability > 0.95
