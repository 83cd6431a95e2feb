"""The standalone host refuses what ComfyUI 0.3.64 refuses."""

from enum import Enum

import pytest
from latentsteer.nodes.standalone.api.node import HiddenHolder, normalised_output
from latentsteer.nodes.standalone.api.schema import io, ui


def node(schema, execute=lambda cls: io.NodeOutput()):
    members = {
        "define_schema": classmethod(lambda cls: schema),
        "execute": classmethod(execute),
    }
    return type(io.ComfyNode)("Toy", (io.ComfyNode,), members)


@pytest.mark.parametrize(
    "make",
    [
        lambda: io.Schema(node_id="x", search_aliases=["y"]),
        lambda: io.Int.Input("x", advanced=True),
        lambda: io.Int.Input("x", extra_dict={}),
        lambda: io.Int.Input("x", round=1),
        lambda: io.Float.Input("x", control_after_generate=True),
        lambda: io.Combo.Input("x", ["a"], force_input=True),
        lambda: io.Int.Input("x", control_after_generate="fixed"),
        lambda: io.Custom("T").Input("x", default=1),
        lambda: io.NodeOutput(1, expand={}),
        lambda: io.NodeOutput(1, result=1),
        lambda: ui.PreviewText("x", colour="red"),
    ],
)
def test_unknown_arguments_are_type_errors(make):
    with pytest.raises(TypeError):
        make()


def test_newer_attributes_are_set_after_construction():
    schema = io.Schema(node_id="x")
    schema.search_aliases = ["y"]
    widget = io.Int.Input("x")
    widget.advanced = True
    widget.extra_dict["advanced"] = True
    assert (schema.search_aliases, widget.advanced) == (["y"], True)


@pytest.mark.parametrize(
    ("inputs", "outputs", "says"),
    [
        (["a"], ["a"], "name both an input and an output"),
        (["a", "a"], [], "input ids must be unique"),
        ([], ["a", "a"], "output ids must be unique"),
    ],
)
def test_ids_must_differ(inputs, outputs, says):
    schema = io.Schema(
        node_id="x",
        inputs=[io.Image.Input(name) for name in inputs],
        outputs=[io.Image.Output(name) for name in outputs],
    )
    with pytest.raises(ValueError, match=says):
        node(schema).GET_SCHEMA()


def test_schema_is_finalised_and_cached():
    toy = node(io.Schema(node_id="x", outputs=[io.Mask.Output()], is_output_node=True))
    schema = toy.schema()
    assert schema.outputs[0].id == "_0_MASK_"
    assert schema.hidden == [io.Hidden.prompt, io.Hidden.extra_pnginfo]
    assert toy.schema() is schema


def test_a_node_needs_its_two_methods():
    class Nothing(io.ComfyNode):
        pass

    with pytest.raises(TypeError, match="Nothing defines no define_schema"):
        Nothing.GET_SCHEMA()


def test_types():
    class Size(Enum):
        small = "s"

    custom = io.Custom("A,B")
    combo = io.Combo.Input("x", options=Size, default=Size.small)
    assert custom.Input("x").get_io_type() == custom.Output("y").io_type == "A,B"
    assert (combo.options, combo.default) == (["s"], "s")
    assert [t.io_type for t in (io.Int, io.Latent, io.AnyType)] == ["INT", "LATENT", "*"]
    assert io.Int.Input("x", display_mode=io.NumberDisplay.slider).io_type == "INT"


def test_executing_class_is_locked_and_carries_hidden():
    toy = node(io.Schema(node_id="x"))
    running = io.with_hidden(toy, HiddenHolder(unique_id="3"))
    assert running.hidden.unique_id == "3"
    assert running.hidden.prompt is None
    assert toy.hidden is None
    with pytest.raises(AttributeError, match="locked copy"):
        running.cache = {}


@pytest.mark.parametrize(
    ("returned", "says"),
    [
        ({"result": (1,)}, "returned a dict; expected an io.NodeOutput"),
        ([1], "returned a list"),
        (io.NodeOutput(1, 2), r"returned 2 values; its schema has 1 outputs \(a\)"),
        (None, "returned 0 values"),
    ],
)
def test_wrong_returns(returned, says):
    toy = node(io.Schema(node_id="x", outputs=[io.Image.Output("a")]))
    with pytest.raises(TypeError, match=says):
        normalised_output(toy, toy.GET_SCHEMA(), returned)


def test_good_returns():
    toy = node(io.Schema(node_id="x", outputs=[io.Image.Output("a")]))
    output = io.NodeOutput(1)
    assert normalised_output(toy, toy.GET_SCHEMA(), output) is output
    assert normalised_output(toy, toy.GET_SCHEMA(), (5,)).result == (5,)
    assert output[0] == 1
    assert io.NodeOutput(ui={}).result is None
