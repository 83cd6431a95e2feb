"""The pack in a running ComfyUI, over HTTP and websocket."""

import json
import os
from urllib.parse import quote

import pytest
from latentsteer.core.zoo.avatar_captions import PROMPTS, captions
from latentsteer.nodes.catalogue import ALL_NODES
from latentsteer.nodes.defaults import defaults_of
from latentsteer.nodes.model_folders import MODEL_FOLDERS
from latentsteer.nodes.model_readmes import README, readme_of
from latentsteer.nodes.standalone.values import widgets
from latentsteer.workflows.recipes.table import RECIPES

from ..contents import has_contents, span
from .client import (
    TRAINING,
    Client,
    Refused,
    cheap,
    downstream,
    embedded,
    minimal,
    node_of,
    nodes_of,
    templates,
    workflow,
)
from .hosts import PACK, Server, make_base

pytestmark = pytest.mark.host
IDS = sorted(node.schema().node_id for node in ALL_NODES)


def test_it_loads_and_changes_no_package(server, client, frozen):
    assert "IMPORT FAILED" not in server.log.read_text("utf-8", "replace")
    assert set(IDS) <= set(client.get("/object_info"))
    assert server.checkout.freeze() == frozen


def test_every_input_and_output_has_a_tooltip(client):
    info = client.get("/object_info")
    bare = []
    for name in IDS:
        node = info[name]
        inputs = {**node["input"].get("required", {}), **node["input"].get("optional", {})}
        bare += [f"{name}.{k}" for k, v in inputs.items() if not v[1].get("tooltip")]
        bare += [f"{name} -> {k}" for k in _without(node["output"], node["output_tooltips"])]
        assert node["description"]
        assert not any(shown.startswith("LATENTSTEER") for shown in node["output_name"])
        assert node["category"].startswith("LatentSteer/")
    assert bare == []


def _without(outputs, tooltips):
    return [name for name, text in zip(outputs, tooltips, strict=True) if not text]


@pytest.mark.parametrize("name", embedded())
def test_a_shipped_workflow_executes(client, frozen, name):
    if "basin_cma" in name and not any(package.startswith("cmaes==") for package in frozen):
        pytest.skip("the host's Python lacks cmaes")
    api = cheap(name)
    run = client.run(api)
    assert run.outcome == "execution_success"
    sheet, *more = pictures = run.images[node_of(api, "SaveImage")]
    assert not more or RECIPES[name].template is not None
    assert sheet.width > sheet.height / 20
    darkest, lightest = zip(*(one.convert("L").getextrema() for one in pictures), strict=True)
    assert all(map(has_contents, pictures))
    # Black strokes; dark paint beside light one.
    assert min(darkest) == 0 if "digits" in name else max(map(span, pictures)) > 175
    assert max(lightest) == 255 or more  # lines of a grid
    judged = [str(run.history["outputs"][node]) for node in nodes_of(api, "EvaluateImages")]
    figures = ("probability", "satisfied", "Frechet")
    # Templates have none.
    assert judged or RECIPES[name].template is not None
    assert all(any(figure in said for figure in figures) for said in judged)


@pytest.mark.parametrize(
    "name", ["tr0n_digits_class", "krr_digits_flow", "fusedream_avatars_text"]
)
def test_a_minimal_graph_runs_as_the_whole_one(client, name):
    """Omitted inputs have their defaults, on hosts that do not pass optional inputs."""
    api = cheap(name, seed=5)
    small = minimal(api)
    assert sum(len(n["inputs"]) for n in small.values()) < sum(
        len(n["inputs"]) for n in api.values()
    )
    pictures = []
    for graph in (small, api):
        run = client.run(graph)
        assert run.outcome == "execution_success"
        (sheet,) = run.images[node_of(graph, "SaveImage")]
        pictures.append(sheet.tobytes())
    assert pictures[0] == pictures[1]


