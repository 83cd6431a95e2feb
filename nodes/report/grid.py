"""Image Grid: many images as one."""

import numpy as np
import torch
from torch import Tensor

from ...core.images import enlarged
from ..help import Help
from ..host import autograd, io
from ..images import from_host, grid

__all__ = ["ImageGrid"]


class ImageGrid(io.ComfyNode):
    """Many images as one."""

    HELP = Help(
        about=(
            "Puts a batch into one picture, row by row, with a thin white line between the "
            "images. `each image` passes the batch on, for a Save Image that writes the images "
            "one by one beside the grid."
        ),
        example="`columns` = `samples_per_class` of Class Condition: a row for each class.",
    )

    @classmethod
    def define_schema(cls) -> io.Schema:
        schema = io.Schema(
            node_id="LatentSteer_ImageGrid",
            display_name="Image Grid",
            category="LatentSteer/report",
            description="A batch of images side by side in one picture.",
            inputs=[
                io.Image.Input("images", tooltip="The batch."),
                io.Int.Input(
                    "columns",
                    default=0,
                    min=0,
                    max=1000,
                    tooltip="Images in a row (0 to 1000); 0 for a grid as square as possible. "
                    "With the samples per class, a row shows a class.",
                ),
                io.Int.Input(
                    "enlarge",
                    default=1,
                    min=1,
                    max=16,
                    optional=True,
                    tooltip="How many times as wide and as high the picture is (1 to 16): small "
                    "images are easier to see. `each image` keeps its size.",
                ),
            ],
            outputs=[
                io.Image.Output("grid", display_name="grid", tooltip="One picture."),
                io.Image.Output(
                    "each",
                    display_name="each image",
                    tooltip="The batch as it came: Save Image writes its images one by one.",
                ),
            ],
        )
        schema.search_aliases = ["contact sheet", "montage", "LatentSteer grid"]
        return schema

    @classmethod
    def execute(cls, images: Tensor, columns: int, enlarge: int = 1) -> io.NodeOutput:
        with autograd():
            picture = grid(enlarged(from_host(images), enlarge), columns, gap=enlarge)
            shown = torch.from_numpy(np.array(picture)).float().div(255)[None]
        return io.NodeOutput(shown, images)
