"""Stand-in for `comfy_api.latest.io`: the sockets, widgets and outputs that LatentSteer uses.

Every constructor takes exactly the arguments of ComfyUI 0.3.64, so anything that ComfyUI would
refuse is a TypeError here too. Newer attributes are set after construction.
"""

from __future__ import annotations

from enum import Enum
from typing import ClassVar

from .node import ComfyNode, Hidden, HiddenHolder, NodeOutput, Schema, with_hidden
from .sockets import (
    AnyType,
    ClipVision,
    ComfyType,
    Custom,
    FolderType,
    Image,
    Input,
    Latent,
    Mask,
    NumberDisplay,
    Output,
    UploadType,
    WidgetInput,
)

__all__ = [
    "AnyType",
    "Boolean",
    "ClipVision",
    "Combo",
    "ComfyNode",
    "ComfyType",
    "Custom",
    "Float",
    "FolderType",
    "Hidden",
    "HiddenHolder",
    "Image",
    "Input",
    "Int",
    "Latent",
    "Mask",
    "NodeOutput",
    "NumberDisplay",
    "Output",
    "Schema",
    "String",
    "UploadType",
    "WidgetInput",
    "with_hidden",
]


class Boolean:
    """A switch."""

    io_type: ClassVar[str] = "BOOLEAN"

    class Input(WidgetInput[bool]):
        """A switch."""

        io_type: ClassVar[str] = "BOOLEAN"

        def __init__(
            self,
            id: str,
            display_name: str | None = None,
            optional: bool = False,
            tooltip: str | None = None,
            lazy: bool | None = None,
            default: bool | None = None,
            label_on: str | None = None,
            label_off: str | None = None,
            socketless: bool | None = None,
            force_input: bool | None = None,
        ) -> None:
            super().__init__(
                id, display_name, optional, tooltip, lazy, default, socketless, force_input
            )
            self.label_on = label_on
            self.label_off = label_off

    class Output(Output):
        """A truth value."""

        io_type: ClassVar[str] = "BOOLEAN"


class Int:
    """A whole number."""

    io_type: ClassVar[str] = "INT"

    class Input(WidgetInput[int]):
        """A whole number."""

        io_type: ClassVar[str] = "INT"

        def __init__(
            self,
            id: str,
            display_name: str | None = None,
            optional: bool = False,
            tooltip: str | None = None,
            lazy: bool | None = None,
            default: int | None = None,
            min: int | None = None,
            max: int | None = None,
            step: int | None = None,
            control_after_generate: bool | None = None,
            display_mode: NumberDisplay | None = None,
            socketless: bool | None = None,
            force_input: bool | None = None,
        ) -> None:
            if control_after_generate not in (True, False, None):
                raise TypeError(
                    f"control_after_generate of {id!r} is {control_after_generate!r}; "
                    "ComfyUI 0.3.64 takes True, False or None"
                )
            super().__init__(
                id, display_name, optional, tooltip, lazy, default, socketless, force_input
            )
            self.min = min
            self.max = max
            self.step = step
            self.control_after_generate = control_after_generate
            self.display_mode = display_mode

    class Output(Output):
        """A whole number."""

        io_type: ClassVar[str] = "INT"


class Float:
    """A real number."""

    io_type: ClassVar[str] = "FLOAT"

    class Input(WidgetInput[float]):
        """A real number."""

        io_type: ClassVar[str] = "FLOAT"

        def __init__(
            self,
            id: str,
            display_name: str | None = None,
            optional: bool = False,
            tooltip: str | None = None,
            lazy: bool | None = None,
            default: float | None = None,
            min: float | None = None,
            max: float | None = None,
            step: float | None = None,
            round: float | None = None,
            display_mode: NumberDisplay | None = None,
            socketless: bool | None = None,
            force_input: bool | None = None,
        ) -> None:
            super().__init__(
                id, display_name, optional, tooltip, lazy, default, socketless, force_input
            )
            self.min = min
            self.max = max
            self.step = step
            self.round = round
            self.display_mode = display_mode

    class Output(Output):
        """A real number."""

        io_type: ClassVar[str] = "FLOAT"


class String:
    """A text."""

    io_type: ClassVar[str] = "STRING"

    class Input(WidgetInput[str]):
        """A text."""

        io_type: ClassVar[str] = "STRING"

        def __init__(
            self,
            id: str,
            display_name: str | None = None,
            optional: bool = False,
            tooltip: str | None = None,
            lazy: bool | None = None,
            multiline: bool = False,
            placeholder: str | None = None,
            default: str | None = None,
            dynamic_prompts: bool | None = None,
            socketless: bool | None = None,
            force_input: bool | None = None,
        ) -> None:
            super().__init__(
                id, display_name, optional, tooltip, lazy, default, socketless, force_input
            )
            self.multiline = multiline
            self.placeholder = placeholder
            self.dynamic_prompts = dynamic_prompts

    class Output(Output):
        """A text."""

        io_type: ClassVar[str] = "STRING"


class Combo:
    """One of a list."""

    io_type: ClassVar[str] = "COMBO"

    class Input(WidgetInput["str | int"]):
        """One of a list."""

        io_type: ClassVar[str] = "COMBO"

        def __init__(
            self,
            id: str,
            options: list[str] | list[int] | type[Enum] | None = None,
            display_name: str | None = None,
            optional: bool = False,
            tooltip: str | None = None,
            lazy: bool | None = None,
            default: str | int | Enum | None = None,
            control_after_generate: bool | None = None,
            upload: UploadType | None = None,
            image_folder: FolderType | None = None,
            socketless: bool | None = None,
        ) -> None:
            first = default.value if isinstance(default, Enum) else default
            super().__init__(id, display_name, optional, tooltip, lazy, first, socketless)
            self.options: list[str | int] = (
                [member.value for member in options]
                if isinstance(options, type)
                else list(options or ())
            )
            self.control_after_generate = control_after_generate
            self.upload = upload
            self.image_folder = image_folder

    class Output(Output):
        """One of a list."""

        io_type: ClassVar[str] = "COMBO"

        def __init__(
            self,
            id: str | None = None,
            display_name: str | None = None,
            options: list[str] | None = None,
            tooltip: str | None = None,
        ) -> None:
            super().__init__(id, display_name, tooltip)
            self.options = list(options or ())
