"""Every input with a default is optional in the API and keeps its place on the canvas."""

import inspect
import itertools
import json

import pytest
from latentsteer.nodes.catalogue import ALL_NODES
from latentsteer.nodes.cli import report
from latentsteer.nodes.defaults import defaults_of, with_defaults
from latentsteer.nodes.standalone.api.schema import io
from latentsteer.nodes.standalone.executor import execute
from latentsteer.nodes.standalone.graph import validate
from latentsteer.nodes.standalone.host import StandaloneHost, use
from latentsteer.nodes.standalone.registry import load_nodes, schemas_of
from latentsteer.nodes.standalone.values import widgets
from latentsteer.workflows.recipes.files import LABELLED
from latentsteer.workflows.recipes.table import RECIPES
from PIL import Image

NODES = load_nodes()
OURS = {node.GET_SCHEMA().node_id for node in ALL_NODES}


def defaulted(socket):
    return getattr(socket, "default", None) is not None


@pytest.mark.parametrize("node", ALL_NODES, ids=lambda node: node.__name__)
def test_an_input_with_a_default_is_optional(node):
    sockets = node.GET_SCHEMA().inputs
    assert [s.id for s in sockets if defaulted(s) and not s.optional] == []


@pytest.mark.parametrize("node", ALL_NODES, ids=lambda node: node.__name__)
def test_a_canvas_keeps_the_order_of_the_schema(node):
    """Both frontends make widgets of the required inputs first, then of the optional ones."""
    shown = widgets(node.GET_SCHEMA())
    listed = [w.id for w in sorted(shown, key=lambda w: w.optional)]
    assert listed == [w.id for w in shown]


@pytest.mark.parametrize("node", ALL_NODES, ids=lambda node: node.__name__)
def test_what_is_left_out_is_called_with_its_default(node, monkeypatch):
    """The method gets the values that a canvas would have sent."""
    schema, seen = node.GET_SCHEMA(), {}
    cell = inspect.unwrap(node.execute.__func__)
    names = list(inspect.signature(node.execute).parameters)
    rest = [
        p for p in inspect.signature(node.execute).parameters.values() if p.kind == p.VAR_KEYWORD
    ]

    def fake(cls, **given):
        seen.update(given)

    closure = dict(zip(node.execute.__func__.__code__.co_freevars,
                       node.execute.__func__.__closure__, strict=True))  # fmt: skip
    assert closure["function"].cell_contents is cell
    monkeypatch.setattr(closure["function"], "cell_contents", fake)
    wanted = defaults_of(schema)
    node.execute()
    assert seen == {k: v for k, v in wanted.items() if rest or k in names}
    assert set(seen) == set(wanted)
    given = dict.fromkeys(wanted, "given")
    node.execute(**given)
    assert seen == given


def test_a_method_of_a_shared_base_is_called_with_the_defaults_of_each_node():
    steer, loader = NODES["LatentSteer_Steer"], NODES["LatentSteer_LoadPairs"]
    assert steer.validate_inputs() is True
    assert steer.fingerprint_inputs() == steer.fingerprint_inputs(pairs="automatic")
    assert "no model 'missing'" in steer.validate_inputs(model="missing")
    with pytest.raises(TypeError, match="file"):
        loader.validate_inputs()


@pytest.mark.parametrize("node", ALL_NODES, ids=lambda node: node.__name__)
def test_defaults_in_python_are_those_of_the_schema(node):
    """A method that is called without the frame returns the same."""
    usual = defaults_of(node.GET_SCHEMA())
    for method in {"execute", "validate_inputs", "fingerprint_inputs"} & vars(node).keys():
        for name, parameter in inspect.signature(getattr(node, method)).parameters.items():
            if name in usual and parameter.default is not parameter.empty:
                assert parameter.default == usual[name], (method, name)


def minimal(api):
    """A graph without the default values of LatentSteer's nodes."""
    schemas = schemas_of(NODES)
    small, left = {}, 0
    for node_id, raw in api.items():
        usual = defaults_of(schemas[raw["class_type"]]) if raw["class_type"] in OURS else {}
        inputs = {k: v for k, v in raw["inputs"].items() if k not in usual or usual[k] != v}
        left += len(raw["inputs"]) - len(inputs)
        small[node_id] = {**raw, "inputs": inputs}
    return small, left


@pytest.fixture
def host(tmp_path):
    for folder in LABELLED:
        (tmp_path / "input" / folder).mkdir(parents=True)
    return StandaloneHost(tmp_path, tmp_path / "out", "cpu")


RUNNABLE = [name for name, recipe in RECIPES.items() if not recipe.files]


@pytest.mark.parametrize("name", RUNNABLE)
def test_a_minimal_graph_of_a_shipped_workflow_holds(name, host):
    api = RECIPES[name].api
    small, left = minimal(api)
    assert left > len(api)
    with use(host):
        whole, few = validate(api, NODES), validate(small, NODES)
    assert whole.order == few.order
    assert {n: (d.values, d.links) for n, d in whole.nodes.items()} == {
        n: (d.values, d.links) for n, d in few.nodes.items()
    }


@pytest.mark.usefixtures("judged_once")
@pytest.mark.usefixtures("curves_drawn_once")
def test_a_minimal_graph_gives_the_same_picture_and_report(tmp_path):
    api = json.loads(json.dumps(RECIPES["tr0n_digits_no_translator"].api))
    for raw in api.values():
        for name in {"samples_per_class", "steps"} & raw["inputs"].keys():
            if raw["class_type"] != "LatentSteer_LoadGenerator":
                raw["inputs"][name] = 2
    found = []
    for name, graph in (("whole", api), ("few", minimal(api)[0])):
        result = execute(graph, StandaloneHost(tmp_path, tmp_path / name, "cpu"))
        with Image.open(result.files[0]) as picture:
            pixels = picture.tobytes()
        told = report.build(result, workflow=name, device="cpu")
        found.append((pixels, told["seeds"], told["chunks"]))
    assert found[0][1]
    assert found[0] == found[1]


class Late(io.ComfyNode):
    @classmethod
    def define_schema(cls):
        first = io.Int.Input("count", default=1, min=0, max=2)
        return io.Schema(node_id="Late", inputs=[first, io.String.Input("name")], outputs=[])

    @classmethod
    def execute(cls, count, name):
        return io.NodeOutput()


def test_a_widget_that_would_move_on_the_canvas_is_refused():
    node = with_defaults(Late)
    with pytest.raises(TypeError, match="'name' has no default and follows 'count'"):
        node.GET_SCHEMA()


def test_marking_twice_changes_nothing():
    for node in itertools.islice(ALL_NODES, 3):
        before = dict(vars(node))
        assert with_defaults(node) is node
        assert dict(vars(node)) == before