def test_the_order_of_widgets_is_that_of_saved_canvases(client):
    info = client.get("/object_info")
    for node in ALL_NODES:
        schema = node.schema()
        given = info[schema.node_id]["input_order"]
        order = [*given.get("required", ()), *given.get("optional", ())]
        ours = [widget.id for widget in widgets(schema)]
        assert [name for name in order if name in ours] == ours
        assert not set(given.get("required", ())) & set(defaults_of(schema))


def test_previews_are_binary_jpegs_during_refinement(client, record_property):
    api = cheap(steps=10, preview_every=2, seed=3)
    run = client.run(api)
    record_property("previews", len(run.previews))
    assert len(run.previews) == 5
    assert {(kind, picture.format) for kind, picture in run.previews} == {(1, "JPEG")}
    assert run.steps(node_of(api, "LangevinRefine"))[-1] == 10
    assert len({picture.tobytes() for _, picture in run.previews}) > 1


def test_a_new_seed_redoes_only_what_depends_on_it(client):
    api = cheap(seed=11)
    client.run(api)
    refiner = node_of(api, "LangevinRefine")
    api[refiner]["inputs"]["seed"] = 12
    second = client.run(api)
    again = downstream(api, refiner)
    assert second.executed == again
    assert second.cached == set(api) - again
    assert len(second.cached) == 7
    assert client.run(api).executed == set()


def test_a_changed_file_is_read_again(client, server):
    """The size or time of a model's file decides, not its name."""
    api = cheap(seed=21)
    loader = node_of(api, "LoadGenerator")
    api[loader]["inputs"]["file"] = "more.safetensors"
    path = server.base / "elsewhere" / "more.safetensors"
    client.run(api)
    assert loader not in client.run(api).executed
    stamp = path.stat().st_mtime_ns + 10**9
    os.utime(path, ns=(stamp, stamp))
    assert loader in client.run(api).executed


def test_extra_model_paths_are_searched(client):
    offered = client.get("/object_info/LatentSteer_LoadGenerator")
    files = _files(offered["LatentSteer_LoadGenerator"])
    assert "more.safetensors" in files
    assert "notes.txt" not in files
    assert "digits (embedded)" in files


def test_the_first_boot_makes_the_model_folders(client, server):
    for folder in MODEL_FOLDERS:
        readme = server.base / "models" / folder.key / README
        assert readme.read_text("utf-8") == readme_of(folder)
    offered = client.get("/object_info")
    lists = [_files(offered[name]) for name in IDS if "file" in _required(offered[name])]
    assert len(lists) > 3
    assert not [name for names in lists for name in names if README in name]


def _required(node):
    return node["input"].get("required", {})


def _files(node):
    kind, options = node["input"]["required"]["file"]
    return kind if isinstance(kind, list) else options["options"]


def test_a_saved_translator_lies_in_models_and_is_offered(client, server):
    api = cheap(seed=25)
    saver = {"translator": [node_of(api, "TrainTranslator"), 0], "name": "kept"}
    api["90"] = {"class_type": "LatentSteer_SaveTranslator", "inputs": saver}
    assert client.run(api).outcome == "execution_success"
    assert (server.base / "models/latentsteer_translators/kept.safetensors").is_file()
    info = client.get("/object_info/LatentSteer_LoadTranslator")["LatentSteer_LoadTranslator"]
    assert "kept.safetensors" in _files(info)
    loading = {"class_type": "LatentSteer_LoadTranslator", "inputs": {"file": "kept.safetensors"}}
    api[node_of(api, "TrainTranslator")] = loading
    assert client.run(api).outcome == "execution_success"


MISSING = {
    "LoadLatents": ("LatentSteer_SaveLatents", {"latents": ["1", 0], "name": "x"}),
    "LoadTranslator": ("LatentSteer_SaveTranslator", {"translator": ["1", 0], "name": "x"}),
    "LoadAuxModel": (
        "LatentSteer_EvaluateImages",
        {"images": ["2", 0], "auxiliary": ["1", 0], "reference": "none", "chunk": "fixed"},
    ),
}


