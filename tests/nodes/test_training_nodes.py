"""Train Translator's recipes and heads, and the training that it keeps when it is interrupted."""

import random
from dataclasses import replace

import pytest
import torch
from latentsteer.core.checkpoints import checkpoint as checkpoints
from latentsteer.core.errors import ResumeMismatch
from latentsteer.core.generators.biggan import ajbrock as biggan
from latentsteer.core.translators.recipes import FAST, PAPER
from latentsteer.core.translators.training import fit_translator, new_translator
from latentsteer.nodes.standalone.errors import NodeError, RunInterrupted

PAIRS = 64
BATCHES = 24
SMALL = {"hidden": 8, "components": 2, "seed": 5, "condition_noise": 0.1}
LONG = {**SMALL, "pairs": PAIRS, "epochs": 3, "batch_size": 8}


@pytest.fixture
def training(new_graph):
    """Returns a graph that trains a translator of the digits, and the link to it."""

    def go(**changes):
        graph = new_graph()
        made = graph.models()
        models = {"generator": made.generator, "auxiliary": made.classifier}
        return graph, graph.add("TrainTranslator", **models, **LONG | changes)

    return go


@pytest.fixture
def stopped(training, run, new_host, at_step, out):
    """Interrupts a training after a batch; returns its file."""

    def go(batch, **changes):
        at_step("Train Translator", PAIRS + batch, lambda host: host.request_interrupt())
        host = new_host()
        with pytest.raises(RunInterrupted, match="TrainTranslator") as caught:
            run(training(**changes)[0], host)
        (path,) = (out / "interrupted" / "trainings").iterdir()
        assert list(caught.value.files) == host.interrupted_files == [path]
        return path

    return go


def weights(ran, link):
    return ran[link].state_dict()


def equal(one, other):
    return list(one) == list(other) and all(torch.equal(one[name], other[name]) for name in one)


@pytest.mark.bits
def test_an_interrupted_training_ends_with_the_same_weights(training, run, stopped):
    graph, link = training()
    whole = run(graph)
    assert whole.ui(link)["text"][0].startswith(f"{BATCHES} batches, loss ")
    batch = random.SystemRandom().randint(1, BATCHES)
    path = stopped(batch)
    assert checkpoints.read(path).config["done"] == batch
    again = run(graph)
    assert equal(weights(again, link), weights(whole, link)), batch
    text = again.ui(link)["text"][0]
    assert text.startswith(f"{BATCHES} batches, resumed after {batch}")
    assert ("loss" in text) == (batch < BATCHES)
    assert list(path.parent.iterdir()) == []


@pytest.mark.bits
def test_two_interruptions_in_one_training(training, run, stopped):
    graph, link = training()
    whole = weights(run(graph), link)
    path = stopped(3)
    assert stopped(17) == path
    assert equal(weights(run(graph), link), whole)


@pytest.mark.bits
def test_without_resume_a_training_starts_again(training, run, stopped):
    stopped(9)
    graph, link = training(resume=False)
    ran = run(graph)
    assert "resumed" not in ran.ui(link)["text"][0]
    other, resumed = training()
    assert equal(weights(ran, link), weights(run(other), resumed))


@pytest.mark.parametrize("change", [{"seed": 6}, {"epochs": 4}, {"pairs": 72}, {"recipe": "fast"}])
def test_the_file_of_another_training_is_left_alone(change, training, run, stopped):
    path = stopped(9)
    graph, link = training(**change)
    assert "resumed" not in run(graph).ui(link)["text"][0]
    assert list(path.parent.iterdir()) == [path]


def test_a_damaged_file_is_refused_with_the_cure(training, run, stopped):
    path = stopped(9)
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(NodeError, match="Remove it, or choose not to resume") as caught:
        run(training()[0])
    assert isinstance(caught.value.__cause__, ResumeMismatch)
    run(training(resume=False)[0])
    assert list(path.parent.iterdir()) == []


def test_load_latents_does_not_offer_trainings(stopped, new_graph, refusal):
    path = stopped(9)
    graph = new_graph()
    graph.add("LoadLatents", file=f"interrupted/{path.name}")
    assert "There are: none" in refusal(graph)


@pytest.mark.bits
@pytest.mark.parametrize(("name", "recipe"), [("paper", PAPER), ("fast", FAST)])
def test_a_recipe_replaces_the_widgets_that_it_names(name, recipe, new_graph, run):
    graph = new_graph()
    made = graph.models()
    models = {"generator": made.generator, "auxiliary": made.classifier}
    pairs = graph.add("SynthesisePairs", **models, count=PAIRS)
    asked = {"epochs": 77, "batch_size": 3, "learning_rate": 0.5, "initial_std": 9.0}
    settings = {**models, **SMALL, "synthesised": pairs, "recipe": name}
    links = [graph.add("TrainTranslator", **settings, **more) for more in ({}, asked)]
    ran = run(graph)
    generator, auxiliary = ran[made.generator], ran[made.classifier]
    expected = new_translator(generator, auxiliary, components=2, hidden=8, seed=5)
    fit_translator(expected, ran[pairs], replace(recipe, condition_noise=0.1), seed=5)
    for link in links:
        assert equal(weights(ran, link), expected.state_dict())
        assert ran[link].config == expected.config
    assert ran[links[0]].config.initial_std == recipe.initial_std


@pytest.mark.bits
def test_heads_change_nothing_without_bounds_and_classes(training, run):
    found = []
    for heads in ("plain", "paper"):
        graph, link = training(heads=heads)
        found.append(weights(run(graph), link))
    assert equal(*found)


@pytest.mark.parametrize("kind", ["mixture", "deterministic"])
def test_heads_of_the_paper_bound_z_and_regress_the_class_of_a_biggan(
    kind, tmp_path, run, new_host, new_graph
):
    example = biggan.GENERATOR.examples[0]()
    tensors = {
        prefix + name: tensor
        for prefix, network in example.networks.items()
        for name, tensor in network.state_dict().items()
    }
    path = tmp_path / "models" / "latentsteer_generators" / "big.safetensors"
    checkpoints.write(path, tensors, example.config)
    graph = new_graph()
    made = graph.models(generator=path.name)
    models = {"generator": made.generator, "auxiliary": made.classifier}
    settings = {**models, **LONG, "pairs": 16, "epochs": 1, "kind": kind}
    links = {h: graph.add("TrainTranslator", **settings, heads=h) for h in ("plain", "paper")}
    ran = run(graph, new_host(tmp_path))
    spans = ran[made.generator].source.slices()
    z, y = ((span.start, span.stop) for span in spans.values())
    plain, paper = (ran[links[heads]].config for heads in ("plain", "paper"))
    assert plain.regressed == plain.bounds == ()
    assert paper.regressed == ((y,) if kind == "mixture" else ())
    assert [bound[:2] for bound in paper.bounds] == [z]
