"""Steering by texts: conditions, energies and translators of a CLIP."""

import logging

import pytest
import torch
from latentsteer.core.errors import ConditionMismatch, InvalidInput
from latentsteer.core.rng import SampleRng

from .clip_graphs import CLIP, by_clip, text

pytestmark = pytest.mark.usefixtures("toy")


def test_prompts_become_rows_and_notes_are_shown_and_logged(graph, run, caplog):
    made = text(graph, "red | unicorn:0.5\nblue", samples_per_prompt=2, negative="dark:0.3")
    with caplog.at_level(logging.WARNING, "latentsteer"):
        ran = run(graph)
    condition = ran[made.condition]
    assert condition.labels == ("red | unicorn:0.5",) * 2 + ("blue",) * 2
    assert condition.embedding.shape == (4, 6)
    assert not condition.embedding.is_inference()
    assert ran.ui(made.condition)["text"] == ("Not known: unicorn.",)
    assert [r.message for r in caplog.records] == ["Text Condition: Not known: unicorn."]


def test_clauses_count_beside_the_whole_prompt(graph, run):
    made = text(graph, "red, bright\nblue", clause_weight=0.5)
    written = "red, bright | red:0.5 | bright:0.5\nblue"
    parts = graph.add("TextCondition", auxiliary=made.clip, prompts=written)
    ran = run(graph)
    torch.testing.assert_close(ran[made.condition].embedding, ran[parts].embedding)
    assert ran[made.condition].labels == ("red, bright", "blue")


def test_a_search_lowers_the_energy_of_a_start(graph, run):
    made = by_clip(graph, views=0)
    starts = [
        graph.from_prior(made, energy=made.energy, candidates=32, generations=number)
        for number in (0, 8)
    ]
    ran = run(graph)
    energy = ran[made.energy].pullback(ran[made.generator])
    before, after = (energy(ran[start].values, SampleRng.of(0, 2)) for start in starts)
    assert bool((after <= before + 1e-6).all())
    assert after.mean() < before.mean()


@pytest.mark.parametrize("views", [0, 3, -1])
def test_a_texts_energy_is_lowered(views, graph, run):
    made = by_clip(graph, views=views)
    plain = graph.add("EnergyCLIP", auxiliary=made.clip, condition=made.condition, views=0)
    start = graph.from_prior(made)
    settings = {"steps": 30, "learning_rate": 0.05, "chunk": "fast"}
    refined = graph.refined(made, start, "AdamRefine", **settings)
    ran = run(graph)
    energy = ran[plain].pullback(ran[made.generator])
    before, after = (
        energy(ran[wire].values, SampleRng.of(0, 2)).mean() for wire in (start, refined)
    )
    assert after < before - 0.02
    assert ran[refined].values.shape[0] == 2
    (leaf,) = ran[made.energy].leaves()
    assert ("4 views" in leaf.label) is (views == -1)
    assert leaf.measure.name == "similarity"


def test_views_are_fewer_on_a_processor():
    from latentsteer.nodes.energy.clip import automatic_views

    assert (automatic_views("cpu"), automatic_views("cuda"), automatic_views("mps")) == (4, 50, 50)


def test_the_operations_of_views_can_be_chosen(graph, run):
    made = by_clip(graph, views=2, color=False, cutout=False, views_at_once=3, precision="fp32")
    (leaf,) = run(graph)[made.energy].leaves()
    assert "2 views, translation+resize, ratio per sample, 3 at a time" in leaf.label


