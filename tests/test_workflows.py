"""The shipped workflows: both formats agree, are up to date, have a tidy layout, and run."""

import json
import re

import pytest
from latentsteer.core.zoo import shipped as catalogue
from latentsteer.nodes.cli.main import main
from latentsteer.nodes.standalone.canvas.formats import api_from_ui
from latentsteer.nodes.standalone.graph import validate
from latentsteer.nodes.standalone.registry import load_nodes, schemas_of
from latentsteer.nodes.standalone.values import widgets
from latentsteer.workflows.recipes.notes import note
from latentsteer.workflows.recipes.rows import ROWS
from latentsteer.workflows.recipes.table import RECIPES
from latentsteer.workflows.recipes.write import FOLDER, api_path, canvas_path, files

from .covering import covering, uses_of

NAMES = sorted(name for name, recipe in RECIPES.items() if not recipe.files)
"""Those on embedded models; tests/test_official_workflows.py runs the others on tiny ones."""
FUSEDREAM = {name for name in NAMES if RECIPES[name].paper == "fusedream"}
KRR_DIGITS = {
    row: name for name in NAMES if name.startswith("krr_digits_") for row in RECIPES[name].rows
}
SEARCH = "tr0n_avatars_search"
REFINERS = {
    kind.removeprefix("LatentSteer_")
    for kind, node in load_nodes().items()
    if any(output.id == "trace" for output in node.schema().outputs or ())
}
"""Nodes that give a trace."""
PICTURES = {"ComposeFuse", "ImageGradientStep"}
"""Nodes whose images are shown as they are: nothing is decoded."""
TITLE = 30
"""Height of a node's title bar, which rises above its position."""
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
REFERENCES = 64
"""Real images of the evaluation."""
CHOSEN = covering({name: RECIPES[name].api for name in NAMES})
"""Others repeat what these do, with other numbers and texts or fewer nodes; they are slow."""


def kinds_of(api):
    """The kinds of nodes in a graph."""
    return {node["class_type"].removeprefix("LatentSteer_") for node in api.values()}


@pytest.fixture(params=NAMES)
def name(request):
    return request.param


@pytest.fixture
def canvas(name):
    return json.loads(canvas_path(RECIPES[name]).read_text(encoding="utf-8"))


@pytest.fixture
def api(name):
    return RECIPES[name].api


@pytest.fixture(scope="module")
def schemas():
    return schemas_of(load_nodes())


def test_the_embedded_workflows_have_every_row_that_the_small_models_can_have():
    found = {row for name in NAMES for row in RECIPES[name].rows}
    whole = {row[:3] for row in ROWS}
    assert {row for row in whole if row not in {one[:3] for one in found}} == {
        *("f05", "f09", "f23"),  # have their figures in `reproduce fusedream`
        *("t20", "t21", "t23", "t24", "t25", "t27", "t28", "t36", "t37", "t38"),  # need BigGAN
        *("t30", "k05"),  # need unsupported generators
    }
    assert [name for name in RECIPES if not re.fullmatch("[a-z0-9_]+", name)] == []


def test_the_formats_agree(canvas, api, schemas):
    assert api_from_ui(canvas, schemas) == api


def test_the_files_are_up_to_date(name):
    """`make workflows` writes them."""
    for path, text in files(RECIPES[name]).items():
        assert path.read_bytes() == text.encode()


def test_the_graph_holds_and_every_node_serves_it(api):
    graph = validate(api, load_nodes())
    assert set(graph.order) == set(api)
    for node_id, node in graph.nodes.items():
        given = set(api[node_id]["inputs"])
        widgets = {i.id for i in node.schema.inputs or () if hasattr(i, "default")}
        assert widgets <= given, f"{node.called} leaves widgets to their defaults"


def test_every_node_says_what_it_is(api):
    assert [n for n, raw in api.items() if not raw["_meta"]["title"]] == []
    kinds = kinds_of(api)
    assert {"SaveImage", "EvaluateImages"} <= kinds
    assert ("Decode" in kinds) == kinds.isdisjoint(PICTURES)


def _box(node):
    (x, y), (width, height) = node["pos"], node["size"]
    return x, y - TITLE, x + width, y + height


def test_no_two_boxes_overlap(canvas):
    nodes = canvas["nodes"]
    for index, one in enumerate(nodes):
        left, top, right, bottom = _box(one)
        assert left < right
        assert top + TITLE < bottom
        for other in nodes[index + 1 :]:
            left2, top2, right2, bottom2 = _box(other)
            apart = right <= left2 or right2 <= left or bottom <= top2 or bottom2 <= top
            assert apart, (one["type"], other["type"])


