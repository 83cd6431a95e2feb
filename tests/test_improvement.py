"""Shipped workflows improve the figure of their judge that their recipe names."""

import copy
from collections.abc import Iterator

import pytest
from latentsteer.nodes.standalone.executor import execute
from latentsteer.nodes.standalone.host import StandaloneHost
from latentsteer.nodes.standalone.registry import load_nodes
from latentsteer.workflows.recipes.table import RECIPES

NODES = load_nodes()
REFINERS = {
    kind.removeprefix("LatentSteer_")
    for kind, node in NODES.items()
    if {"start", "trace"} <= {part.id for part in (*node.schema().inputs, *node.schema().outputs)}
}
"""Nodes that move latents and give a trace."""
FALLING = ("frechet_distance",)
"""Figures that are better where they are lower."""
BESIDE = ("diversity",)
"""Figures of the last refiner that are compared with those of the one before, not of its start."""
FEW = {"samples": 64, "steps": 3, "chunk": "fast"}
QUICK = {
    "tr0n_digits_no_translator": {"steps": 10, "samples_per_class": 2},
    "tr0n_avatars_no_translator": {"candidates": 4, "steps": 15, "samples_per_prompt": 2},
    "fusedream_avatars_text": {
        "candidates": 10,
        "steps": 10,
        "views": 1,
        "samples_per_prompt": 1,
        "chunk": "fast",
    },
    "krr_digits_flow": FEW,
    "krr_digits_only_real": FEW,
    "krr_digits_only_generated": FEW,
}
"""Settings that make some workflows quick and keep what they claim."""
BY_DEFAULT = ("tr0n_digits_no_translator", "fusedream_avatars_text", "krr_digits_flow")
"""One of each paper; the others are slow."""
CLAIMS = {name: recipe.improves for name, recipe in RECIPES.items() if recipe.improves}


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


def figures(api, figure, folder, settings):
    """(before, after) of every judge, with `settings` in place of the workflow's own."""
    api = copy.deepcopy(api)
    for node in api.values():
        if kind(node) == "LoadGenerator":  # its steps are those of a diffusion
            continue
        node["inputs"] |= {
            name: value for name, value in settings.items() if name in node["inputs"]
        }
    ends, pairs = list(judged(api)), []
    if figure in BESIDE:
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
        tuple(shown[number]["latentsteer"][0]["evaluate"][figure] for number in pair)
        for pair in pairs
    ]


def check(name, folder, settings):
    figure = CLAIMS[name]
    found = figures(RECIPES[name].api, figure, folder, settings)
    assert found
    for before, after in found:
        assert after < before if figure in FALLING else after > before, (figure, before, after)


def test_claims_are_those_of_embedded_workflows_with_a_judged_refiner():
    assert len(CLAIMS) >= 28
    for name, figure in CLAIMS.items():
        assert not RECIPES[name].files
        assert len(list(judged(RECIPES[name].api))) >= (2 if figure in BESIDE else 1)


@pytest.mark.usefixtures("judged_once")
@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=[] if name in BY_DEFAULT else [pytest.mark.slow]) for name in QUICK],
)
def test_the_judges_figure_improves_in_small(name, tmp_path):
    check(name, tmp_path, QUICK[name])


@pytest.mark.slow
@pytest.mark.parametrize("name", CLAIMS)
def test_the_judges_figure_improves(name, tmp_path):
    """At the shipped settings."""
    check(name, tmp_path, {})
