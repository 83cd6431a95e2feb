"""Stack Images: two batches of images as one."""

import torch
from torch import Tensor

from ...core.errors import InvalidInput
from ..help import Help
from ..host import autograd, io
from ..images import from_host, to_host

__all__ = ["StackImages"]


class StackImages(io.ComfyNode):
    """Two batches of images as one."""

    HELP = Help(
        about=(
            "One batch after the other, grey and transparent images as RGB. The sizes must "
            "be equal."
        ),
        example="Given images and changed ones, stacked: Image Grid shows them above each other.",
    )

    @classmethod
    def define_schema(cls) -> io.Schema:
        schema = io.Schema(
            node_id="LatentSteer_StackImages",
            display_name="Stack Images",
            category="LatentSteer/report",
            description="Two batches of images of one size as one, to be shown, judged or saved "
            "together.",
            inputs=[
                io.Image.Input("first", tooltip="The images that come first."),
                io.Image.Input("second", tooltip="Those that follow, of the same size."),
            ],
            outputs=[io.Image.Output("images", display_name="images", tooltip="All of them.")],
        )
        schema.search_aliases = ["join", "concatenate", "batch"]
        return schema

    @classmethod
    def execute(cls, first: Tensor, second: Tensor) -> io.NodeOutput:
        with autograd():
            before, after = (from_host(images) for images in (first, second))
            if before.shape[1:] != after.shape[1:]:
                raise InvalidInput(
                    f"Images of {before.shape[3]}x{before.shape[2]} and of {after.shape[3]}x"
                    f"{after.shape[2]} pixels cannot be stacked. Scale one batch to the other's "
                    "size first, with Upscale Image."
                )
            return io.NodeOutput(to_host(torch.cat([before, after.to(before)])))
