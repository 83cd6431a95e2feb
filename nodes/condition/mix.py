"""Conditions made of two others: Interpolate Conditions and Average Conditions."""

from ...core.condition import Condition
from ...core.conditions.mixing import Way, averaged, fractions, interpolated
from ..host import autograd, io
from ..sockets import CONDITION

__all__ = ["NODES"]


def _pair() -> list[io.Input]:
    return [
        CONDITION.Input("first", tooltip="One row, or as many as the second has."),
        CONDITION.Input("second", tooltip="Of the same auxiliary model."),
    ]


def _weight(name: str) -> io.Float.Input:
    return io.Float.Input(
        f"{name}_weight",
        default=1.0,
        min=-1000.0,
        max=1000.0,
        step=0.05,
        tooltip=f"How much the {name} counts (-1000 to 1000); negative draws away from it.",
    )


class InterpolateConditions(io.ComfyNode):
    """From one meaning to another."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        """Name, inputs and outputs."""
        schema = io.Schema(
            node_id="LatentSteer_InterpolateConditions",
            display_name="Interpolate Conditions",
            category="LatentSteer/condition",
            description="The way from one condition to another, a row per frame: TR0N sections "
            "5.3 and B.4.",
            inputs=[
                *_pair(),
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
                    "straight line; take it for classes.",
                ),
                io.Boolean.Input(
                    "ends",
                    default=False,
                    tooltip="Whether the first and the last frame are the two conditions "
                    "themselves. Off: frames go from 0.1 to 0.9 of the way, as in the released "
                    "code.",
                ),
            ],
            outputs=[
                CONDITION.Output(
                    "condition",
                    display_name="condition",
                    tooltip="All frames of the first pair, then those of the next.",
                )
            ],
        )
        schema.search_aliases = ["slerp", "morph", "blend"]
        return schema

    @classmethod
    def execute(
        cls, first: Condition, second: Condition, frames: int, mode: Way, ends: bool
    ) -> io.NodeOutput:
        """The frames."""
        with autograd():
            at = fractions(frames, ends=ends)
            return io.NodeOutput(interpolated(first, second, at, way=mode))


class AverageConditions(io.ComfyNode):
    """Two conditions as one."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        """Name, inputs and outputs."""
        schema = io.Schema(
            node_id="LatentSteer_AverageConditions",
            display_name="Average Conditions",
            category="LatentSteer/condition",
            description="Two conditions of one CLIP as one, such as a text and an image: their "
            "directions add by weight, as the prompts of a line do.",
            inputs=[*_pair(), _weight("first"), _weight("second")],
            outputs=[
                CONDITION.Output(
                    "condition", display_name="condition", tooltip="A row for each pair of rows."
                )
            ],
        )
        schema.search_aliases = ["combine", "text and image", "mix"]
        return schema

    @classmethod
    def execute(
        cls, first: Condition, second: Condition, first_weight: float, second_weight: float
    ) -> io.NodeOutput:
        """The weighted directions."""
        with autograd():
            return io.NodeOutput(
                averaged(first, second, first_weight=first_weight, second_weight=second_weight)
            )


NODES = [InterpolateConditions, AverageConditions]
