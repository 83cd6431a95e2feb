"""Interpolate Conditions: from one condition to another."""

from ...core.condition import Condition
from ...core.conditions.mixing import Way, fractions, interpolated
from ..help import Help
from ..host import autograd, io
from .widgets import pair, rows

__all__ = ["InterpolateConditions"]


class InterpolateConditions(io.ComfyNode):
    """A path from one condition to another."""

    HELP = Help(
        about=(
            "Rows of the first condition are paired with those of the second; a single row "
            "is paired with all. Each pair gives `frames` rows. Start from Translator Init "
            "with `mode` = mode, as the paper does, so that neighbours do not jump between "
            "draws."
        ),
        example="Two Text Conditions, `frames` = 8, then Image Grid with 8 columns.",
    )

    @classmethod
    def define_schema(cls) -> io.Schema:
        schema = io.Schema(
            node_id="LatentSteer_InterpolateConditions",
            display_name="Interpolate Conditions",
            category="LatentSteer/condition",
            description="The path from one condition to another, a row per frame: TR0N sections "
            "5.3 and B.4.",
            inputs=[
                *pair(),
                io.Int.Input(
                    "frames",
                    default=5,
                    min=1,
                    max=10000,
                    tooltip="Rows for each pair (1 to 10000), evenly spaced.",
                ),
                io.Combo.Input(
                    "mode",
                    options=["slerp", "lerp"],
                    default="slerp",
                    tooltip="slerp: along an arc, as the paper does with CLIP. lerp: along a "
                    "straight line; use it for classes.",
                ),
                io.Boolean.Input(
                    "ends",
                    default=False,
                    tooltip="Whether the first and the last frame are the two conditions "
                    "themselves. Off: frames go from 0.1 to 0.9 of the path, as in the "
                    "released code.",
                ),
            ],
            outputs=[rows("All frames of the first pair, then those of the next.")],
        )
        schema.search_aliases = ["slerp", "morph", "blend"]
        return schema

    @classmethod
    def execute(
        cls, first: Condition, second: Condition, frames: int, mode: Way, ends: bool
    ) -> io.NodeOutput:
        with autograd():
            at = fractions(frames, ends=ends)
            return io.NodeOutput(interpolated(first, second, at, way=mode))
