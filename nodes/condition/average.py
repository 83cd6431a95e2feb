"""Average Conditions: two conditions as one."""

from ...core.condition import Condition
from ...core.conditions.mixing import averaged
from ..help import Help
from ..host import autograd, io
from .widgets import pair, rows

__all__ = ["AverageConditions"]


def _weight(name: str) -> io.Float.Input:
    return io.Float.Input(
        f"{name}_weight",
        default=1.0,
        min=-1000.0,
        max=1000.0,
        step=0.05,
        tooltip=f"How much the {name} counts (-1000 to 1000); negative moves away from it.",
    )


class AverageConditions(io.ComfyNode):
    """Two conditions as one."""

    HELP = Help(
        about=(
            "The direction of the result is the weighted sum of the two directions, independent "
            "of their lengths; weights that cancel are refused. For classes, whose rows are "
            "probabilities, use Interpolate Conditions with `mode` = lerp."
        ),
        example=(
            "An Image Condition with `first_weight` = 1 and a Text Condition with "
            "`second_weight` = 0.5: like the picture, and a little more like the words."
        ),
    )

    @classmethod
    def define_schema(cls) -> io.Schema:
        schema = io.Schema(
            node_id="LatentSteer_AverageConditions",
            display_name="Average Conditions",
            category="LatentSteer/condition",
            description="Two conditions of one CLIP as one, such as a text and an image: the "
            "weighted sum of their directions, as for the prompts of a line.",
            inputs=[*pair(), _weight("first"), _weight("second")],
            outputs=[rows("A row for each pair of rows.")],
        )
        schema.search_aliases = ["combine", "text and image", "mix"]
        return schema

    @classmethod
    def execute(
        cls, first: Condition, second: Condition, first_weight: float, second_weight: float
    ) -> io.NodeOutput:
        with autograd():
            return io.NodeOutput(
                averaged(first, second, first_weight=first_weight, second_weight=second_weight)
            )
