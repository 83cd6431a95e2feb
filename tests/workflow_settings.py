"""The shipped workflows on embedded models, and settings that make them quick.

tests/digests.py loads this file by its path: it imports nothing from its folder.
"""

from latentsteer.nodes.standalone.registry import load_nodes
from latentsteer.nodes.standalone.values import widgets
from latentsteer.workflows.recipes.table import RECIPES

NAMES = sorted(name for name, recipe in RECIPES.items() if not recipe.files)
"""Those on embedded models; tests/test_official_workflows.py runs the others on tiny ones."""
FUSEDREAM = {name for name in NAMES if RECIPES[name].paper == "fusedream"}
SEARCH = "tr0n_avatars_search"
REFINERS = {
    kind.removeprefix("LatentSteer_")
    for kind, node in load_nodes().items()
    if any(output.id == "trace" for output in node.schema().outputs or ())
}
"""Nodes that give a trace."""
CHEAP = {
    "pairs": 32,
    "epochs": 1,
    "steps": 2,
    "samples_per_class": 1,
    "samples_per_prompt": 1,
    "samples_per_image": 1,
    "candidates": 2,
    "population": 4,
    "inner_steps": 1,
    "views": 1,
}
FEW = {"BasisInit": {"keep": 1}, "BestLatents": {"keep": 1}, "ComposeFuse": {"places": "centre"}}
"""Further settings of FuseDream's with two candidates and a sample of each prompt."""
SEVERAL = {"samples": 4, "count": 4, "samples_per_prompt": 2}
"""Settings of a flow, which needs several particles."""


def kinds_of(api):
    """The kinds of nodes in a graph."""
    return {node["class_type"].removeprefix("LatentSteer_") for node in api.values()}


def unpadded(api):
    """Settings of chunks without padding, where a node has them."""
    nodes = load_nodes()
    for node_id, raw in api.items():
        node = nodes.get(raw["class_type"])
        if node and "chunk" in {widget.id for widget in widgets(node.schema())}:
            yield f"{node_id}.chunk=fast"


def cheaper(api, name):
    """Settings that make a graph quick."""
    cheap = CHEAP | SEVERAL if name.startswith("krr") else CHEAP
    for node_id, raw in api.items():
        kind = raw["class_type"].removeprefix("LatentSteer_")
        few = FEW.get(kind, {}) if name in FUSEDREAM else {}
        if raw["inputs"].get("generations"):
            few = few | {"candidates": 16, "generations": 1}
        for key, value in {**cheap, **few}.items():
            given = raw["inputs"].get(key, 0)
            if key in few or (not isinstance(given, list) and given > value):
                yield f"{node_id}.{key}={value}"
