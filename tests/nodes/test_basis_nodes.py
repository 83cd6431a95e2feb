"""Basis Init, CMA-ES Refine and CLIP Score on the canvas."""

import json
import sys

import pytest
import torch
from latentsteer.core.charts import MixtureOfBasis
from latentsteer.core.errors import (
    ConditionMismatch,
    GeneratorMismatch,
    InvalidInput,
    ResumeMismatch,
)
from latentsteer.core.spaces import Identity
from latentsteer.nodes.standalone.errors import NodeError, RunInterrupted

CLIP = "digits judge (embedded)"
OTHER = "other.safetensors"


def basis(graph, made, **inputs):
    inputs = {"candidates": 30, "keep": 3, **inputs}
    return graph.add("BasisInit", generator=made.generator, energy=made.energy, **inputs)


# Basis Init


@pytest.mark.parametrize(
    ("weights", "start"), [("scalar", "equal"), ("linear", "equal"), ("softmax", "random")]
)
def test_a_basis_is_made_refined_and_decoded(weights, start, graph, run):
    made = graph.steered("3, 5", each=1)
    first = basis(graph, made, condition=made.condition, weights=weights, weights_start=start)
    refined = graph.refined(made, first, "AdamRefine", learning_rate=0.05, steps=8)
    images = graph.add("Decode", generator=made.generator, latents=refined)
    ran = run(graph)
    latents = ran[first]
    assert latents.chart == MixtureOfBasis(latents.chart.target, 3, ("z",), weights)
    assert latents.samples == (0, 1)
    after = ran.trace(refined)
    assert bool((after.energies[-1] < after.energies[0]).all())
    assert ran[images].shape == (2, 28, 28, 3)


def test_the_papers_weights_are_the_defaults_of_each_start(graph, run):
    """FuseDream: a number per vector. TR0N, appendix B.1: a number per mean and coordinate."""
    made = graph.steered("7", each=1)
    first = basis(graph, made, condition=made.condition)
    from_means = graph.from_translator(made, mode="basis")
    ran = run(graph)
    kinds = [ran[start].chart.weights for start in (first, from_means)]
    assert kinds == ["scalar", "linear"]


def test_the_basis_comes_out_as_latents_of_its_own_the_best_first(graph, run):
    made = graph.steered("7", each=1)
    first = basis(graph, made, samples=2, candidates=40, keep=4)
    ran = run(graph)
    points = ran[[first[0], 1]]
    assert isinstance(points.chart, Identity)
    assert points.samples == tuple(range(8))
    chart = ran[first].chart
    parts = chart.source.split(ran[first].values)
    assert torch.equal(parts["z.basis"].flatten(0, 1), points.values)
    (said,) = ran.ui(first)["text"]
    assert said.startswith("sample 0: ")
    assert said.count("candidate") == 8


def test_the_released_codes_options_go_through(graph, run):
    made = graph.steered("7", each=1)
    first = basis(graph, made, samples=1, weights="softmax", weights_start="random")
    coded = {"latent_noise": 0.01, "returned": "last but one"}
    refined = graph.refined(made, first, "AdamRefine", steps=4, **coded)
    walked = graph.refined(made, first, "LangevinRefine", steps=4, **coded)
    ran = run(graph)
    assert len(ran.trace(refined).energies) == len(ran.trace(walked).energies) == 4


@pytest.mark.parametrize(
    ("inputs", "said"),
    [
        ({"candidates": 4, "keep": 5}, "The best 5 of 4 candidates requested. Keep from 1 to 4"),
        ({"weights_start": "random"}, "need weights 'softmax'; got 'scalar'"),
        ({"weights_start": "random", "weights": "linear"}, "need weights 'softmax'; got 'linear'"),
        ({"classes": "gaussian"}, "takes none: its latents are z"),
    ],
)
def test_settings_without_sense_are_told(inputs, said, graph, fault):
    made = graph.steered("7", each=1)
    basis(graph, made, **inputs)
    assert said in fault(graph, InvalidInput)


def test_a_basis_of_another_generator_is_refused(graph, fault):
    made = graph.steered("7", each=1)
    first = basis(graph, made)
    made.generator = graph.add("LoadGenerator", file=OTHER)
    graph.refined(made, first, "AdamRefine")
    assert "The latents are of generator 'digits-generator'" in fault(graph, GeneratorMismatch)


def test_rows_and_samples_that_do_not_match_are_told(graph, fault):
    made = graph.steered("3, 5, 7", each=1)
    basis(graph, made, samples=2)
    assert "the batch 2 samples" in fault(graph, ConditionMismatch)


