"""The shipped workflows: formats that agree, tidy, with what their rows say."""

import json
import re

import pytest
from latentsteer.nodes.standalone.canvas.formats import api_from_ui
from latentsteer.nodes.standalone.graph import validate
from latentsteer.nodes.standalone.host import StandaloneHost, use
from latentsteer.nodes.standalone.registry import load_nodes, schemas_of
from latentsteer.workflows.recipes.files import LABELLED
from latentsteer.workflows.recipes.notes import note
from latentsteer.workflows.recipes.rows import ROWS
from latentsteer.workflows.recipes.table import RECIPES
from latentsteer.workflows.recipes.write import canvas_path

from .workflow_settings import NAMES, SEARCH, kinds_of

KRR_DIGITS = {
    row: name for name in NAMES if name.startswith("krr_digits_") for row in RECIPES[name].rows
}
PICTURES = {"ComposeFuse", "ImageGradientStep", "Steer", "EditImage", "EditByCondition"}
"""Nodes whose images are shown as they are: nothing is decoded."""
TITLE = 30
"""Height of a node's title bar, which rises above its position."""


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
        *(
            "t20",
            "t21",
            "t23",
            "t24",
            "t25",
            "t26",
            "t27",
            "t28",
            "t36",
            "t37",
            "t38",
        ),  # need BigGAN
        *("t01", "t07", "t30", "k01", "k03", "k04", "k05"),  # of official generators alone
        *(
            f"k{number}" for number in (16, 17, 19, *range(23, 28))
        ),  # of official generators alone: with given inputs
        *(f"d{number:02}" for number in range(5, 14)),  # other sizes and sets of images
    }
    assert [name for name in RECIPES if not re.fullmatch("[a-z0-9_]+", name)] == []


def test_the_formats_agree(canvas, api, schemas):
    assert api_from_ui(canvas, schemas) == api


def test_the_graph_holds_and_every_node_serves_it(api, tmp_path):
    for folder in LABELLED:
        (tmp_path / "input" / folder).mkdir(parents=True)
    with use(StandaloneHost(tmp_path, tmp_path / "out", "cpu")):
        graph = validate(api, load_nodes())
    assert set(graph.order) == set(api)
    for node_id, node in graph.nodes.items():
        given = set(api[node_id]["inputs"])
        widgets = {i.id for i in node.schema.inputs or () if hasattr(i, "default")}
        assert widgets <= given, f"{node.called} leaves widgets to their defaults"


def test_every_node_says_what_it_is(name, api):
    assert [n for n, raw in api.items() if not raw["_meta"]["title"]] == []
    kinds = kinds_of(api)
    assert "SaveImage" in kinds
    # Templates have no judge; some decode what they did not draw.
    assert ("EvaluateImages" in kinds) == (RECIPES[name].template is None)
    assert ("Decode" in kinds) or not kinds.isdisjoint(PICTURES)
    assert ("Decode" not in kinds) or kinds.isdisjoint(PICTURES) or RECIPES[name].template


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
    assert shown["title"] == RECIPES[name].heading
    assert text.startswith(f"# {RECIPES[name].heading}\n") == (RECIPES[name].template is None)
    assert len(text) > 100


def test_avatars_follow_texts_and_images():
    def kinds(name):
        return kinds_of(RECIPES[name].api)

    whole = kinds("tr0n_avatars_text_trained")
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


def test_templates_on_embedded_models_train_nothing():
    """They open what is shipped; the paper's setups of the same graphs train theirs."""
    for name in NAMES:
        recipe = RECIPES[name]
        training = recipe.template and "TrainTranslator" in kinds_of(recipe.api)
        assert not training or name == "digits_train_translator"
    setup = RECIPES["tr0n_avatars_text_trained"]
    assert setup.rows == RECIPES["tr0n_avatars_text"].like
    assert "TrainTranslator" in kinds_of(setup.api)
    assert "LoadPairs" in kinds_of(RECIPES["tr0n_avatars_text"].api)
    twins = {f"{name}_trained": name for name in NAMES if f"{name}_trained" in RECIPES}
    assert len(twins) > 3
    for name in twins.keys() - {setup.id}:
        row, template = RECIPES[name], RECIPES[twins[name]]
        assert "LoadTranslator" in kinds_of(template.api)
        assert row.rows == template.like
        assert row.api.keys() == template.api.keys()
        changed = {
            node["class_type"]
            for number, node in row.api.items()
            if node != template.api[number] and node["inputs"].get("filename_prefix") != row.id
        }
        assert changed == {"LatentSteer_TrainTranslator"}


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

    whole = kinds("tr0n_digits_class_trained")
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
