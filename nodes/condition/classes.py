"""What to steer towards."""

import re

from ...core.auxiliary import Auxiliary, Classifier
from ...core.errors import ConditionMismatch
from ..host import autograd, io
from ..kinds import as_classifier
from ..sockets import AUXILIARY, CONDITION

__all__ = ["NODES", "RANGE", "parse_classes"]

RANGE = re.compile(r"(\d+)-(\d+)")


def parse_classes(text: str, classifier: Classifier) -> list[int | str]:
    """Classes written as names or numbers, with commas, as ranges "0-9", or as "all"."""
    if text.strip().lower() == "all":
        return list(range(len(classifier.classes)))
    found: list[int | str] = []
    for entry in filter(None, (part.strip() for part in re.split(r"[,\n]", text))):
        span = RANGE.fullmatch(entry)
        if span and entry not in classifier.classes:
            first, last = int(span[1]), int(span[2])
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

    @classmethod
    def define_schema(cls) -> io.Schema:
        """Name, inputs and outputs."""
        return io.Schema(
            node_id="LatentSteer_ClassCondition",
            display_name="Class Condition",
            category="LatentSteer/condition",
            description="The classes that samples are steered to, one row per sample.",
            inputs=[
                AUXILIARY.Input("auxiliary", tooltip="The classifier whose classes they are."),
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
                    tooltip="How many samples of each class (1 to 10000), side by side.",
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
        """One-hot rows."""
        classifier = as_classifier(auxiliary)
        wanted = parse_classes(classes, classifier)
        with autograd():
            rows = [entry for entry in wanted for _ in range(samples_per_class)]
            return io.NodeOutput(classifier.condition(rows))


NODES = [ClassCondition]
