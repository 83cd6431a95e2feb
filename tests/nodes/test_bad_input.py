"""Bad values of nodes: each error has its own message, with the value and the valid ones."""

import pytest
import torch
from latentsteer.core.errors import ConditionMismatch, InvalidInput
from latentsteer.nodes.images import from_host


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


@pytest.mark.parametrize("shape", [(28, 28, 3), (2, 3, 28, 28), (1, 28, 28, 2)])
def test_images_of_another_form(shape):
    with pytest.raises(InvalidInput, match="expected \\(batch, height, width, 3\\)"):
        from_host(torch.zeros(shape))
