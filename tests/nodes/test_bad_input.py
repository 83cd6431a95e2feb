"""Bad input: each error has its own message, with the value and the valid ones."""

import json
import shutil

import pytest
import torch
from latentsteer.core.energy import Energy
from latentsteer.core.errors import (
    CheckpointError,
    ConditionMismatch,
    Diverged,
    GeneratorMismatch,
    InvalidInput,
)
from latentsteer.core.latent_files import load_latents
from latentsteer.core.spaces import IMAGES
from latentsteer.core.terms import Term
from latentsteer.core.zoo import shipped as catalogue
from latentsteer.nodes.cli.main import main
from latentsteer.nodes.images import from_host
from latentsteer.nodes.standalone.errors import NodeError, WorkflowError

JUDGE = "digits judge (embedded)"
OTHER = "other.safetensors"


@pytest.fixture
def refusal(run):
    """Returns the message for a graph that is refused before anything runs."""

    def go(graph):
        seen = []
        with pytest.raises(WorkflowError) as caught:
            run(graph, on_event=lambda event, data: seen.append(event))
        assert seen == []
        return str(caught.value)

    return go


@pytest.fixture
def own_base(tmp_path, new_host, run):
    """A base folder of the test; returns its folder of models and a function to run on it."""
    folder = tmp_path / "base"
    models = folder / "models"
    for kind in ("generators", "aux", "translators"):
        (models / f"latentsteer_{kind}").mkdir(parents=True)
    return models, lambda graph: run(graph, new_host(folder))


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
        ("LoadTranslator", "translators", JUDGE, "mine.safetensors holds digits-judge, not a"),
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


@pytest.mark.parametrize(
    ("classes", "says"),
    [
        ("10", "'digits-classifier' has no class '10'"),
        ("-1", "'digits-classifier' has no class '-1'"),
        ("3, cat", "'digits-classifier' has no class 'cat'"),
        ("3.0", "'digits-classifier' has no class '3.0'"),
        ("8-10", "'digits-classifier' has no class 10"),
        ("0-12", "The range '0-12' is not one of 'digits-classifier''s 10 classes, 0 to 9"),
        ("5-2", "The range '5-2' is not one of"),
        ("", "No class given"),
        (" , ", "No class given"),
    ],
)
def test_a_class_that_is_not_there(classes, says, fault, graph):
    made = graph.models()
    graph.add("ClassCondition", auxiliary=made.classifier, classes=classes)
    said = fault(graph, ConditionMismatch)
    assert says in said
    assert "10 classes, 0 to 9" in said or "There are 10, by name or by number from 0" in said


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


@pytest.mark.parametrize(
    ("kind", "name", "low"),
    [
        ("PriorInit", "samples", "1 to 100000"),
        ("PriorInit", "candidates", "1 to 10000"),
        ("ClassCondition", "samples_per_class", "1 to 10000"),
        ("LangevinRefine", "steps", "1 to 100000"),
    ],
)
def test_zero_samples_are_refused_before_anything_runs(kind, name, low, refusal, graph):
    made = graph.steered()
    graph.refined(made, graph.from_prior(made))
    (node,) = (n for n in graph.api.values() if n["class_type"] == f"LatentSteer_{kind}")
    node["inputs"][name] = 0
    said = refusal(graph)
    assert f"input '{name}': got 0, expected a whole number from {low}" in said


def test_generations_from_too_few_candidates(fault, graph):
    made = graph.steered()
    graph.from_prior(made, energy=made.energy, candidates=15, generations=2)
    said = fault(graph, InvalidInput)
    assert "2 generations that begin from 15 candidates; at least 16 are needed" in said
    assert "Take more candidates, or 0 generations" in said


def test_zero_samples_from_a_saved_file(run, fault, graph, new_graph, out):
    """No node makes an empty batch, but a file may contain one."""
    from latentsteer.core.latent_files import save_latents

    made = graph.steered()
    latents = graph.from_prior(made)
    full = run(graph)[latents]
    empty = type(full)(full.values[:0], full.chart, full.generator, full.generator_name, ())
    save_latents(out / "latents" / "empty.safetensors", empty)
    graph = new_graph()
    made = graph.steered("3")
    loaded = graph.add("LoadLatents", file="latents/empty.safetensors")
    graph.refined(made, loaded)
    assert "No sample to refine: the batch is empty" in fault(graph, InvalidInput)


@pytest.mark.parametrize("rows", ["7", "-1", "0, 2", ""])
def test_samples_that_are_not_there(rows, fault, graph):
    made = graph.steered()
    graph.add("SelectLatents", batch=graph.from_prior(made), rows=rows)
    said = fault(graph, InvalidInput)
    assert "asked for; there are 2, counted from 0" in said


def test_rows_that_are_no_numbers(fault, graph):
    made = graph.steered()
    graph.add("SelectLatents", batch=graph.from_prior(made), rows="first")
    assert "Rows 'first'; expected numbers such as 0, 3, 5" in fault(graph, InvalidInput)


def test_rows_of_a_condition_that_do_not_fit_the_samples(fault, graph):
    made = graph.steered("0-2")
    loose = graph.add("PriorInit", generator=made.generator, samples=5)
    graph.refined(made, loose)
    said = fault(graph, ConditionMismatch)
    assert "The condition has 3 rows and the batch 5 samples" in said


