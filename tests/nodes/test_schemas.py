"""Contract of every node on the canvas."""

import ast
import inspect
import re
import sys
import types
from pathlib import Path

import pytest
from latentsteer.core.errors import InvalidInput
from latentsteer.nodes import catalogue
from latentsteer.nodes.pages import help_of
from latentsteer.nodes.standalone.api.schema import io
from latentsteer.nodes.standalone.values import widgets

FOLDERS = Path(inspect.getfile(catalogue)).parent
CATEGORIES = {"start": "initialise"}
"""Folders of nodes with another name than their category."""
RANGE = re.compile(r"\((\S+) to (2\^64 - 1|[^\s)]+)\)")
SCHEMAS = {node.__name__: node.GET_SCHEMA() for node in catalogue.ALL_NODES}


def sources():
    """Returns the definition and the folder of every node class in the category folders."""
    return {
        n.name: (n, path.parent.name)
        for path in FOLDERS.glob("*/*.py")
        if path.parent.name not in ("standalone", "cli")
        for n in ast.parse(path.read_text("utf-8")).body
        if isinstance(n, ast.ClassDef) and "io.ComfyNode" in map(ast.unparse, n.bases)
    }


SOURCES = sources()


@pytest.fixture(params=catalogue.ALL_NODES, ids=lambda node: node.__name__)
def node(request):
    return request.param


@pytest.fixture
def schema(node):
    return SCHEMAS[node.__name__]


def numbers(schema):
    return [i for i in schema.inputs if isinstance(i, io.Int.Input | io.Float.Input)]


def test_the_catalogue_has_every_node_once():
    names = [node.__name__ for node in catalogue.ALL_NODES]
    assert sorted(names) == sorted(SOURCES)
    assert len({schema.display_name for schema in SCHEMAS.values()}) == len(names)
    assert len({schema.node_id for schema in SCHEMAS.values()}) == len(names)


def test_every_folder_of_nodes_is_a_category():
    folders = {path.parent.name for path in FOLDERS.glob("*/__init__.py")}
    assert sorted(catalogue.CATEGORIES) == sorted(folders - {"standalone", "cli"})


def test_nodes_follow_their_categories_and_then_their_names():
    places = [
        (catalogue.CATEGORIES.index(SOURCES[node.__name__][1]), node.__name__.casefold())
        for node in catalogue.ALL_NODES
    ]
    assert places == sorted(places)


@pytest.fixture
def found(tmp_path, monkeypatch):
    """Returns a function from files of a category to the nodes that are found in them."""

    def of(**files):
        folder = types.ModuleType(f"{catalogue.__package__}.toys")
        folder.__path__ = [str(tmp_path)]
        for name, text in files.items():
            (tmp_path / f"{name}.py").write_text(text, encoding="utf-8")
            # The modules disappear after the test.
            monkeypatch.setitem(sys.modules, f"{folder.__name__}.{name}", None)
            del sys.modules[f"{folder.__name__}.{name}"]
        monkeypatch.setitem(sys.modules, folder.__name__, folder)
        return [node.__name__ for node in catalogue._nodes("toys")]

    return of


TOY = "from ..host import io\nclass {}(io.ComfyNode): pass\n"


def test_only_public_classes_count_and_only_where_they_are_defined(found):
    mixin = TOY.format("_Base") + "class Shared: pass\nclass b(Shared, io.ComfyNode): pass\n"
    assert found(one=mixin, two="from .one import b\n" + TOY.format("A")) == ["A", "b"]


def test_private_files_tests_and_copies_are_not_imported(found):
    broken = "raise AssertionError('imported')"
    others = {"_private": broken, "test_one": broken, "one (copy)": broken, ".#one": broken}
    assert found(one=TOY.format("A"), **others) == ["A"]


def test_a_node_in_two_files_is_refused(found, monkeypatch):
    """As left by an update, or copied: which of them ran would depend on their names."""
    assert found(one=TOY.format("A"), old=TOY.format("A")) == ["A", "A"]
    monkeypatch.setattr(catalogue, "CATEGORIES", ("toys",))
    with pytest.raises(InvalidInput, match=r"A is defined in nodes/toys/old\.py and .*/one\.py;"):
        catalogue._all_nodes()


def test_the_error_of_a_broken_file_is_raised(found):
    with pytest.raises(ZeroDivisionError):
        found(one=TOY.format("A"), two="1 / 0")


def test_every_node_has_help(node):
    text = help_of(node)
    for part in (text.about, text.example):
        assert part.endswith("."), part
        assert part == part.strip()


def test_a_node_lies_in_the_folder_of_its_category(node, schema):
    _, folder = SOURCES[node.__name__]
    assert schema.category == f"LatentSteer/{CATEGORIES.get(folder, folder)}"


def test_ids_categories_and_descriptions(node, schema):
    assert schema.node_id == f"LatentSteer_{node.__name__}"
    assert re.sub("[ -]", "", schema.display_name).lower() == node.__name__.lower()
    assert re.fullmatch(r"LatentSteer(/[a-z]+)+", schema.category)
    assert schema.description.endswith(".")
    assert schema.outputs


