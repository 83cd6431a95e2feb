"""Assignment of the values of a saved canvas to widgets, for all frontends and versions."""

import copy
import itertools
import json
import subprocess
from pathlib import Path

import pytest
from latentsteer.nodes.catalogue import ALL_NODES
from latentsteer.nodes.standalone.api.schema import io
from latentsteer.nodes.standalone.canvas.formats import api_from_ui
from latentsteer.nodes.standalone.canvas.widget_values import CONTROLS, widget_values
from latentsteer.nodes.standalone.registry import load_nodes, schemas_of
from latentsteer.nodes.standalone.values import default_of, has_control, widgets

ROOT = Path(__file__).parents[2]


def schema(*inputs):
    return io.Schema(node_id="Any", inputs=list(inputs), outputs=[])


def seed(name="seed", **more):
    return io.Int.Input(name, default=0, min=0, max=2**64 - 1, **more)


CHUNK = io.Combo.Input("chunk", options=["fixed", "fast"], default="fixed")
COUNT = io.Int.Input("count", default=3, min=0, max=9)
RATE = io.Float.Input("rate", default=0.5, min=0.0, max=9.0)
ON = io.Boolean.Input("on", default=True)
TEXT = io.String.Input("text", default="")
PICTURE = io.Combo.Input("image", options=["a.png"], upload=io.UploadType.image)


def laid(row, *inputs, **node):
    return widget_values({"widgets_values": row, **node}, schema(*inputs))


def test_a_widget_that_is_new_in_the_middle_shifts_no_value():
    new = io.Combo.Input("preset", options=["custom", "paper"], default="custom")
    old = (seed(), COUNT, RATE, CHUNK, ON, io.Int.Input("every", default=0, min=0, max=9))
    kept = {"seed": 5, "count": 7, "rate": 0.25, "chunk": "fast", "on": False, "every": 4}
    for control in ([], ["randomize"], ["fixed"]):
        row = [5, *control, 7, 0.25, "fast", False, 4]
        for place in range(1, len(old) + 1):
            got = laid(row, *old[:place], new, *old[place:])
            assert got == (kept | {"preset": "custom"}, ()), (control, place)


def test_a_value_of_another_type_shifts_no_other():
    assert laid(["7", 0.25, "fast", False], COUNT, RATE, CHUNK, ON).values == {
        "count": "7",
        "rate": 0.25,
        "chunk": "fast",
        "on": False,
    }


@pytest.mark.parametrize("control", CONTROLS)
@pytest.mark.parametrize("after", [CHUNK, COUNT, RATE, ON, TEXT])
def test_a_control_is_no_widget_whatever_stands_behind_the_seed(control, after):
    value = {"chunk": "fast", "count": 7, "rate": 0.25, "on": False, "text": "words"}[after.id]
    got = laid([5, control, value], seed(), after)
    assert got == ({"seed": 5, after.id: value}, ())
    # As saved before the last widget was added.
    assert laid([5, control], seed(), after).values == {"seed": 5, after.id: default_of(after)}
    # As frontends without controls saved it.
    assert laid([5, value], seed(), after).values == {"seed": 5, after.id: value}


def test_a_new_widget_never_shifts_old_values():
    row, shown = (
        [5, "randomize", "fast", 2, "increment", 0.25],
        (seed(), CHUNK, seed("noise_seed"), RATE),
    )
    old = laid(row, *shown)
    assert old.values == {"seed": 5, "chunk": "fast", "noise_seed": 2, "rate": 0.25}
    for added in itertools.permutations((TEXT, ON, COUNT)):
        got = laid(row, *shown, *added)
        assert got == ({**old.values, **{w.id: default_of(w) for w in added}}, ())


@pytest.mark.parametrize("node", ALL_NODES, ids=lambda node: node.__name__)
def test_every_shorter_row_of_every_node_is_laid_right(node):
    """The row of each node, cut at each widget, as saved by earlier versions."""
    ours = node.GET_SCHEMA()
    shown, row, ends = widgets(ours), [], []
    for place, widget in enumerate(shown):
        row.append(_other(widget))
        if has_control(widget):
            row.append(CONTROLS[place % 4])
        ends.append(len(row))
    for count, end in enumerate(ends, start=1):
        got = widget_values({"widgets_values": row[:end]}, ours)
        wanted = {w.id: _other(w) if i < count else default_of(w) for i, w in enumerate(shown)}
        assert got == (wanted, ())


