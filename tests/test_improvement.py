"""Shipped workflows do what they claim: the figure of their judge is better at the end."""

import copy
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import pytest
from latentsteer.nodes.standalone.executor import execute
from latentsteer.nodes.standalone.host import StandaloneHost
from latentsteer.nodes.standalone.registry import load_nodes
from latentsteer.workflows.recipes.table import RECIPES

NODES = load_nodes()
REFINERS = ("LangevinRefine", "AdamRefine", "KRRFlowRefine", "CMAESRefine")
HIGHER, LOWER = 1, -1


@dataclass(frozen=True)
class Claim:
    """Improvement that a workflow claims.

    Attributes:
        figure: figure of the judge.
        sign: whether it should rise or fall.
        quick: settings that make it quick and keep the claim; None for the slow tier alone.
        beside: whether the last refiner is compared with the one before it, not with its start.
    """

    figure: str
    sign: int = HIGHER
    quick: Mapping[str, object] | None = None
    beside: bool = field(default=False)


DISTANCE, PROBABILITY, SATISFIED = "frechet_distance", "probability", "satisfied"
FEW = {"samples": 64, "steps": 3, "chunk": "fast"}
CLAIMS = {
    "tr0n_digits_class": Claim(PROBABILITY),
    "tr0n_digits_bayes_0_20": Claim(PROBABILITY),
    "tr0n_digits_bayes_1_1": Claim(PROBABILITY),
    "tr0n_digits_bayes_1_20": Claim(PROBABILITY),
    "tr0n_digits_no_translator": Claim(PROBABILITY, quick={"steps": 10, "samples_per_class": 2}),
    "tr0n_digits_adam": Claim(PROBABILITY),
    "tr0n_avatars_text": Claim(SATISFIED),
    "tr0n_avatars_no_translator": Claim(
        SATISFIED, quick={"candidates": 4, "steps": 15, "samples_per_prompt": 2}
    ),
    "tr0n_avatars_best_of_seeds": Claim(SATISFIED),
    "tr0n_avatars_search": Claim(SATISFIED),
    "fusedream_avatars_text": Claim(
        SATISFIED, quick={"candidates": 10, "steps": 10, "views": 1, "samples_per_prompt": 1}
    ),
    "fusedream_avatars_upscaled": Claim(SATISFIED),
    "fusedream_avatars_out_of_domain": Claim(SATISFIED),
    "fusedream_avatars_basin_cma": Claim(SATISFIED),
    "krr_digits_flow": Claim(DISTANCE, LOWER, quick=FEW),
    "krr_digits_kde": Claim(DISTANCE, LOWER),
    "krr_digits_krr": Claim(DISTANCE, LOWER),
    "krr_digits_kde_smooth": Claim(DISTANCE, LOWER),
    "krr_digits_stein": Claim(DISTANCE, LOWER),
    "krr_digits_only_real": Claim(DISTANCE, LOWER, quick=FEW),
    "krr_digits_only_generated": Claim(DISTANCE, LOWER, quick=FEW),
    "krr_digits_only_condition": Claim(DISTANCE, LOWER),
    "krr_digits_steps_5": Claim(DISTANCE, LOWER),
    "krr_digits_steps_10": Claim(DISTANCE, LOWER),
    "krr_digits_steps_15": Claim(DISTANCE, LOWER),
    "krr_avatars_text": Claim("diversity", beside=True),
    "krr_avatars_inpainting": Claim("diversity", beside=True),
    "krr_avatars_editing": Claim("diversity", beside=True),
}
"""Claims of the embedded workflows; those that compare settings, show failures or refine nothing
have none."""
UNCLAIMED = {
    "tr0n_digits_no_error_correction",
    "tr0n_digits_deterministic",
    "tr0n_avatars_translator_only",
    "tr0n_avatars_image_semantics",
    "tr0n_avatars_interpolation",
    "tr0n_avatars_evolution",
    "avatars_image_to_latents",
    "fusedream_avatars_composition",
    "fusedream_avatars_interpolation",
    "fusedream_avatars_best_of_seeds",
    "fusedream_avatars_initial_basis",
    "fusedream_avatars_initialisation",
    "fusedream_avatars_views",
    "fusedream_avatars_wrong_start",
    "fusedream_avatars_attack",
}
QUICK = {name: claim for name, claim in CLAIMS.items() if claim.quick is not None}


def kind(node):
    return node["class_type"].removeprefix("LatentSteer_")


def judged(api) -> Iterator[tuple[str, str, str]]:
    """Every judge of decoded latents of a refiner: its node, Decode and the refiner."""
    for number, node in api.items():
        if kind(node) != "EvaluateImages":
            continue
        images = node["inputs"]["images"][0]
        latents = api[images]["inputs"].get("latents")
        if latents and kind(api[latents[0]]) in REFINERS:
            yield number, images, latents[0]


def needed(api, targets):
    """Returns the part of a graph that these nodes need."""
    found, left = {}, list(targets)
    while left:
        number = left.pop()
        if number not in found:
            found[number] = api[number]
            left += [v[0] for v in api[number]["inputs"].values() if isinstance(v, list)]
    return {number: api[number] for number in api if number in found}


def figures(api, claim, folder, settings):
    """Returns (before, after) of every judge, at the given settings."""
    api = copy.deepcopy(api)
    for node in api.values():
        node["inputs"] |= {
            name: value for name, value in settings.items() if name in node["inputs"]
        }
    ends, pairs = list(judged(api)), []
    if claim.beside:
        (first, _, _), (second, _, _) = ends
        pairs = [(first, second)]
    else:
        for end, decode, refiner in ends:
            before, start = f"start of {end}", f"decoded start of {end}"
            latents = api[refiner]["inputs"]["start"]
            api[start] = {**api[decode], "inputs": {**api[decode]["inputs"], "latents": latents}}
            images = {**api[end]["inputs"], "images": [start, 0]}
            api[before] = {**api[end], "inputs": images}
            pairs.append((before, end))
    api = needed(api, [number for pair in pairs for number in pair])
    shown = execute(api, StandaloneHost(folder, folder / "out", "cpu"), nodes=NODES).ui
    return [
        tuple(shown[number]["latentsteer"][0]["evaluate"][claim.figure] for number in pair)
        for pair in pairs
    ]


def check(name, folder, settings):
    claim = CLAIMS[name]
    found = figures(RECIPES[name].api, claim, folder, settings)
    assert found
    for before, after in found:
        assert claim.sign * (after - before) > 0, (claim.figure, before, after)


def test_every_embedded_workflow_claims_an_improvement_or_says_why_not():
    embedded = {name for name, recipe in RECIPES.items() if not recipe.files}
    assert embedded == CLAIMS.keys() | UNCLAIMED
    assert not CLAIMS.keys() & UNCLAIMED


@pytest.mark.parametrize("name", QUICK)
def test_the_judges_figure_improves_in_small(name, tmp_path):
    check(name, tmp_path, QUICK[name].quick)


@pytest.mark.slow
@pytest.mark.parametrize("name", CLAIMS)
def test_the_judges_figure_improves(name, tmp_path):
    """At the shipped settings."""
    check(name, tmp_path, {})
