"""Whole numbers in text widgets."""

import re

__all__ = ["span"]

RANGE = re.compile(r"(\d+)-(\d+)")


def span(entry: str) -> tuple[int, int] | None:
    """First and last number of a range such as "0-9"; None of other text."""
    found = RANGE.fullmatch(entry)
    return (int(found[1]), int(found[2])) if found else None
