"""The shipped workflows on embedded models run; those by default use every node in every way."""

import copy
import json

import pytest
import torch
from latentsteer.core.pairs.stored import StoredPairs
from latentsteer.core.zoo import shipped as catalogue
from latentsteer.nodes.cli.main import main
from latentsteer.nodes.standalone.executor import execute
from latentsteer.nodes.standalone.host import StandaloneHost
from latentsteer.workflows.recipes.table import RECIPES
from latentsteer.workflows.recipes.write import FOLDER, api_path

from .covering import covering, uses_of
from .labelled_pictures import labelled_pictures
from .workflow_settings import (
    BY_WORDS,
    FUSEDREAM,
    NAMES,
    REFINERS,
    SEARCH,
    cheaper,
    kinds_of,
    unpadded,
)

PAIRS, REFERENCES = 1500, 64
"""Pairs of edits and conditions by words, and real images of the evaluation."""
FEWER = {
    "EditImage": {"results": 2},
    "MoveLatents": {"grid": 2},
    "ReferenceImages": {"count": 20},
    "Steer": {"samples": 1},
    "VariationInit": {"samples_per_latent": 2},
}
"""By kind: further settings than the digests' in tests/workflow_settings.py."""
FEWER_BY_NAME = {
    BY_WORDS: {"ReferenceImages": {"count": 2}},
    "reno_avatars": {"PriorInit": {"samples": 4}},
}
CHOSEN = covering({name: RECIPES[name].api for name in NAMES})
"""Others repeat what these do, with other numbers and texts or fewer nodes; they are slow."""


def test_the_workflows_that_run_by_default_use_every_node_in_every_way():
    nodes = {name: RECIPES[name].api for name in NAMES}
    whole, chosen = (
        {use for name in names for use in uses_of(nodes[name])} for names in (NAMES, CHOSEN)
    )
    assert chosen == whole
    assert {kind for kind, _ in chosen} == {
        node["class_type"] for api in nodes.values() for node in api.values()
    }
    # A choice, a switch, a 0 and an input that is not linked each make another use.
    node = {"class_type": "X", "inputs": {"a": "k", "b": True, "c": 0, "d": ["1", 0], "seed": 1}}
    changes = ({"a": "l"}, {"b": False}, {"c": 2}, {"d": None})
    uses = [uses_of({"1": node | {"inputs": node["inputs"] | new}}) for new in ({}, *changes)]
    assert len(set(map(frozenset, uses))) == 5
    other = node | {"inputs": node["inputs"] | {"seed": 2}}
    assert uses_of({"1": other}) == uses[0]


def fewer(api, name):
    """Further settings, each where it makes a number smaller."""
    given = dict(one.split("=", 1) for one in cheaper(api, name))
    for node_id, raw in api.items():
        kind = raw["class_type"].removeprefix("LatentSteer_")
        few = FEWER.get(kind, {}) | FEWER_BY_NAME.get(name, {}).get(kind, {})
        for key, value in few.items():
            if int(given.get(f"{node_id}.{key}", raw["inputs"][key])) > value:
                yield f"{node_id}.{key}={value}"


def few_prompts(api, name):
    """Settings of a graph with the first of its prompts, if its nodes have equally many."""
    most = 2 if name in FUSEDREAM else 4
    texts = {node_id: raw["inputs"].get("prompts", "") for node_id, raw in api.items()}
    lines = {node_id: text.splitlines() for node_id, text in texts.items() if text}
    if len({len(prompts) for prompts in lines.values()}) == 1:
        for node_id, prompts in lines.items():
            yield f"{node_id}.prompts=" + "\n".join(prompts[:most])


@pytest.fixture
def few_references(monkeypatch):
    """A judge's features of all real images take seconds; only the slow claims use all."""
    whole = catalogue.reference_portion
    monkeypatch.setattr(
        catalogue, "reference_portion", lambda *a, **k: whole(*a, **k)[:REFERENCES]
    )


@pytest.fixture
def few_pairs(monkeypatch):
    """Directions of all pairs take seconds each."""
    whole = StoredPairs._open
    monkeypatch.setattr(StoredPairs, "_open", lambda self, *given: whole(self, *given[:-1], PAIRS))