def test_choosing_candidates_stops_when_asked(at_step, new_graph, run):
    graph = new_graph("fixed")
    made = graph.steered("7", each=1)
    basis(graph, made, samples=2)
    at_step("Basis Init", 16, lambda host: host.request_interrupt())
    with pytest.raises(RunInterrupted):
        run(graph)


# CMA-ES Refine


def evolved(graph, made, start, **inputs):
    inputs = {"steps": 6, "population": 8, **inputs}
    return graph.refined(made, start, "CMAESRefine", **inputs)


@pytest.mark.parametrize("inner_steps", [0, 2])
def test_an_evolution_lowers_every_samples_energy(inner_steps, graph, run):
    pytest.importorskip("cmaes", reason="cmaes is not installed")
    made = graph.steered("3, 5", each=1)
    refined = evolved(graph, made, graph.from_prior(made), inner_steps=inner_steps)
    trace = run(graph).trace(refined)
    assert len(trace.energies) == 7
    assert bool((trace.after["energy"] < trace.before["energy"]).all())


@pytest.mark.bits
def test_an_evolution_that_is_stopped_goes_on_to_the_same_bits(
    at_step, run, new_graph, new_host, out
):
    pytest.importorskip("cmaes", reason="cmaes is not installed")

    def job(start, **inputs):
        graph = new_graph()
        made = graph.steered("3, 5", each=1)
        few = {"steps": 4, "inner_steps": 1}
        return graph, evolved(graph, made, start(graph, made), **few, **inputs)

    def from_prior(graph, made):
        return graph.from_prior(made)

    graph, refined = job(from_prior)
    whole = run(graph)[refined]
    at_step("CMA-ES Refine", 2, lambda host: host.request_interrupt())
    with pytest.raises(RunInterrupted):
        run(graph, new_host())
    (path,) = (out / "interrupted").iterdir()

    def from_file(graph, made):
        return graph.add("LoadLatents", file=path.relative_to(out).as_posix())

    graph, refined = job(from_file)
    assert torch.equal(run(graph)[refined].values, whole.values)
    graph, refined = job(from_file, sigma=0.4)
    with pytest.raises(NodeError) as caught:
        run(graph)
    assert isinstance(caught.value.__cause__, ResumeMismatch)
    assert "refiner.sigma: 0.5 then, 0.4 now" in str(caught.value)


def test_without_its_library_an_evolution_says_what_to_install(graph, fault, monkeypatch):
    monkeypatch.setitem(sys.modules, "cmaes", None)
    made = graph.steered("7", each=1)
    evolved(graph, made, graph.from_prior(made))
    assert "`pip install cmaes`" in fault(graph, InvalidInput)


def test_a_population_too_small_is_told(graph, fault):
    made = graph.steered("7", each=1)
    evolved(graph, made, graph.from_prior(made), population=3)
    assert "expected 0 (automatic) or at least 4" in fault(graph, InvalidInput)


# CLIP Score


def scored(graph, prompts="red\nblue", samples=2, **inputs):
    generator = graph.add("LoadGenerator", file="digits (embedded)")
    clip = graph.add("LoadAuxModel", file=CLIP)
    condition = graph.add("TextCondition", auxiliary=clip, prompts=prompts)
    start = graph.add("PriorInit", generator=generator, samples=samples)
    images = graph.add("Decode", generator=generator, latents=start)
    inputs = {"auxiliary": clip, "condition": condition, "views": 60, **inputs}
    return graph.add("CLIPScore", images=images, **inputs)


@pytest.mark.usefixtures("toy")
def test_finished_images_are_scored(graph, run):
    score, plain = scored(graph), scored(graph, views=0)
    ran = run(graph)
    for link, title in ((score, "AugCLIP of 60 views: mean "), (plain, "CLIP: mean ")):
        text, mean, each = (ran[[link[0], slot]] for slot in range(3))
        assert text.startswith(title)
        assert "blue" in text
        assert len(json.loads(each)) == 2
        assert sum(json.loads(each)) / 2 == pytest.approx(mean, abs=1e-5)
        assert ran.ui(link)["text"] == (text,)


@pytest.mark.usefixtures("toy")
def test_images_and_rows_that_do_not_match_are_told(graph, fault):
    scored(graph, samples=3)
    assert "the batch 3 samples" in fault(graph, ConditionMismatch)


@pytest.mark.usefixtures("toy")
def test_a_classifier_is_no_clip(graph, fault):
    scored(graph, auxiliary=graph.add("LoadAuxModel", file="digits classifier (embedded)"))
    assert "a CLIP" in fault(graph, ConditionMismatch)
