"""Steer, and the same as a graph of small nodes."""

import shutil
from dataclasses import replace

import pytest
import torch
from latentsteer.core.checkpoints.checkpoint import write
from latentsteer.core.errors import ConditionMismatch, InvalidInput
from latentsteer.core.pairs.stored import StoredPairs
from latentsteer.core.tasks import plans, steer
from latentsteer.nodes.standalone.errors import NodeError

AVATARS, DIGITS, OTHER = "avatars (embedded)", "digits (embedded)", "other.safetensors"
TABLES = ("FROM_PAIRS", "CLASSES_FROM_PAIRS", "FROM_PRIOR", "BY_TRANSLATOR")


@pytest.fixture(autouse=True)
def few(monkeypatch):
    """The first of the shipped pairs alone, which are read sooner."""
    opened = StoredPairs.__init__

    def first(self, folder, *, place=0, count=None):
        opened(self, folder, place=place, count=count or 600)

    monkeypatch.setattr(StoredPairs, "__init__", first)


def shortened(plan):
    """A plan of the same parts, with few candidates and steps."""
    fewer = {"candidates": 2, "spares": 2, "first": 1, "steps": 2, "basis": 3}
    return replace(plan, **{key: min(most, getattr(plan, key)) for key, most in fewer.items()})


@pytest.fixture
def short(monkeypatch):
    """All plans, shortened."""
    for table in TABLES:
        short = {quality: shortened(plan) for quality, plan in getattr(plans, table).items()}
        monkeypatch.setattr(plans, table, short)


def in_small_nodes(graph, models, plan, start, refined, condition, energy):
    """The graph of small nodes.

    Args:
        plan: what Steer does.
        start: adds a start of a condition and an energy.
        refined: adds a refiner of a start, an energy and its steps.
        condition: adds a condition with so many samples of each of its two rows.
        energy: adds the energy of a condition.
    """
    spare = condition(plan.spares)
    wide = energy(spare)
    at = start(spare, wide)
    if plan.encoded:
        both = {"generator": models.generator}
        seen = graph.add("Decode", latents=at, **both)
        at = graph.add("ImageToLatents", images=seen, steps=0, **both)
    if plan.first:
        at = refined(at, wide, plan.first)
    if plan.spares > 1:
        own = {"keep": 1, "groups": 2, "seed": 3}
        at = graph.add("BestLatents", generator=models.generator, batch=at, energy=wide, **own)
        wide = energy(condition(1))
    return refined(at, wide, plan.steps)


def texts_in_small_nodes(graph, models, pairs, plan):
    """The same for two texts, at half the strength."""
    both = {"generator": models.generator, "seed": 3}

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
        own = {"condition": of, "energy": wide, "candidates": plan.candidates, **both}
        if plan.basis == 1:
            return graph.add("NearestPairsInit", pairs=pairs, mixed=plan.mixed, **own)
        own |= {"candidates": plan.basis, "keep": plan.basis}
        return graph.add("BasisInit", pairs=pairs, **own)

    def refined(at, along, steps):
        own = {"start": at, "energy": along, "steps": steps, **both}
        own |= {"learning_rate": 0.5 * steer.RATE, "latent_noise": plan.noise}
        return graph.add("AdamRefine", **own)

    return in_small_nodes(graph, models, plan, start, refined, condition, energy)


def classes_in_small_nodes(graph, models, plan, start, **given):
    """The same for two classes, from a kind of start."""
    both = {"generator": models.generator, "seed": 3}

    def condition(each):
        own = {"classes": "3, 7", "samples_per_class": each}
        return graph.add("ClassCondition", auxiliary=models.classifier, **own)

    def energy(of):
        return graph.add("EnergyClassifier", auxiliary=models.classifier, condition=of)

    def started(of, wide):
        own = {"condition": of, "energy": wide, "candidates": plan.candidates}
        return graph.add(start, **own, **both, **given)

    def refined(at, along, steps):
        own = {"start": at, "energy": along, "steps": steps, **both}
        own |= {"inverse_temperature": steer.INVERSE_TEMPERATURE, "latent_noise": plan.noise}
        return graph.add("LangevinRefine", **own)

    return in_small_nodes(graph, models, plan, started, refined, condition, energy)


def check_classes(graph, run, planned, start, given, said, **own):
    """Compares Steer with the small nodes at every quality."""
    made = {}
    models = graph.models(own["model"])
    for quality, plan in planned.items():
        small = classes_in_small_nodes(graph, models, plan, start, **given)
        node = graph.add("Steer", prompt="3, 7", samples=1, seed=3, quality=quality, **own)
        made[quality] = small, node
    ran = run(graph)
    for small, node in made.values():
        assert torch.equal(ran[small].values, ran[[node[0], 1]].values)
        assert said in ran.ui(node)["text"][0]