@pytest.mark.parametrize("kind", MISSING)
def test_a_missing_file_gives_our_message(client, server, kind):
    last, inputs = MISSING[kind]
    options = {"architecture": "auto", "activation": "auto"} if kind == "LoadAuxModel" else {}
    missing = {"file": "gone.safetensors", **options}
    api = {
        "1": {"class_type": f"LatentSteer_{kind}", "inputs": missing},
        "2": {
            "class_type": "EmptyImage",
            "inputs": {"width": 8, "height": 8, "batch_size": 1, "color": 0},
        },
        "3": {"class_type": last, "inputs": inputs},
    }
    with pytest.raises(Refused) as refused:
        client.run(api)
    (error,) = refused.value.answer["node_errors"]["1"]["errors"]
    assert "'gone.safetensors'" in error["details"]
    assert "There is no model" in error["details"] or "There are no latents" in error["details"]
    assert str(server.base) in error["details"]


def test_templates_pictures_and_help_pages_are_served(client):
    assert sorted(client.get("/workflow_templates")[PACK]) == templates()
    for name in templates():
        there = f"/api/workflow_templates/{PACK}/{quote(name)}"
        assert client.get(f"{there}.json")["nodes"]
        assert client.get(f"{there}.jpg")[:2] == b"\xff\xd8"
    for name in IDS:
        assert client.get(f"/extensions/{PACK}/docs/{name}.md").startswith(b"# ")


def test_a_picture_carries_its_graph(client):
    api, canvas = cheap(seed=31), workflow(TRAINING, api=False)
    (sheet,) = client.run(api, workflow=canvas).images[node_of(api, "SaveImage")]
    assert json.loads(sheet.text["workflow"]) == canvas
    kept = json.loads(sheet.text["prompt"])
    assert {node: raw["inputs"] for node, raw in kept.items()} == {
        node: raw["inputs"] for node, raw in api.items()
    }


def test_memory_is_flat_after_twenty_runs(client, server, record_property):
    for seed in range(100, 108):
        assert client.run(cheap(seed=seed)).outcome == "execution_success"
    before = server.resident()
    for seed in range(200, 220):
        assert client.run(cheap(seed=seed)).outcome == "execution_success"
    after = server.resident()
    record_property("memory_mb", [round(before), round(after)])
    assert after < 1.05 * before


def test_memory_is_flat_over_fifty_prompts(client, server, record_property):
    """Each prompt opens the models: none of them may stay."""
    texts = list(dict.fromkeys([*PROMPTS, *(caption.text for caption in captions())]))[:50]
    assert len(texts) == 50
    resident = {}
    for number, text in enumerate(texts, 1):
        run = client.run(_drafted(text))
        assert run.outcome == "execution_success"
        if number in (10, 50):
            resident[number] = server.resident()
    record_property("memory_mb", {n: round(size) for n, size in resident.items()})
    assert resident[50] < 1.05 * resident[10]


def _drafted(text):
    inputs = {"prompt": text, "model": "avatars (embedded)", "samples": 1, "quality": "draft"}
    return {
        "1": {"class_type": "LatentSteer_Steer", "inputs": {**inputs, "seed": 0}},
        "2": {"class_type": "SaveImage", "inputs": {"images": ["1", 0], "filename_prefix": "d"}},
    }


def test_without_cache_the_images_are_the_same(client, checkout, tmp_path):
    api = cheap(seed=41)
    node = node_of(api, "SaveImage")
    (usual,) = client.run(api).images[node]
    with Server(checkout, make_base(tmp_path / "base"), "--cache-none") as other:
        apart = Client(other.url)
        (first,) = apart.run(api).images[node]
        second = apart.run(api)
    assert second.executed == set(api)
    assert first.tobytes() == second.images[node][0].tobytes() == usual.tobytes()