def test_the_source_says_its_base_and_its_id_literally(node, schema):
    """The registry reads them without running the code."""
    source, _ = SOURCES[node.__name__]
    assert ast.unparse(source.bases[-1]) == "io.ComfyNode"
    define = next(n for n in source.body if getattr(n, "name", "") == "define_schema")
    ids = [
        keyword.value.value
        for call in ast.walk(define)
        if isinstance(call, ast.Call) and ast.unparse(call.func) == "io.Schema"
        for keyword in call.keywords
        if keyword.arg == "node_id" and isinstance(keyword.value, ast.Constant)
    ]
    assert ids == [schema.node_id]


def test_every_input_and_output_has_a_tooltip(schema):
    sockets = [*schema.inputs, *schema.outputs]
    bare = [s.id for s in sockets if not (s.tooltip and s.tooltip.endswith("."))]
    assert bare == []


def test_ids_of_inputs_and_outputs_are_distinct(schema):
    ids = [socket.id for socket in (*schema.inputs, *schema.outputs)]
    assert sorted(set(ids)) == sorted(ids)


def test_numbers_have_a_range_and_a_default_in_it_and_tell_it(schema):
    for widget in numbers(schema):
        assert widget.min <= widget.default <= widget.max, widget.id
        told = RANGE.search(widget.tooltip)
        assert told, f"{widget.id}: no range in {widget.tooltip!r}"
        low, high = told.groups()
        last = 2**64 - 1 if high == "2^64 - 1" else float(high)
        assert (float(low), last) == (widget.min, widget.max), widget.id


def test_widgets_start_with_a_value_that_they_offer(schema):
    for widget in schema.inputs:
        if isinstance(widget, io.Combo.Input) and widget.id != "file":
            assert widget.default in widget.options, widget.id
        if isinstance(widget, io.String.Input | io.Boolean.Input):
            assert widget.default is not None, widget.id


def test_execute_takes_what_the_schema_gives(node, schema):
    parameters = inspect.signature(node.execute).parameters
    rest = [p for p in parameters.values() if p.kind is inspect.Parameter.VAR_KEYWORD]
    named = {name: p for name, p in parameters.items() if p not in rest}
    inputs = {socket.id: socket for socket in schema.inputs}
    assert set(named) <= set(inputs)
    assert rest or set(named) == set(inputs)
    can_miss = {name for name, p in named.items() if p.default is not inspect.Parameter.empty}
    filled = {
        name for name, socket in inputs.items() if getattr(socket, "default", None) is not None
    }
    assert {name for name in named if inputs[name].optional} - filled <= can_miss


def having(method):
    found = [node for node in catalogue.ALL_NODES if method in vars(node)]
    return pytest.mark.parametrize("node", found, ids=lambda node: node.__name__)


@having("validate_inputs")
def test_a_node_checks_inputs_that_it_has(node, schema):
    named = set(inspect.signature(node.validate_inputs).parameters)
    assert named <= {socket.id for socket in schema.inputs}


@having("fingerprint_inputs")
def test_a_node_is_fingerprinted_by_all_that_the_host_gives(node, schema):
    """The host passes every input; an error would count as a change each time."""
    given = {socket.id: None for socket in schema.inputs}
    inspect.signature(node.fingerprint_inputs).bind(**given)


def test_every_seed_says_whether_it_changes_after_a_run():
    """Training, inversion and ranking run once; only draws are repeated."""
    control = {
        name: widget.control_after_generate
        for name, schema in SCHEMAS.items()
        for widget in schema.inputs
        if widget.id == "seed"
    }
    assert set(control.values()) == {True, False}
    assert not any(control[name] for name in ("TrainTranslator", "ImageToLatents", "BestLatents"))
    assert all(control[name] for name in ("PriorInit", "TranslatorInit", "LangevinRefine"))
    assert not [
        i.id for s in SCHEMAS.values() for i in s.inputs if "seed" in i.id and i.id != "seed"
    ]


def test_expert_inputs_are_marked_for_older_and_newer_hosts():
    marked = {
        f"{name}.{i.id}"
        for name, schema in SCHEMAS.items()
        for i in schema.inputs
        if getattr(i, "advanced", False)
    }
    assert {"LangevinRefine.momentum", "TrainTranslator.hidden", "Decode.chunk"} <= marked
    for name, schema in SCHEMAS.items():
        for i in schema.inputs:
            extra = getattr(i, "extra_dict", None) or {}
            assert extra.get("advanced", False) is (f"{name}.{i.id}" in marked)


def test_at_most_five_widgets_are_visible_at_first(schema):
    """The others are advanced: Nodes 2.0 and web/js/advanced.js collapse them."""
    shown = [w.id for w in widgets(schema) if not getattr(w, "advanced", False)]
    assert len(shown) <= 5, shown
