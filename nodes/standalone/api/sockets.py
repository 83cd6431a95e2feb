"""Sockets of the stand-in: base classes of inputs and outputs, and types without a widget."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, ClassVar, Generic, TypeVar

__all__ = [
    "AnyType",
    "ClipVision",
    "ComfyType",
    "Custom",
    "FolderType",
    "Image",
    "Input",
    "Latent",
    "Mask",
    "NumberDisplay",
    "Output",
    "UploadType",
    "WidgetInput",
]

V = TypeVar("V")


class FolderType(str, Enum):
    """ComfyUI's three folders."""

    input = "input"
    output = "output"
    temp = "temp"


class UploadType(str, Enum):
    """File type of an upload button next to a combo."""

    image = "image_upload"
    audio = "audio_upload"
    video = "video_upload"
    model = "file_upload"


class NumberDisplay(str, Enum):
    """Display of a number on the canvas."""

    number = "number"
    slider = "slider"


class Input:
    """A socket that accepts a link."""

    io_type: ClassVar[str] = "*"

    if TYPE_CHECKING:  # newer than 0.3.64, so never a constructor argument
        advanced: bool

    def __init__(
        self,
        id: str,
        display_name: str | None = None,
        optional: bool = False,
        tooltip: str | None = None,
        lazy: bool | None = None,
        extra_dict: dict[str, object] | None = None,
    ) -> None:
        self.id = id
        self.display_name = display_name
        self.optional = optional
        self.tooltip = tooltip
        self.lazy = lazy
        self.extra_dict = {} if extra_dict is None else extra_dict

    def get_io_type(self) -> str:
        """Returns the type of the socket, under ComfyUI's name."""
        return self.io_type


class WidgetInput(Input, Generic[V]):
    """An input that holds its own value unless it is linked."""

    def __init__(
        self,
        id: str,
        display_name: str | None,
        optional: bool,
        tooltip: str | None,
        lazy: bool | None,
        default: V | None,
        socketless: bool | None,
        force_input: bool | None = None,
    ) -> None:
        super().__init__(id, display_name, optional, tooltip, lazy)
        self.default = default
        self.socketless = socketless
        self.force_input = force_input


class Output:
    """A socket that provides a value."""

    io_type: ClassVar[str] = "*"

    def __init__(
        self, id: str | None = None, display_name: str | None = None, tooltip: str | None = None
    ) -> None:
        self.id = id
        self.display_name = display_name
        self.tooltip = tooltip


class ComfyType:
    """A socket type, with the classes of its inputs and outputs."""

    io_type: ClassVar[str] = "*"

    class Input(Input):
        """An input of this type."""

    class Output(Output):
        """An output of this type."""


def Custom(io_type: str) -> type[ComfyType]:  # noqa: N802 - the host's name
    """Creates a custom socket type.

    Args:
        io_type: name of the type, as displayed on the canvas; "A,B" accepts either.
    """
    members = {
        "io_type": io_type,
        "__doc__": f"The socket type {io_type}.",
        "Input": type("Input", (Input,), {"io_type": io_type}),
        "Output": type("Output", (Output,), {"io_type": io_type}),
    }
    return type(io_type, (ComfyType,), members)


Image = Custom("IMAGE")
Mask = Custom("MASK")
Latent = Custom("LATENT")
AnyType = Custom("*")
ClipVision = Custom("CLIP_VISION")
