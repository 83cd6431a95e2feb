"""Stand-ins for ComfyUI's nodes that hold one value, under its ids."""

from __future__ import annotations

import sys

from ..api import io

__all__ = ["PRIMITIVE_NODES"]


class PrimitiveString(io.ComfyNode):
    """A text."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        """Returns ComfyUI's schema."""
        return _schema("PrimitiveString", "Text", io.String.Input("value"), io.String.Output())

    @classmethod
    def execute(cls, value: str) -> io.NodeOutput:
        """Returns the value."""
        return io.NodeOutput(value)


class PrimitiveStringMultiline(io.ComfyNode):
    """A multi-line text."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        """Returns ComfyUI's schema."""
        text = io.String.Input("value", multiline=True)
        return _schema("PrimitiveStringMultiline", "Text (Multiline)", text, io.String.Output())

    @classmethod
    def execute(cls, value: str) -> io.NodeOutput:
        """Returns the value."""
        return io.NodeOutput(value)


class PrimitiveInt(io.ComfyNode):
    """An integer."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        """Returns ComfyUI's schema."""
        number = io.Int.Input(
            "value", min=-sys.maxsize, max=sys.maxsize, control_after_generate=True
        )
        return _schema("PrimitiveInt", "Int", number, io.Int.Output())

    @classmethod
    def execute(cls, value: int) -> io.NodeOutput:
        """Returns the value."""
        return io.NodeOutput(value)


class PrimitiveFloat(io.ComfyNode):
    """A number."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        """Returns ComfyUI's schema."""
        number = io.Float.Input("value", min=-sys.maxsize, max=sys.maxsize, step=0.1)
        return _schema("PrimitiveFloat", "Float", number, io.Float.Output())

    @classmethod
    def execute(cls, value: float) -> io.NodeOutput:
        """Returns the value."""
        return io.NodeOutput(value)


class PrimitiveBoolean(io.ComfyNode):
    """A switch."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        """Returns ComfyUI's schema."""
        switch = io.Boolean.Input("value")
        return _schema("PrimitiveBoolean", "Boolean", switch, io.Boolean.Output())

    @classmethod
    def execute(cls, value: bool) -> io.NodeOutput:
        """Returns the value."""
        return io.NodeOutput(value)


def _schema(node_id: str, title: str, value: io.Input, output: io.Output) -> io.Schema:
    return io.Schema(
        node_id=node_id,
        display_name=title,
        category="utils/primitive",
        inputs=[value],
        outputs=[output],
    )


PRIMITIVE_NODES: tuple[type[io.ComfyNode], ...] = (
    PrimitiveString,
    PrimitiveStringMultiline,
    PrimitiveInt,
    PrimitiveFloat,
    PrimitiveBoolean,
)
