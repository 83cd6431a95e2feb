"""Stand-ins for ComfyUI's mask nodes, under its ids."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from ..api import io

if TYPE_CHECKING:
    import torch

__all__ = ["MASK_NODES"]

MOST = 16384
"""ComfyUI's largest side."""
OPERATIONS = ("multiply", "add", "subtract", "and", "or", "xor")
Operation = Literal["multiply", "add", "subtract", "and", "or", "xor"]


def _side(name: str, default: int = 0, least: int = 0) -> io.Int.Input:
    return io.Int.Input(name, default=default, min=least, max=MOST, step=1)


class SolidMask(io.ComfyNode):
    """Creates a mask of one value."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        """Returns ComfyUI's schema."""
        return io.Schema(
            node_id="SolidMask",
            display_name="SolidMask",
            category="mask",
            inputs=[
                io.Float.Input("value", default=1.0, min=0.0, max=1.0, step=0.01),
                _side("width", 512, 1),
                _side("height", 512, 1),
            ],
            outputs=[io.Mask.Output(id="MASK", display_name="MASK")],
        )

    @classmethod
    def execute(cls, value: float, width: int, height: int) -> io.NodeOutput:
        """Fills the mask."""
        import torch

        return io.NodeOutput(torch.full((1, height, width), value))


class InvertMask(io.ComfyNode):
    """Inverts a mask."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        """Returns ComfyUI's schema."""
        return io.Schema(
            node_id="InvertMask",
            display_name="InvertMask",
            category="mask",
            inputs=[io.Mask.Input("mask")],
            outputs=[io.Mask.Output(id="MASK", display_name="MASK")],
        )

    @classmethod
    def execute(cls, mask: torch.Tensor) -> io.NodeOutput:
        """Inverts the mask."""
        return io.NodeOutput(1.0 - mask)


class MaskToImage(io.ComfyNode):
    """Converts a mask to an image."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        """Returns ComfyUI's schema."""
        return io.Schema(
            node_id="MaskToImage",
            display_name="Convert Mask to Image",
            category="mask",
            inputs=[io.Mask.Input("mask")],
            outputs=[io.Image.Output(id="IMAGE", display_name="IMAGE")],
        )

    @classmethod
    def execute(cls, mask: torch.Tensor) -> io.NodeOutput:
        """Returns a grey image of its values."""
        grey = mask.reshape(-1, mask.shape[-2], mask.shape[-1], 1)
        return io.NodeOutput(grey.expand(-1, -1, -1, 3))


class MaskComposite(io.ComfyNode):
    """Combines two masks."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        """Returns ComfyUI's schema."""
        return io.Schema(
            node_id="MaskComposite",
            display_name="MaskComposite",
            category="mask",
            inputs=[
                io.Mask.Input("destination"),
                io.Mask.Input("source"),
                _side("x"),
                _side("y"),
                io.Combo.Input("operation", options=list(OPERATIONS)),
            ],
            outputs=[io.Mask.Output(id="MASK", display_name="MASK")],
        )

    @classmethod
    def execute(
        cls,
        destination: torch.Tensor,
        source: torch.Tensor,
        x: int,
        y: int,
        operation: Operation,
    ) -> io.NodeOutput:
        """Puts the source's top left corner at x, y of the destination."""
        result = destination.reshape(-1, *destination.shape[-2:]).clone()
        above = source.reshape(-1, *source.shape[-2:])
        high, wide = (
            max(0, min(above.shape[axis], result.shape[axis] - start))
            for axis, start in ((-2, y), (-1, x))
        )
        above, below = above[:, :high, :wide], result[:, y : y + high, x : x + wide]
        result[:, y : y + high, x : x + wide] = _combined(below, above, operation)
        return io.NodeOutput(result.clamp(0.0, 1.0))


def _combined(below: torch.Tensor, above: torch.Tensor, operation: Operation) -> torch.Tensor:
    if operation == "multiply":
        return below * above
    if operation == "add":
        return below + above
    if operation == "subtract":
        return below - above
    one, other = below.round().bool(), above.round().bool()
    found = {"and": one & other, "or": one | other, "xor": one ^ other}
    return found[operation].float()


class ImageCompositeMasked(io.ComfyNode):
    """Puts an image on another where a mask is white."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        """Returns ComfyUI's schema."""
        return io.Schema(
            node_id="ImageCompositeMasked",
            display_name="Image Composite Masked",
            category="image",
            inputs=[
                io.Image.Input("destination"),
                io.Image.Input("source"),
                _side("x"),
                _side("y"),
                io.Boolean.Input("resize_source", default=False),
                io.Mask.Input("mask", optional=True),
            ],
            outputs=[io.Image.Output(id="IMAGE", display_name="IMAGE")],
        )

    @classmethod
    def execute(
        cls,
        destination: torch.Tensor,
        source: torch.Tensor,
        x: int,
        y: int,
        resize_source: bool,
        mask: torch.Tensor | None = None,
    ) -> io.NodeOutput:
        """Puts the source's top left corner at x, y, repeated to the destination's batch."""
        import torch
        from torch.nn.functional import interpolate

        result, above = destination.clone(), source.movedim(-1, 1)
        count, height, width = result.shape[:3]
        if resize_source:
            above = interpolate(above, size=(height, width), mode="bilinear")
        above, size = _as_many(above, count), (above.shape[2], above.shape[3])
        if mask is None:
            cover = torch.ones_like(above)
        else:
            cover = mask.reshape(-1, 1, mask.shape[-2], mask.shape[-1])
            cover = _as_many(interpolate(cover, size=size, mode="bilinear"), count)
        high, wide = max(0, min(size[0], height - y)), max(0, min(size[1], width - x))
        cover, above = (part[:, :, :high, :wide].movedim(1, -1) for part in (cover, above))
        below = result[:, y : y + high, x : x + wide]
        result[:, y : y + high, x : x + wide] = cover * above + (1 - cover) * below
        return io.NodeOutput(result)


def _as_many(rows: torch.Tensor, count: int) -> torch.Tensor:
    """Repeats the rows up to `count`."""
    times = -(-count // len(rows))
    return rows.repeat(times, *[1] * (rows.ndim - 1))[:count]


MASK_NODES: tuple[type[io.ComfyNode], ...] = (
    SolidMask,
    InvertMask,
    MaskToImage,
    MaskComposite,
    ImageCompositeMasked,
)
