"""Conditions, translators and latents of another model: the error has both names."""

import pytest
from latentsteer.core.errors import ConditionMismatch, GeneratorMismatch
from latentsteer.core.zoo import shipped as catalogue
from latentsteer.nodes.standalone.errors import NodeError

JUDGE = "digits judge (embedded)"
OTHER = "other.safetensors"


@pytest.mark.parametrize("energy", ["EnergyClassifier", "EnergyBayes"])
def test_a_condition_of_another_classifier(energy, fault, graph):
    made = graph.steered()
    judge = graph.add("LoadAuxModel", file=JUDGE)
    inputs = {"auxiliary": judge, "condition": made.condition}
    if energy == "EnergyBayes":
        inputs["generator"] = made.generator
    graph.add(energy, **inputs)
    said = fault(graph, ConditionMismatch)
    assert "made by 'digits-classifier', but 'digits-judge' was given" in said
    assert "load 'digits-classifier'" in said


def test_a_condition_that_the_translator_was_not_trained_for(fault, graph):
    made = graph.models(classifier=JUDGE)
    made.condition = graph.add("ClassCondition", auxiliary=made.classifier, classes="1")
    graph.from_translator(made)
    said = fault(graph, ConditionMismatch)
    assert "takes conditions of 'digits-classifier'; got one of 'digits-judge'" in said


@pytest.mark.parametrize("mode", ["sample", "basis"])
def test_a_translator_of_another_generator(mode, fault, graph):
    made = graph.models(generator=OTHER)
    made.condition = graph.add("ClassCondition", auxiliary=made.classifier, classes="1")
    graph.from_translator(made, mode=mode)
    said = fault(graph, GeneratorMismatch)
    assert "was trained for generator 'digits-generator' (18229c640b0a); got 'other'" in said


@pytest.mark.parametrize("kind", ["LangevinRefine", "Decode"])
def test_latents_of_another_generator(kind, fault, graph):
    made = graph.steered()
    latents = graph.from_prior(made)
    made.generator = graph.add("LoadGenerator", file=OTHER)
    if kind == "Decode":
        graph.add("Decode", generator=made.generator, latents=latents)
    else:
        graph.refined(made, latents, kind)
    said = fault(graph, GeneratorMismatch)
    assert "The latents are of generator 'digits-generator'" in said
    assert "got 'other'" in said


def test_a_judge_that_does_not_know_the_classes(own_base, graph):
    from latentsteer.core.checkpoints.checkpoint import read, write

    models, run = own_base
    file = read(catalogue.embedded(JUDGE))
    letters = {**file.config, "classes": list("abcdefghij")}
    write(models / "latentsteer_aux" / "letters.safetensors", file.tensors, letters)
    made = graph.steered()
    images = graph.add("Decode", generator=made.generator, latents=graph.from_prior(made))
    judge = graph.add("LoadAuxModel", file="letters.safetensors")
    graph.add("EvaluateImages", images=images, auxiliary=judge, condition=made.condition)
    with pytest.raises(NodeError) as caught:
        run(graph)
    assert "'letters' does not have the classes 3, 5; it has a, b, c" in str(caught.value)