SHORT = [("draft", "good"), pytest.param(("best",), marks=pytest.mark.slow)]
"""Shortened, the best has the parts of the good."""


@pytest.mark.parametrize("qualities", SHORT)
def test_texts_have_the_bits_of_the_graph_of_small_nodes(graph, run, short, qualities):
    models = graph.models(AVATARS, "avatars CLIP (embedded)")
    pairs = graph.add("LoadPairs", file="avatars pairs (embedded)")
    made = {}
    for quality in qualities:
        plan = plans.FROM_PAIRS[quality]
        small = texts_in_small_nodes(graph, models, pairs, plan)
        images = graph.add("Decode", generator=models.generator, latents=small)
        own = {"samples": 1, "seed": 3, "strength": 0.5, "quality": quality}
        node = graph.add("Steer", prompt="red hat, beard\nsunglasses", **own)
        made[quality] = small, images, node
    ran = run(graph)
    for quality, (small, images, node) in made.items():
        plan = plans.FROM_PAIRS[quality]
        assert ran[small].samples == ran[[node[0], 1]].samples
        assert torch.equal(ran[small].values, ran[[node[0], 1]].values)
        assert torch.equal(ran[images], ran[node])
        assert len(ran[node]) == 2
        spares = ", the best of 2 each" if plan.spares > 1 else ""
        assert f"{spares}, {plan.first + plan.steps} steps" in ran.ui(node)["text"][0]


def test_classes_have_the_bits_of_the_graph_of_small_nodes(graph, run, short):
    translator = graph.add("LoadTranslator", file="digits translator (embedded)")
    check_classes(
        *(graph, run, plans.BY_TRANSLATOR, "TranslatorInit", {"translator": translator}),
        "from a translator",
        model=DIGITS,
    )


def test_classes_without_a_translator_have_the_bits_of_the_graph_of_small_nodes(
    graph, own_base, base, short
):
    models, run_there = own_base
    shutil.copy(base / "models/latentsteer_generators" / OTHER, models / "latentsteer_generators")
    own = {"model": OTHER, "auxiliary": "digits classifier (embedded)"}
    check_classes(graph, run_there, plans.FROM_PRIOR, "PriorInit", {}, "from the prior", **own)


CASES = {
    "no text": (InvalidInput, "The prompt is empty. Write what to draw", {"prompt": " \n"}),
    "no class": (InvalidInput, "Write classes", {"prompt": "", "model": DIGITS}),
    "an unknown class": (ConditionMismatch, "seven", {"prompt": "seven", "model": DIGITS}),
    "a file alone": (InvalidInput, "No auxiliary model is known for", {"model": OTHER}),
    "a judge": (ConditionMismatch, "expected a CLIP", {"auxiliary": "avatars judge (embedded)"}),
}


def test_words_for_a_classifier_are_told_which_clips_there_are(graph, own_base):
    models, run_there = own_base
    write(models / "latentsteer_aux" / "mine.safetensors", {"x": torch.zeros(1)}, {})
    graph.add("Steer", prompt="3, a red hat", model=DIGITS)
    with pytest.raises(NodeError) as caught:
        run_there(graph)
    assert type(caught.value.__cause__) is ConditionMismatch
    for part in (
        "'digits-classifier' has no class 'a red hat'",
        "comes with one: avatars (embedded);",
        "in `auxiliary`: avatars CLIP (embedded),",
        "models/latentsteer_aux (mine.safetensors)",
    ):
        assert part in str(caught.value)


def test_a_class_that_there_is_not_is_told_without_clips(graph, fault):
    graph.add("Steer", prompt="3, 12", model=DIGITS)
    assert "CLIP" not in fault(graph, ConditionMismatch)


@pytest.mark.parametrize("case", CASES)
def test_what_cannot_be_steered_is_refused(graph, fault, case):
    error, match, inputs = CASES[case]
    graph.add("Steer", **inputs)
    assert match in fault(graph, error)


def test_pairs_in_the_folder_that_fit_are_found(graph, own_base, base, short):
    models, run_there = own_base
    shutil.copy(base / "models/latentsteer_generators" / OTHER, models / "latentsteer_generators")
    made = graph.models(OTHER)
    pairs = graph.add(
        "SynthesisePairs", generator=made.generator, auxiliary=made.classifier, count=64
    )
    graph.add("SavePairs", pairs=pairs, name="mine")
    run_there(graph)
    own = {"model": OTHER, "auxiliary": "digits classifier (embedded)"}
    good = {"good": plans.CLASSES_FROM_PAIRS["good"]}
    check_classes(
        *(graph, run_there, good, "NearestPairsInit", {"pairs": pairs}),
        "from the nearest pairs",
        **own,
    )
