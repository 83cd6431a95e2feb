"""Files that are missing, of another kind or out of their folder: each error says which."""

import shutil

import pytest
from latentsteer.core.errors import CheckpointError
from latentsteer.core.zoo import shipped as catalogue
from latentsteer.nodes.standalone.errors import NodeError, WorkflowError

JUDGE = "digits judge (embedded)"
OTHER = "other.safetensors"


@pytest.mark.parametrize(
    ("kind", "folder", "there"),
    [
        ("LoadGenerator", "latentsteer_generators", OTHER),
        ("LoadAuxModel", "latentsteer_aux", "no file"),
        ("LoadTranslator", "latentsteer_translators", "tiny.safetensors"),
        ("LoadPairs", "latentsteer_pairs", "no file"),
    ],
)
def test_a_missing_model_file(kind, folder, there, refusal, graph, base):
    graph.add(kind, file="gone.safetensors")
    said = refusal(graph)
    assert f"node 1 (LatentSteer_{kind}): There is no model 'gone.safetensors'" in said
    assert f"Searched: {base / 'models' / folder}" in said
    assert f"there is {there}." in said


def test_a_model_file_that_vanishes_before_its_turn(own_base, graph):
    models, run = own_base
    path = models / "latentsteer_generators" / "mine.safetensors"
    shutil.copy(catalogue.embedded("digits (embedded)"), path)
    graph.add("LoadGenerator", file=path.name)
    run(graph)
    path.unlink()
    with pytest.raises(WorkflowError, match=r"There is no model 'mine\.safetensors'"):
        run(graph)


@pytest.mark.parametrize(
    ("loader", "folder", "wrong", "says"),
    [
        ("LoadGenerator", "generators", JUDGE, "Known: digits-generator (needs `generator."),
        ("LoadAuxModel", "aux", "digits (embedded)", "Known: digits-classifier (needs `conv28"),
        (
            "LoadTranslator",
            "translators",
            JUDGE,
            "mine.safetensors holds the model digits-judge, not a",
        ),
    ],
)
def test_a_file_of_another_kind(loader, folder, wrong, says, own_base, graph):
    models, run = own_base
    path = models / f"latentsteer_{folder}" / "mine.safetensors"
    shutil.copy(catalogue.embedded(wrong), path)
    graph.add(loader, file=path.name)
    with pytest.raises(NodeError) as caught:
        run(graph)
    assert isinstance(caught.value.__cause__, CheckpointError)
    said = str(caught.value)
    assert says in said
    assert "mine.safetensors" in said


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"These are no tensors, but a letter to my aunt.", "is not a readable safetensors file"),
        (b"", "is empty"),
        (b"<!DOCTYPE html><title>404</title>", "is a web page, not a model"),
        (b"version https://git-lfs.github.com/spec/v1\n", "is a Git LFS pointer"),
    ],
)
@pytest.mark.parametrize(
    ("loader", "folder"),
    [("LoadGenerator", "generators"), ("LoadAuxModel", "aux"), ("LoadTranslator", "translators")],
)
def test_a_file_that_only_looks_like_a_model(loader, folder, content, says, own_base, graph):
    models, run = own_base
    (models / f"latentsteer_{folder}" / "mine.safetensors").write_bytes(content)
    graph.add(loader, file="mine.safetensors")
    with pytest.raises(NodeError) as caught:
        run(graph)
    assert isinstance(caught.value.__cause__, CheckpointError)
    assert says in str(caught.value)
    assert "mine.safetensors" in str(caught.value)


def test_a_truncated_model(own_base, graph):
    models, run = own_base
    whole = catalogue.embedded("digits (embedded)").read_bytes()
    (models / "latentsteer_generators" / "half.safetensors").write_bytes(whole[: len(whole) // 2])
    graph.add("LoadGenerator", file="half.safetensors")
    with pytest.raises(NodeError, match=r"half\.safetensors \(\d+ bytes\) is not a readable"):
        run(graph)


@pytest.mark.parametrize(
    "name", ["a/b", "..", "../x", "a\\b", "", "x.", ".hidden", "a:b", "n" * 101, "\u65e5" * 80]
)
@pytest.mark.parametrize("kind", ["SaveTranslator", "SaveLatents"])
def test_a_file_name_that_cannot_be_used(kind, name, refusal, graph, base, out):
    made = graph.steered()
    if kind == "SaveTranslator":
        graph.add(kind, translator=graph.add("LoadTranslator", file="tiny.safetensors"), name=name)
    else:
        graph.add(kind, latents=graph.from_prior(made), name=name)
    before = sorted(base.rglob("*"))
    said = refusal(graph)
    assert f"The file name {name!r} cannot be used" in said
    assert "Take letters, digits" in said
    assert sorted(base.rglob("*")) == before
    assert not out.exists()


@pytest.mark.parametrize("loader", ["LoadGenerator", "LoadAuxModel", "LoadTranslator"])
@pytest.mark.parametrize("absolute", [False, True])
def test_a_loader_does_not_leave_its_folder(loader, absolute, own_base, graph):
    models, run = own_base
    outside = models / "outside.safetensors"
    shutil.copy(catalogue.embedded("digits (embedded)"), outside)
    name = str(outside) if absolute else "../outside.safetensors"
    graph.add(loader, file=name)
    with pytest.raises(WorkflowError) as caught:
        run(graph)
    assert f"There is no model {name!r}" in str(caught.value)


@pytest.mark.parametrize("absolute", [False, True])
def test_load_latents_does_not_leave_the_output_folder(absolute, run, refusal, graph, out):
    made = graph.steered()
    graph.add("SaveLatents", latents=graph.from_prior(made), name="mine")
    run(graph)
    outside = out.parent / "x.safetensors"
    shutil.copy(out / "latents" / "mine_00001.safetensors", outside)
    name = str(outside) if absolute else "../x.safetensors"
    graph.add("LoadLatents", file=name)
    said = refusal(graph)
    assert f"There are no latents {name!r} in {out}" in said
    assert "There are: latents/mine_00001.safetensors." in said


def test_load_latents_of_a_model_file(fault, graph, out):
    path = out / "latents" / "model.safetensors"
    path.parent.mkdir(parents=True)
    shutil.copy(catalogue.embedded("digits (embedded)"), path)
    graph.add("LoadLatents", file="latents/model.safetensors")
    assert "holds the model digits-generator, not latents" in fault(graph, CheckpointError)
