"""Steer, and the same as a graph of small nodes."""

import shutil
from dataclasses import replace

import pytest
import torch
from latentsteer.core.errors import ConditionMismatch, InvalidInput
from latentsteer.core.pairs.stored import StoredPairs
from latentsteer.core.tasks import plans, steer
from latentsteer.core.tasks.plans import SteerPlan

AVATARS, DIGITS, OTHER = "avatars (embedded)", "digits (embedded)", "other.safetensors"
PLAN = SteerPlan(candidates=2, spares=2, first=1, steps=2, noise=0.3)


@pytest.fixture(autouse=True)
def few(monkeypatch):
    """The first of the shipped pairs alone, which are read sooner."""
    opened = StoredPairs.__init__

    def first(self, folder, *, place=0, count=None):
        opened(self, folder, place=place, count=count or 1500)

    monkeypatch.setattr(StoredPairs, "__init__", first)


@pytest.fixture
def short(monkeypatch):
    """Short plans, each with spares."""
    for table in ("FROM_PAIRS", "CLASSES_FROM_PAIRS", "FROM_PRIOR", "BY_TRANSLATOR"):
        monkeypatch.setattr(plans, table, {"good": PLAN})


def in_small_nodes(graph, models, start, refined, condition, energy):
    """The graph of small nodes.

    Args:
        start: adds a start of a condition and an energy.
        refined: adds a refiner of a start, an energy and its steps.
        condition: adds a condition with so many samples of each of its two rows.
        energy: adds the energy of a condition.
    """
    spare = condition(PLAN.spares)
    wide = energy(spare)
    looked = refined(start(spare, wide), wide, PLAN.first)
    best = graph.add(
        "BestLatents",
        generator=models.generator,
        batch=looked,
        energy=wide,
        keep=1,
        groups=2,
        seed=3,
    )
    return refined(best, energy(condition(1)), PLAN.steps)


STARTS = ((1, 3), pytest.param((1, 1), marks=pytest.mark.slow))
STARTS += (pytest.param((3, 1), marks=pytest.mark.slow),)


@pytest.mark.parametrize("start_of", STARTS)
def test_texts_have_the_bits_of_the_graph_of_small_nodes(graph, run, monkeypatch, start_of):
    basis, mixed = start_of
    plan = replace(PLAN, basis=basis, mixed=mixed)
    monkeypatch.setattr(plans, "FROM_PAIRS", {"good": plan})
    models = graph.models(AVATARS, "avatars CLIP (embedded)")
    both = {"generator": models.generator, "seed": 3}
    pairs = graph.add("LoadPairs", file="avatars pairs (embedded)")

    def condition(each):
        return graph.add(
            "TextCondition",
            auxiliary=models.classifier,
            prompts="red hat, beard\nsunglasses",
            samples_per_prompt=each,
            clause_weight=steer.CLAUSE_WEIGHT,
        )

    def energy(of):
        return graph.add("EnergyCLIP", auxiliary=models.classifier, condition=of, views=0)

    def start(of, wide):
        own = {"condition": of, "energy": wide, "candidates": PLAN.candidates, **both}
        if basis == 1:
            return graph.add("NearestPairsInit", pairs=pairs, mixed=mixed, **own)
        return graph.add("BasisInit", pairs=pairs, **own | {"candidates": basis, "keep": basis})

    def refined(at, along, steps):
        own = {"start": at, "energy": along, "steps": steps, **both}
        own |= {"learning_rate": 0.5 * steer.RATE, "latent_noise": PLAN.noise}
        return graph.add("AdamRefine", **own)

    small = in_small_nodes(graph, models, start, refined, condition, energy)
    images = graph.add("Decode", generator=models.generator, latents=small)
    node = graph.add("Steer", prompt="red hat, beard\nsunglasses", samples=1, seed=3, strength=0.5)
    ran = run(graph)
    assert ran[small].samples == ran[[node[0], 1]].samples
    assert torch.equal(ran[small].values, ran[[node[0], 1]].values)
    assert torch.equal(ran[images], ran[node])
    assert len(ran[node]) == 2
    assert "the best of 2 each, 3 steps" in ran.ui(node)["text"][0]


def test_classes_have_the_bits_of_the_graph_of_small_nodes(graph, run, short):
    models = graph.models()
    both = {"generator": models.generator, "seed": 3}
    translator = graph.add("LoadTranslator", file="digits translator (embedded)")

    def condition(each):
        own = {"classes": "3, 7", "samples_per_class": each}
        return graph.add("ClassCondition", auxiliary=models.classifier, **own)

    def energy(of):
        return graph.add("EnergyClassifier", auxiliary=models.classifier, condition=of)

    def start(of, wide):
        own = {"condition": of, "energy": wide, "candidates": PLAN.candidates, **both}
        return graph.add("TranslatorInit", translator=translator, **own)

    def refined(at, along, steps):
        own = {"start": at, "energy": along, "steps": steps, **both}
        own |= {"inverse_temperature": steer.INVERSE_TEMPERATURE, "latent_noise": PLAN.noise}
        return graph.add("LangevinRefine", **own)

    small = in_small_nodes(graph, models, start, refined, condition, energy)
    node = graph.add("Steer", prompt="3, 7", model=DIGITS, samples=1, seed=3)
    ran = run(graph)
    assert torch.equal(ran[small].values, ran[[node[0], 1]].values)


CASES = {
    "no text": (InvalidInput, "The prompt is empty. Write what to draw", {"prompt": " \n"}),
    "no class": (InvalidInput, "Write classes", {"prompt": "", "model": DIGITS}),
    "an unknown class": (ConditionMismatch, "seven", {"prompt": "seven", "model": DIGITS}),
    "a file alone": (InvalidInput, "No auxiliary model is known for", {"model": OTHER}),
    "a judge": (ConditionMismatch, "expected a CLIP", {"auxiliary": "avatars judge (embedded)"}),
}


@pytest.mark.parametrize("case", CASES)
def test_what_cannot_be_steered_is_refused(graph, fault, case):
    error, match, inputs = CASES[case]
    graph.add("Steer", **inputs)
    assert match in fault(graph, error)


def test_pairs_in_the_folder_that_fit_are_found(graph, run, own_base, base, short):
    models, run_there = own_base
    shutil.copy(base / "models/latentsteer_generators" / OTHER, models / "latentsteer_generators")
    own = graph.models(OTHER)
    made = graph.add(
        "SynthesisePairs", generator=own.generator, auxiliary=own.classifier, count=64
    )
    graph.add("SavePairs", pairs=made, name="mine")
    run_there(graph)
    classifier = {"model": OTHER, "auxiliary": "digits classifier (embedded)", "prompt": "3"}
    node = graph.add("Steer", samples=1, **classifier)
    assert "from the nearest pairs" in run_there(graph).ui(node)["text"][0]