def test_a_note_tells_what_it_is(name, canvas):
    (shown,) = (node for node in canvas["nodes"] if node["type"] == "MarkdownNote")
    (text,) = shown["widgets_values"]
    assert text.startswith(f"# {RECIPES[name].heading}\n")
    assert shown["title"] == RECIPES[name].heading
    assert len(text) > 100


def test_avatars_follow_texts_and_images():
    def kinds(name):
        return kinds_of(RECIPES[name].api)

    whole = kinds("tr0n_avatars_text")
    assert {"TextCondition", "EnergyCLIP", "TrainTranslator", "LangevinRefine"} <= whole
    assert whole - kinds("tr0n_avatars_no_translator") == {"TrainTranslator", "TranslatorInit"}
    assert "LangevinRefine" not in kinds("tr0n_avatars_translator_only")
    assert "ImageCondition" in kinds("tr0n_avatars_image_semantics")
    assert "InterpolateConditions" in kinds("tr0n_avatars_interpolation")
    assert "StackLatents" in kinds("tr0n_avatars_evolution")
    assert "BestLatents" in kinds("tr0n_avatars_best_of_seeds")
    searched = [n["inputs"] for n in RECIPES[SEARCH].api.values()]
    assert [n["generations"] > 0 for n in searched if "generations" in n] == [True]
    assert [n["clause_weight"] > 0 for n in searched if "clause_weight" in n] == [True]


def test_fusedreams_avatars_do_what_their_rows_say():
    def nodes(name, kind):
        api = RECIPES[f"fusedream_avatars_{name}"].api
        return [n["inputs"] for n in api.values() if n["class_type"].endswith(kind)]

    (start,), (refined,) = nodes("text", "BasisInit"), nodes("text", "AdamRefine")
    assert start["keep"] == 5
    assert refined["energy"] == start["energy"], "AugCLIP chooses and steers, as in the paper"
    operations = ("color", "translation", "resize", "cutout")
    alone = [[n[o] for o in operations] for n in nodes("views", "EnergyCLIP")]
    assert alone[0] == alone[-1] == [True] * 4
    assert alone[1:-1] == [[o == only for o in operations] for only in operations]
    assert [n["views"] for n in nodes("attack", "EnergyCLIP")] == [0, 50]
    assert {n["views"] > 0 for n in nodes("wrong_start", "EnergyCLIP")} == {False, True}
    assert nodes("basin_cma", "CMAESRefine")[0]["inner_steps"] > 0
    assert nodes("composition", "ComposeFuse")[0]["method"] == "bi-level"
    assert nodes("upscaled", "ImageScaleBy")[0]["scale_by"] == 4
    assert len(nodes("initialisation", "AdamRefine")) == 4
    assert nodes("interpolation", "InterpolateLatents")
    assert nodes("initial_basis", "AdamRefine") == []
    (best,), (prompts, shown) = (
        nodes("best_of_seeds", "BestLatents"),
        nodes("best_of_seeds", "TextCondition"),
    )
    assert best["keep"] == shown["samples_per_prompt"] < prompts["samples_per_prompt"]


def test_the_rows_differ_as_the_paper_says():
    def kinds(name):
        return kinds_of(RECIPES[name].api)

    def widget(name, kind, key):
        nodes = [n for n in RECIPES[name].api.values() if n["class_type"].endswith(kind)]
        return nodes[0]["inputs"][key]

    whole = kinds("tr0n_digits_class")
    assert {"TrainTranslator", "TranslatorInit", "LangevinRefine"} <= whole
    assert whole - kinds("tr0n_digits_no_translator") == {"TrainTranslator", "TranslatorInit"}
    assert "LangevinRefine" not in kinds("tr0n_digits_no_error_correction")
    assert "AdamRefine" in kinds("tr0n_digits_adam")
    assert widget("tr0n_digits_deterministic", "TrainTranslator", "kind") == "deterministic"
    assert widget("tr0n_digits_class", "LangevinRefine", "inverse_temperature") == 20
    for first, second in ((0, 20), (1, 1), (1, 20)):
        row = f"tr0n_digits_bayes_{first}_{second}"
        weights = [widget(row, "EnergyBayes", key) for key in ("beta1", "beta2")]
        assert weights == [first, second]
        assert widget(row, "LangevinRefine", "inverse_temperature") == 1