@pytest.mark.usefixtures(
    "few_references", "few_pairs", "short_plans", "judged_once", "curves_drawn_once"
)
@pytest.mark.parametrize(
    "file",
    [
        "tr0n/tr0n_digits_class",
        *(
            pytest.param(f"api/{name}", marks=[] if name in CHOSEN else [pytest.mark.slow])
            for name in NAMES
        ),
    ],
)
def test_it_runs_from_one_command(file, tmp_path, capsys):
    """With few pairs, steps and samples; one in the canvas' format, since the formats agree."""
    name = file.removeprefix("api/").removeprefix("tr0n/")
    if "basin_cma" in name:
        pytest.importorskip("cmaes", reason="cmaes is not installed")
    api = RECIPES[name].api
    path = api_path(RECIPES[name]) if file.startswith("api/") else FOLDER / f"{file}.json"
    settings = list(cheaper(api, name))
    assert settings or not RECIPES[name].paper
    settings += [*fewer(api, name), *few_prompts(api, name)]
    if file.startswith("api/"):  # the one in the canvas' format has fixed chunks, as shipped
        settings += unpadded(api)
    if name == "d2c_own_labels":
        labelled_pictures(tmp_path / "input")
    out = tmp_path / "out"
    folders = ["--base", str(tmp_path), "--out", str(out), "--device", "cpu"]
    flags = [text for setting in settings for text in ("--set", setting)]
    assert main(["run", str(path), *folders, *flags]) == 0
    picture, *more = sorted(out.glob("*.png"))
    assert not more or RECIPES[name].template is not None
    report = json.loads((out / "report.json").read_text(encoding="utf-8"))
    assert report["outputs"] == [str(picture), *map(str, more)]
    assert set(report["seconds"]["nodes"]) == set(api)
    items = [item for node in report["measures"].values() for item in node["items"]]
    found = {key: value for item in items for key, value in item.items()}
    if not RECIPES[name].paper:  # some of these have no judge
        return
    judged = found["evaluate"]
    if name.startswith("krr_digits"):
        assert judged["images"] == 4
        assert judged["frechet_distance"] > 0
    elif "digits" in name:
        assert judged["images"] == 10
        assert 0 <= judged["probability"] <= 1
    else:
        few = name.startswith("krr") or name == SEARCH
        least = 1 if name in FUSEDREAM else 2 if few else 4
        assert judged["images"] >= least
        assert 0 <= judged.get("satisfied", 0) <= 1
        assert ("satisfied" in judged) == ("frechet_distance" not in judged)
    if kinds_of(api).isdisjoint(REFINERS):
        assert "refine" not in found
    elif name == BY_WORDS:
        assert found["refine"]["steps"] == 0, "it encodes"
    else:
        assert found["refine"]["steps"] == 2
        assert set(found["refine"]["before"]) == set(found["refine"]["after"])
        assert "energy" in found["refine"]["before"]
        assert list(out.glob("temp/*.png"))
    assert str(picture) in capsys.readouterr().out


def test_the_small_nodes_of_digits_give_the_bits_of_steer(tmp_path):
    """As the template says; the avatars' are tests of Steer and Edit Image."""
    pictures = []
    for name in ("digits_steer", "digits_steer_advanced"):
        api = copy.deepcopy(RECIPES[name].api)
        for node in api.values():
            for key, value in {"prompt": "3, 7", "classes": "3, 7", "samples": 2}.items():
                node["inputs"] |= {key: value} if key in node["inputs"] else {}
            if "samples_per_class" in node["inputs"]:
                node["inputs"]["samples_per_class"] = 2
        outputs = execute(api, StandaloneHost(tmp_path, tmp_path / name, "cpu")).outputs
        (images,) = (
            outputs[number][0]
            for number, node in api.items()
            if node["class_type"] in {"LatentSteer_Steer", "LatentSteer_Decode"}
        )
        pictures.append(images)
    assert pictures[0].shape == (4, *pictures[0].shape[1:])
    assert torch.equal(*pictures)
