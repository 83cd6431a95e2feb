"""Class Condition: wanted classes of a classifier."""

import re

from ...core.auxiliary import Auxiliary, Classifier
from ...core.errors import ConditionMismatch
from ..help import Help
from ..host import autograd, io
from ..kinds import as_classifier
from ..numbers import span
from ..sockets import AUXILIARY, CONDITION

__all__ = ["ClassCondition"]


def parse_classes(text: str, classifier: Classifier) -> list[int | str]:
    """Classes of a text: names or numbers separated by commas, ranges "0-9", or "all"."""
    if text.strip().lower() == "all":
        return list(range(len(classifier.classes)))
    found: list[int | str] = []
    for entry in filter(None, (part.strip() for part in re.split(r"[,\n]", text))):
        ends = span(entry)
        if ends and entry not in classifier.classes:
            first, last = ends
            if last - first >= len(classifier.classes) or last < first:
                raise ConditionMismatch(
                    f"The range {entry!r} is not one of {classifier.name!r}'s "
                    f"{len(classifier.classes)} classes, 0 to {len(classifier.classes) - 1}."
                )
            found += range(first, last + 1)
        else:
            found.append(entry)
    return found


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
        return io.Schema(
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

    @classmethod
    def execute(cls, auxiliary: Auxiliary, classes: str, samples_per_class: int) -> io.NodeOutput:
        classifier = as_classifier(auxiliary)
        with autograd():
            wanted = parse_classes(classes, classifier)
            rows = [entry for entry in wanted for _ in range(samples_per_class)]
            return io.NodeOutput(classifier.condition(rows))