@pytest.mark.parametrize("start", ["from_prior", "from_translator"])
def test_several_candidates_without_an_energy(start, fault, graph):
    getattr(graph, start)(graph.steered(), candidates=4)
    said = fault(graph, InvalidInput)
    assert "Best of 4 candidates needs an energy to choose by" in said


def test_several_candidates_in_a_mode_that_has_one(fault, graph):
    made = graph.steered()
    graph.from_translator(made, mode="mean", candidates=4, energy=made.energy)
    assert "Best of 4 candidates: mode 'mean' has only one" in fault(graph, InvalidInput)


def test_a_posterior_of_nothing(fault, graph):
    made = graph.steered()
    models = {"generator": made.generator, "auxiliary": made.classifier}
    graph.add("EnergyBayes", condition=made.condition, beta1=0.0, beta2=0.0, **models)
    assert "beta1 and beta2 are both 0" in fault(graph, InvalidInput)


def poisoned(after, row, value):
    """An energy that is not finite for one sample from a given evaluation on."""
    calls = []

    def evaluate(images, rng):
        calls.append(None)
        values = images.mean(dim=(1, 2, 3))
        wrong = torch.tensor([r == row for r in rng.rows]) & (len(calls) > after)
        return values + torch.where(wrong, value, 0.0)

    return lambda *models, **settings: Energy.of(Term("poisoned", IMAGES, evaluate))


@pytest.mark.parametrize("kind", ["LangevinRefine", "AdamRefine"])
@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_an_energy_that_stops_being_finite_on_the_way(
    kind, value, fault, graph, monkeypatch, new_graph, out, run
):
    """One chunk: the evaluation before the first step, then one for each."""
    step = 2
    monkeypatch.setattr(
        "latentsteer.nodes.energy.classifier.classification",
        poisoned(after=step + 1, row=3, value=value),
    )
    made = graph.steered("0-4")
    start = graph.from_prior(made)
    graph.refined(made, start, kind, steps=6)
    said = fault(graph, Diverged)
    assert f"The energy of sample 3 stopped being finite at step {step}" in said
    assert "Lower the step size" in said

    (path,) = (out / "interrupted").iterdir()
    kept = load_latents(path)
    assert kept.interrupted.snapshot.state.step == step - 1
    assert bool(kept.values.isfinite().all())
    monkeypatch.setattr(
        "latentsteer.nodes.energy.classifier.classification",
        poisoned(after=10**9, row=0, value=value),
    )
    again = new_graph()
    made = again.steered("0-4")
    loaded = again.add("LoadLatents", file=path.relative_to(out).as_posix())
    refined = again.refined(made, loaded, kind, steps=6)
    drawn = again.from_prior(made)
    whole = again.refined(made, drawn, kind, steps=6)
    ran = run(again)
    assert torch.equal(ran[refined].values, ran[whole].values)


def test_steps_that_are_far_too_long(fault, graph, out):
    made = graph.steered("0-2")
    made.energy = graph.add("EnergyPrior", generator=made.generator)
    wild = {"step_size": 10.0, "inverse_temperature": 1e9, "momentum": 0.0, "steps": 9}
    graph.refined(made, graph.from_prior(made), **wild)
    said = fault(graph, Diverged)
    assert "The energy of sample 0, 1, 2 stopped being finite at step 2" in said
    (path,) = (out / "interrupted").iterdir()
    kept = load_latents(path)
    assert bool(kept.values.isfinite().all())
    assert bool(kept.values.square().sum(dim=1).isfinite().all())
    assert kept.interrupted.snapshot.state.step == 1


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
    assert "holds digits-generator, not latents" in fault(graph, CheckpointError)


@pytest.mark.parametrize(
    ("setting", "says"),
    [
        ("77.seed=1", "there is no node '77'; the graph has node 1 (LatentSteer_LoadGenerator"),
        ("LatentSteer_LangevinRefine.sede=1", "input 'sede' of node"),
        ("LatentSteer_ClassCondition.classes=12", "'digits-classifier' has no class '12'"),
        ("LatentSteer_LoadGenerator.file=gone", "There is no model 'gone'"),
        ("LatentSteer_LangevinRefine.steps=x", "got 'x', expected a whole number from 1 to 1000"),
    ],
)
def test_the_command_line_says_it_without_a_traceback(
    setting, says, graph, tmp_path, base, out, capsys
):
    made = graph.steered()
    graph.add("SaveLatents", latents=graph.refined(made, graph.from_prior(made)))
    path = tmp_path / "graph.json"
    path.write_text(json.dumps(graph.api), encoding="utf-8")
    folders = ["--base", str(base), "--out", str(out)]
    assert main(["run", str(path), *folders, "--device", "cpu", "--set", setting]) == 2
    err = capsys.readouterr().err
    assert says in err
    assert err.splitlines()[-1].startswith("latentsteer: ")
    assert "Traceback" not in err
    assert not out.exists()


@pytest.mark.parametrize("shape", [(28, 28, 3), (2, 3, 28, 28), (1, 28, 28, 2)])
def test_images_of_another_form(shape):
    with pytest.raises(InvalidInput, match="expected \\(batch, height, width, 3\\)"):
        from_host(torch.zeros(shape))


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


def test_a_workflow_that_is_no_json_or_no_graph(tmp_path, capsys):
    path = tmp_path / "w.json"
    for content, says in (("{", "is not JSON"), (json.dumps([1]), "holds a list, not an object")):
        path.write_text(content)
        assert main(["run", str(path), "--base", str(tmp_path)]) == 2
        assert says in capsys.readouterr().err
