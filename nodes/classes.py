"""Classes in text widgets."""

import re

from ..core.auxiliary import Classifier
from ..core.errors import ConditionMismatch
from .numbers import span

__all__ = ["parse_classes"]


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
