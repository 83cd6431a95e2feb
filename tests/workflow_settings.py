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
D2C = {"count": 50, "moves": 2, "grid": 2, "most": 200}
"""Further settings of D2C's workflows."""
FEW_D2C = {
    "PriorGenerator": {"steps": 6},
    "PriorInit": {"samples": 200},
    "RejectionSample": {"samples": 4, "steps": 8},
    "GuidedSample": {"samples": 4, "steps": 8},
    "EditByCondition": {"strength": 3.0, "grid": 1},
}
"""By kind: rejection needs draws that look like avatars, and a bank some with the wanted."""
UNCONDITIONAL = {"PriorInit": {"samples": 16}, "PriorGenerator": {"steps": 2}}
"""Settings of the workflow that shows draws of the prior and uses no bank."""
FEW_OF_TASK = {
    **FEW_D2C,
    "Steer": {"quality": "draft", "samples": 2},
    "EditImage": {"results": 1},
    "BestLatents": {"keep": 1},
    "VariationInit": {"samples_per_latent": 3},
    "ComposeFuse": {"places": "centre"},
    "InterpolateLatents": {"frames": 2},
    "TrainTranslator": {"pairs": 32, "epochs": 1},
    "ClassCondition": {"samples_per_class": 1},
}
"""Further settings of templates."""
WHOLE = ("avatars_edit", "digits_steer")
"""Plans of a task, which keep some of their candidates."""
IN_SMALL_NODES = "avatars_steer_advanced"
FEW_STARTS = {"TextCondition": {"samples_per_prompt": 4}, "NearestPairsInit": {"candidates": 2}}
"""Settings of Steer in small nodes, which keeps four of each text's starts."""
BY_WORDS = "avatars_edit_by_words"
FEW_BY_WORDS = {"MoveLatents": {"grid": 2}}
"""Settings of the edits by words."""
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
    if not RECIPES[name].paper:
        for node_id, raw in api.items():
            kind = raw["class_type"].removeprefix("LatentSteer_")
            few = {"steps": 2} if isinstance(raw["inputs"].get("steps"), int) else {}
            if RECIPES[name].template is not None and name not in WHOLE:
                few |= FEW_OF_TASK.get(kind, {})
            if name == IN_SMALL_NODES:
                few |= FEW_STARTS.get(kind, {})
            for key, value in few.items():
                yield f"{node_id}.{key}={value}"
        return
    more = SEVERAL if name.startswith("krr") else D2C if name.startswith("d2c") else {}
    cheap = CHEAP | more
    for node_id, raw in api.items():
        kind = raw["class_type"].removeprefix("LatentSteer_")
        few = FEW.get(kind, {}) if name in FUSEDREAM else {}
        few = FEW_D2C.get(kind, {}) if name.startswith("d2c") else few
        few = FEW_BY_WORDS.get(kind, {}) if name == BY_WORDS else few
        few = UNCONDITIONAL.get(kind, few) if name == "d2c_avatars_unconditional" else few
        if raw["inputs"].get("generations"):
            few = few | {"candidates": 16, "generations": 1}
        for key, value in {**cheap, **few}.items():
            given = raw["inputs"].get(key, 0)
            if key in few or (isinstance(given, int | float) and given > value):
                yield f"{node_id}.{key}={value}"
