"""Class Condition: wanted classes of a classifier."""

from ...core.auxiliary import Auxiliary
from ..classes import parse_classes
from ..help import Help
from ..host import autograd, io
from ..kinds import as_classifier
from ..sockets import AUXILIARY, CONDITION

__all__ = ["ClassCondition"]


class ClassCondition(io.ComfyNode):
    """Wanted classes of a classifier."""

    HELP = Help(
        about=(
            "Every class gives `samples_per_class` consecutive rows, and every row becomes "
            "one sample. Set the columns of Image Grid to the same number: a row of the "
            "grid shows a class."
        ),
        example=(
            "`classes` = `3, 7` with `samples_per_class` = 4: eight samples, four threes and "
            "then four sevens."
        ),
    )

    @classmethod
    def define_schema(cls) -> io.Schema:
        schema = io.Schema(
            node_id="LatentSteer_ClassCondition",
            display_name="Class Condition",
            category="LatentSteer/condition",
            description="The classes to steer samples to, one row per sample.",
            inputs=[
                AUXILIARY.Input("auxiliary", tooltip="The classifier that defines the classes."),
                io.String.Input(
                    "classes",
                    default="all",
                    tooltip="Names or numbers from 0, separated by commas; ranges such as 0-9; or "
                    "all.",
                ),
                io.Int.Input(
                    "samples_per_class",
                    default=1,
                    min=1,
                    max=10000,
                    tooltip="How many samples of each class (1 to 10000), consecutive in the "
                    "batch.",
                ),
            ],
            outputs=[
                CONDITION.Output(
                    "condition",
                    display_name="condition",
                    tooltip="One row per sample, in the order of the classes given.",
                )
            ],
        )
        schema.search_aliases = ["class label", "classes", "digit", "ImageNet class"]
        return schema

    @classmethod
    def execute(cls, auxiliary: Auxiliary, classes: str, samples_per_class: int) -> io.NodeOutput:
        classifier = as_classifier(auxiliary)
        with autograd():
            wanted = parse_classes(classes, classifier)
            rows = [entry for entry in wanted for _ in range(samples_per_class)]
            return io.NodeOutput(classifier.condition(rows))
