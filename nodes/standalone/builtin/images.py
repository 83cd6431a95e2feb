"""Stand-ins for ComfyUI's image and text nodes, under its ids."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ....core.errors import SteerError
from .. import images as pictures
from ..api import io, ui
from ..host import current
from ..input_pictures import located
from . import upscale as builtin_upscale
from .host_models import HOST_MODEL_NODES
from .masks import MASK_NODES
from .primitives import PRIMITIVE_NODES

if TYPE_CHECKING:
    import torch

__all__ = ["BUILTIN_NODES", "LoadImage", "PreviewAny", "PreviewImage", "SaveImage"]


class LoadImage(io.ComfyNode):
    """Loads a picture from the input folder."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        """Returns ComfyUI's schema."""
        folder = current().input_directory()
        names = [path.name for path in folder.iterdir()] if folder.is_dir() else []
        return io.Schema(
            node_id="LoadImage",
            display_name="Load Image",
            category="image",
            inputs=[
                io.Combo.Input(
                    "image",
                    options=sorted(n for n in names if n.lower().endswith(pictures.SUFFIXES)),
                    upload=io.UploadType.image,
                    image_folder=io.FolderType.input,
                )
            ],
            outputs=[
                io.Image.Output(id="IMAGE", display_name="IMAGE"),
                io.Mask.Output(id="MASK", display_name="MASK"),
            ],
        )

    @classmethod
    def validate_inputs(cls, image: str) -> bool | str:
        """Checks that the file exists and can be read, before any work."""
        try:
            pictures.load(located(current(), image))
        except SteerError as error:
            return str(error)
        return True

    @classmethod
    def execute(cls, image: str) -> io.NodeOutput:
        """Reads the file."""
        return io.NodeOutput(*pictures.load(located(current(), image)))


class SaveImage(io.ComfyNode):
    """Saves pictures to the output folder, with the graph inside."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        """Returns ComfyUI's schema."""
        return io.Schema(
            node_id="SaveImage",
            display_name="Save Image",
            category="image",
            inputs=[
                io.Image.Input("images"),
                io.String.Input("filename_prefix", default="ComfyUI"),
            ],
            outputs=[],
            is_output_node=True,
        )

    @classmethod
    def validate_inputs(cls, filename_prefix: str | None = None) -> bool | str:
        """Checks that the prefix is possible; None if a link supplies it."""
        if filename_prefix is None:
            return True
        try:
            pictures.stem_of(current().output_directory(), filename_prefix)
        except SteerError as error:
            return str(error)
        return True

    @classmethod
    def execute(cls, images: torch.Tensor, filename_prefix: str) -> io.NodeOutput:
        """Writes the files."""
        saved = current().save_images(images, filename_prefix, hidden=cls.hidden)
        return io.NodeOutput(ui={"images": saved})


class PreviewImage(io.ComfyNode):
    """Writes pictures to the temp folder."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        """Returns ComfyUI's schema."""
        return io.Schema(
            node_id="PreviewImage",
            display_name="Preview Image",
            category="image",
            inputs=[io.Image.Input("images")],
            outputs=[],
            is_output_node=True,
        )

    @classmethod
    def execute(cls, images: torch.Tensor) -> io.NodeOutput:
        """Writes the files."""
        return io.NodeOutput(ui=ui.PreviewImage(images, cls=cls))


class PreviewAny(io.ComfyNode):
    """Displays a text or a number."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        """Returns ComfyUI's schema."""
        return io.Schema(
            node_id="PreviewAny",
            display_name="Preview Any",
            category="utils",
            inputs=[io.AnyType.Input("source")],
            outputs=[],
            is_output_node=True,
        )

    @classmethod
    def execute(cls, source: object) -> io.NodeOutput:
        """Displays the value."""
        return io.NodeOutput(ui={"text": (str(source),)})


BUILTIN_NODES: tuple[type[io.ComfyNode], ...] = (
    LoadImage,
    SaveImage,
    PreviewImage,
    PreviewAny,
    *MASK_NODES,
    *PRIMITIVE_NODES,
    *builtin_upscale.NODES,
    *HOST_MODEL_NODES,
)