def _other(widget):
    """Returns a value other than the default, where there is one."""
    if isinstance(widget, io.Combo.Input):
        return (widget.options or ["some file"])[-1]
    if isinstance(widget, io.Boolean.Input):
        return not widget.default
    if isinstance(widget, io.String.Input):
        return "fixed"
    return widget.max if widget.default != widget.max else widget.min


def test_names_count_more_than_places():
    named = {"rate": 0.25, "seed": 5, "control_after_generate": "fixed", "gone": 3}
    values, left = laid([5, "fixed", 9], seed(), RATE, COUNT, widgets_values_named=named)
    assert values == {"seed": 5, "rate": 0.25, "count": 3}
    assert left == ("gone=3",)
    assert laid({"seed": 5}, seed(), RATE).values == {"seed": 5, "rate": 0.5}


def test_the_names_of_the_nodes_own_inputs_tell_the_order_that_saved_it():
    """A widget inserted in between, which no version of LatentSteer has had."""
    own = [{"name": n, "type": "INT", "widget": {"name": n}} for n in ("seed", "steps")]
    steps = io.Int.Input("steps", default=1, min=1, max=99)
    assert laid([5, "fixed", 7], seed(), COUNT, steps, inputs=own).values == {
        "seed": 5, "count": 3, "steps": 7
    }  # fmt: skip


def test_converted_widgets_keep_their_places():
    """Older frontends name only converted widgets, in the order of conversion."""
    own = [{"name": n, "widget": {"name": n}, "link": None} for n in ("rate", "seed")]
    got = laid([5, "fixed", 0.25, 7], seed(), RATE, COUNT, inputs=own)
    assert got == ({"seed": 5, "rate": 0.25, "count": 7}, ())


@pytest.mark.parametrize("button", [["image"], [None], []])
def test_an_upload_button_is_no_widget(button):
    assert laid(["b.png", *button, 7], PICTURE, COUNT) == ({"image": "b.png", "count": 7}, ())


def test_what_else_frontends_write():
    assert laid([5, True, 7], seed(), COUNT).values == {"seed": 5, "count": 7}  # of 2023
    assert laid([None, None, 7], seed(), RATE, COUNT).values == {
        "seed": 0,
        "rate": 0.5,
        "count": 7,
    }
    listed = io.Combo.Input("chunk", options=["a", "b"], control_after_generate=True)
    assert laid(["b", "increment-wrap", "", 7], listed, COUNT).values == {"chunk": "b", "count": 7}
    assert laid([None, None, False]) == ({}, ())  # Preview Any
    assert laid([5, "fixed", 7, "more", ""], seed(), COUNT).left == ("'more'",)


def test_graphs_of_the_last_version_open(tmp_path):
    """The canvas files as they were before a widget was added to Prior Init and others."""
    log = [
        "git",
        "log",
        "-1",
        "--format=%H",
        "--",
        "workflows/tr0n/tr0n_avatars_no_translator.json",
    ]
    if (
        not (ROOT / ".git").exists()
        or not subprocess.run(log, cwd=ROOT, capture_output=True, check=False).stdout
    ):
        pytest.skip("no history")
    ui = json.loads((ROOT / log[-1]).read_text("utf-8"))
    schemas = schemas_of(load_nodes())
    whole = api_from_ui(ui, schemas)
    old = copy.deepcopy(ui)
    for node in old["nodes"]:
        if node["type"] in schemas and node["widgets_values"] and widgets(schemas[node["type"]]):
            last = widgets(schemas[node["type"]])[-1]
            assert not has_control(last)
            if node["widgets_values"][-1] == default_of(last):
                node["widgets_values"].pop()
    assert old != ui
    assert api_from_ui(old, schemas) == whole