def test_a_translator_of_a_clip_is_trained_with_noise_and_its_basis_refined(graph, run, tiny):
    """Means by Langevin dynamics, weights by Adam: appendix B.1."""
    made = by_clip(graph)
    models = {"generator": made.generator, "auxiliary": made.clip}
    plain, noisy = (
        graph.add("TrainTranslator", **models, **tiny, condition_noise=gamma)
        for gamma in (0.0, 0.5)
    )
    started = {"generator": made.generator, "condition": made.condition, "mode": "basis"}
    basis = graph.add("TranslatorInit", translator=noisy, weights="softmax", **started)
    options = {"steps": 3, "weights_rate": 0.01}
    ours, code, clipped = (
        graph.refined(made, basis, **options, **extra)
        for extra in ({}, {"preset": "official code"}, {"clip_norm": 1.0})
    )
    paper = graph.refined(made, basis, **options, preset="paper", clip_norm=7.0)
    ran = run(graph)
    assert not torch.equal(ran[plain].first.weight, ran[noisy].first.weight)
    chart = ran[basis].chart
    moved = chart.source.split(ran[ours].values - ran[basis].values)
    assert moved["z.weights"].abs().max() <= 3 * 0.01 * 1.01
    assert moved["z.basis"].abs().max() > 0.01
    assert torch.equal(ran[code].values, ran[clipped].values)
    assert torch.equal(ran[paper].values, ran[ours].values)


def test_conditions_are_interpolated_and_averaged(graph, run):
    made = text(graph, "red")
    other = graph.add("TextCondition", auxiliary=made.clip, prompts="blue\ngreen")
    pair = {"first": made.condition, "second": other}
    between = graph.add("InterpolateConditions", **pair, frames=3)
    ends = graph.add("InterpolateConditions", **pair, frames=2, ends=True, mode="lerp")
    both = graph.add("AverageConditions", **pair, second_weight=0.5)
    ran = run(graph)
    assert ran[between].labels[:3] == ("red 0.1 blue", "red 0.5 blue", "red 0.9 blue")
    assert len(ran[between]) == 6
    assert torch.equal(ran[ends].embedding[[1, 3]], ran[other].embedding)
    assert ran[both].labels == ("1 red + 0.5 blue", "1 red + 0.5 green")


@pytest.mark.parametrize(
    ("inputs", "says"),
    [
        ({"prompts": ""}, "No prompt. Write what the image should show"),
        ({"prompts": "red || blue"}, "A prompt is empty in the line 'red || blue'"),
        ({"prompts": "red", "negative": "|"}, "A prompt is empty in the line '|'"),
        ({"prompts": "red:1,5"}, "The weight at the end of 'red:1,5' is not a finite number"),
        ({"prompts": "red", "negative": "red"}, "The weights 1, -1 cancel"),
    ],
)
def test_prompts_that_say_nothing(inputs, says, graph, fault):
    text(graph, **inputs)
    assert says in fault(graph, InvalidInput)


def test_a_classifier_in_the_place_of_a_clip(new_graph, fault):
    graph = new_graph()
    made = graph.models()
    graph.add("TextCondition", auxiliary=made.classifier, prompts="red")
    assert "'digits-classifier'" in fault(graph, ConditionMismatch)
    graph = new_graph()
    made = graph.steered()
    graph.add("EnergyCLIP", auxiliary=made.classifier, condition=made.condition)
    assert "'digits-classifier'" in fault(graph, ConditionMismatch)


@pytest.mark.parametrize("kind", ["EnergyCLIP", "InterpolateConditions", "AverageConditions"])
def test_a_condition_of_another_model(kind, graph, fault):
    made = graph.steered()
    clip = graph.add("LoadAuxModel", file=CLIP)
    if kind == "EnergyCLIP":
        graph.add(kind, auxiliary=clip, condition=made.condition)
    else:
        words = graph.add("TextCondition", auxiliary=clip, prompts="red")
        graph.add(kind, first=made.condition, second=words)
    said = fault(graph, ConditionMismatch)
    assert "'digits-classifier'" in said
    assert "'toy-clip'" in said


def test_views_without_any_operation(graph, fault):
    off = dict.fromkeys(("color", "translation", "resize", "cutout"), False)
    by_clip(graph, **off)
    assert "Operations (none)" in fault(graph, InvalidInput)
