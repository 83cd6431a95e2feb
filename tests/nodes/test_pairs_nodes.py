"""Pairs on the canvas: kept under a name, loaded, saved, and trained on."""

import json

import pytest
import torch
from latentsteer.core.errors import ConditionMismatch, GeneratorMismatch, InvalidInput
from latentsteer.core.pairs.stored import StoredPairs
from latentsteer.nodes.model_files import offered
from latentsteer.nodes.standalone.errors import NodeError, RunInterrupted, WorkflowError
from latentsteer.nodes.standalone.host import StandaloneHost, use

COUNT = 24
JUDGE = "digits judge (embedded)"
OTHER = "other.safetensors"


@pytest.fixture
def own_run(base, tmp_path, run):
    """Runs graphs on a base folder of the test, which has the shared generators."""
    folder = tmp_path / "base"
    (folder / "models").mkdir(parents=True)
    (folder / "models" / "latentsteer_generators").symlink_to(
        base / "models" / "latentsteer_generators"
    )

    def host():
        return StandaloneHost(folder, tmp_path / "out", "cpu")

    def go(graph):
        return run(graph, host())

    go.host, go.folder = host, folder / "models" / "latentsteer_pairs"
    return go


def pairs(graph, count=COUNT, made=None, **inputs):
    made = made or graph.models()
    models = {"generator": made.generator, "auxiliary": made.classifier}
    return graph.add("SynthesisePairs", **models, count=count, seed=5, **inputs)


def refused(own_run, graph, cause, message):
    with pytest.raises(NodeError, match=message) as caught:
        own_run(graph)
    assert type(caught.value.__cause__) is cause


def same(one, other):
    assert torch.equal(one.latents, other.latents)
    assert torch.equal(one.conditions, other.conditions)


@pytest.mark.bits
def test_pairs_are_kept_under_a_name_loaded_and_extended(own_run, new_graph):
    graph = new_graph()
    memory, kept = pairs(graph, COUNT + 8), pairs(graph, name="mine")
    ran = own_run(graph)
    whole = ran[memory]
    assert "24 pairs in " in str(ran.ui(kept))
    with use(own_run.host()):
        assert offered("latentsteer_pairs", []) == ["mine"]
    graph = new_graph()
    loaded = graph.add("LoadPairs", file="mine")
    ran = own_run(graph)
    same(ran[loaded], StoredPairs(own_run.folder / "mine"))
    assert torch.equal(ran[loaded].latents, whole.latents[:COUNT])
    assert "24 pairs of latents of digits" in str(ran.ui(loaded))
    graph = new_graph()
    longer = pairs(graph, COUNT + 8, name="mine")
    same(own_run(graph)[longer], whole)


def test_a_stopped_synthesis_goes_on(own_run, new_graph, at_step):
    at_step("Synthesise Pairs", 16, lambda host: host.request_interrupt())
    graph = new_graph("fixed")
    kept = pairs(graph, name="mine")
    with pytest.raises(RunInterrupted, match="SynthesisePairs"):
        own_run(graph)
    assert len(own_run(graph)[kept]) == COUNT


@pytest.mark.bits
def test_a_translator_from_pairs_is_the_one_that_draws_them_itself(own_run, new_graph, tiny):
    graph = new_graph()
    made = graph.models()
    settings = {"generator": made.generator, "auxiliary": made.classifier, **tiny, "seed": 5}
    alone = graph.add("TrainTranslator", **settings | {"pairs": COUNT})
    for given in (pairs(graph, made=made), pairs(graph, made=made, name="mine")):
        graph.add("TrainTranslator", **settings, synthesised=given)
    ran = own_run(graph)
    trained = [ran[[number, 0]] for number in graph.api if "epochs" in graph.api[number]["inputs"]]
    assert len(trained) == 3
    for other in trained[1:]:
        for name, tensor in ran[alone].state_dict().items():
            assert torch.equal(other.state_dict()[name], tensor)


def test_pairs_of_other_models_are_refused(own_run, new_graph, tiny):
    graph = new_graph()
    pairs(graph, name="mine")
    own_run(graph)
    graph = new_graph()
    other = graph.models(generator=OTHER)
    pairs(graph, made=other, name="mine")
    refused(own_run, graph, GeneratorMismatch, r"The pairs 'mine' are of generator .*got .*other")
    graph = new_graph()
    other = graph.models(generator=OTHER)
    given = graph.add("LoadPairs", file="mine")
    models = {"generator": other.generator, "auxiliary": other.classifier}
    graph.add("TrainTranslator", **models, **tiny, synthesised=given)
    refused(own_run, graph, GeneratorMismatch, "The pairs are of another generator")


def test_two_auxiliaries_share_the_images_under_a_name(own_run, new_graph):
    graph = new_graph()
    made = graph.models()
    judge = graph.add("LoadAuxModel", file=JUDGE)
    pairs(graph, made=made, name="both", second_auxiliary=judge)
    alone = pairs(graph, made=graph.models(classifier=JUDGE))
    expected = own_run(graph)[alone]
    graph = new_graph()
    second = graph.add("LoadPairs", file="both", auxiliary=graph.add("LoadAuxModel", file=JUDGE))
    same(own_run(graph)[second], expected)
    graph = new_graph()
    pairs(graph, second_auxiliary=graph.add("LoadAuxModel", file=JUDGE))
    refused(own_run, graph, InvalidInput, "two auxiliaries are kept under a name")
    graph = new_graph()
    pairs(graph, name="single")
    own_run(graph)
    graph = new_graph()
    graph.add("LoadPairs", file="single", auxiliary=graph.add("LoadAuxModel", file=JUDGE))
    refused(own_run, graph, ConditionMismatch, "have no conditions of 'digits-judge")


@pytest.mark.bits
def test_saved_pairs_are_loaded(own_run, new_graph):
    graph = new_graph()
    made = pairs(graph)
    saved = graph.add("SavePairs", pairs=made, name="kept", precision="fp32")
    ran = own_run(graph)
    same(ran[saved], ran[made])
    record = json.loads((own_run.folder / "kept" / "pairs.json").read_text())
    assert record["origin"]["seed"] == 5
    graph = new_graph()
    loaded = graph.add("LoadPairs", file="kept")
    same(own_run(graph)[loaded], ran[made])
    graph = new_graph()
    graph.add("SavePairs", pairs=pairs(graph, COUNT - 1), name="kept")
    refused(own_run, graph, InvalidInput, "exists and has 24 pairs; got 23")


@pytest.mark.parametrize("node", ["SynthesisePairs", "SavePairs"])
def test_bad_names_are_refused_before_the_run(node, own_run, new_graph):
    graph = new_graph()
    made = pairs(graph, name="../out" if node == "SynthesisePairs" else "")
    if node == "SavePairs":
        graph.add("SavePairs", pairs=made, name="../out")
    with pytest.raises(WorkflowError, match=r"The file name '\.\./out' cannot be used"):
        own_run(graph)