def test_the_flows_differ_as_the_paper_says():
    def flow(row):
        nodes = RECIPES[f"krr_digits_{row}"].api.values()
        return [n["inputs"] for n in nodes if n["class_type"] == "LatentSteer_KRRFlowRefine"]

    rows = ["k02", *(f"k{number:02}" for number in range(6, 16))]
    assert sorted(KRR_DIGITS) == rows
    assert [
        row
        for row in rows
        if f"Setup {row} of docs/workflows.md." not in note(RECIPES[KRR_DIGITS[row]])
    ] == []
    (whole,) = flow("flow")
    assert whole["mollifier"] == "feature"
    assert {whole[f"lambda_{term}"] > 0 for term in ("generated", "real", "condition")} == {True}
    changed = {
        "kde": {"estimator": "kde", "mollifier": "none"},
        "krr": {"mollifier": "none"},
        "kde_smooth": {"estimator": "kde"},
        "stein": {"estimator": "stein", "eta": 20.0},
        "only_real": {"lambda_generated": 0.0, "energy": None, "xi": 0.5, "step_size": 0.05},
        "only_generated": {"real": None, "energy": None, "step_size": 0.1},
        "only_condition": {
            "lambda_generated": 0.0,
            "real": None,
            "lambda_condition": 1.0,
            "step_size": 0.05,
        },
    }
    for row, settings in changed.items():
        (found,) = flow(row)
        keys = (whole.keys() | found.keys()) - {"start", "generator", "auxiliary"}
        linked = {key for key in ("real", "energy") if (key in whole) != (key in found)}
        differing = {k for k in keys - {"real", "energy"} if whole.get(k) != found.get(k)}
        assert differing | linked == set(settings)
        assert {key: found.get(key) for key in settings} == settings
    for name in KRR_DIGITS.values():
        nodes = [n["inputs"] for n in RECIPES[name].api.values()]
        (seen, *none), measured = (
            [n for n in nodes if "count" in n] or [None],
            [n for n in nodes if "reference_part" in n],
        )
        assert none == []
        halves = {(n["reference_order"], n["reference_part"]) for n in measured}
        assert halves == {("balanced", "second half")}
        assert seen is None or (seen["order"], seen["part"]) == ("balanced", "first half")
        assert len({n["reference_draw"] for n in measured}) == 1
    for steps in (5, 10, 15):
        sweep = flow(f"steps_{steps}")
        assert [one["step_size"] for one in sweep] == [0.1, 0.2, 0.3, 0.5, 1.0, 2.0]
        assert {one["steps"] for one in sweep} == {steps}


def test_what_is_compared_differs_in_the_density_alone():
    for row in ("text", "inpainting", "editing"):
        nodes = RECIPES[f"krr_avatars_{row}"].api.values()
        flows = [n["inputs"] for n in nodes if n["class_type"] == "LatentSteer_KRRFlowRefine"]
        alone, flow = flows[-2:]  # one may lead their start
        assert {key for key in flow if flow[key] != alone[key]} == {"lambda_generated"}
        assert alone["lambda_generated"] == 0 < flow["lambda_generated"]


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
            if key in few or raw["inputs"].get(key, 0) > value:
                yield f"{node_id}.{key}={value}"


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


@pytest.fixture
def few_references(monkeypatch):
    """A judge's features of all real images take seconds; only the slow claims use all."""
    whole = catalogue.reference_portion
    monkeypatch.setattr(
        catalogue, "reference_portion", lambda *a, **k: whole(*a, **k)[:REFERENCES]
    )


@pytest.mark.usefixtures("few_references")
@pytest.mark.parametrize(
    "file",
    [
        "tr0n_digits_class",
        *(
            pytest.param(f"api/{name}", marks=[] if name in CHOSEN else [pytest.mark.slow])
            for name in NAMES
        ),
    ],
)
def test_it_runs_from_one_command(file, tmp_path, capsys):
    """With few pairs, steps and samples; one in the canvas' format, since the formats agree."""
    name = file.removeprefix("api/")
    if "basin_cma" in name:
        pytest.importorskip("cmaes", reason="the extra `evolution` is not installed")
    api = RECIPES[name].api
    path = FOLDER / f"{file}.json" if file == name else api_path(RECIPES[name])
    settings = list(cheaper(api, name))
    assert settings
    if file != name:  # the one in the canvas' format has fixed chunks, as shipped
        settings += unpadded(api)
    out = tmp_path / "out"
    folders = ["--base", str(tmp_path), "--out", str(out), "--device", "cpu"]
    flags = [text for setting in settings for text in ("--set", setting)]
    assert main(["run", str(path), *folders, *flags]) == 0
    (picture,) = out.glob("*.png")
    report = json.loads((out / "report.json").read_text(encoding="utf-8"))
    assert report["outputs"] == [str(picture)]
    assert set(report["seconds"]["nodes"]) == set(api)
    items = [item for node in report["measures"].values() for item in node["items"]]
    found = {key: value for item in items for key, value in item.items()}
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
    else:
        assert found["refine"]["steps"] == 2
        assert set(found["refine"]["before"]) == set(found["refine"]["after"])
        assert "energy" in found["refine"]["before"]
        assert list(out.glob("temp/*.png"))
    assert str(picture) in capsys.readouterr().out
