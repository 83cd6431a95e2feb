"""Names of files that nodes write."""

import re

from ..core.errors import InvalidInput

__all__ = ["checked_name", "usable_name"]

LONGEST = 200
"""Bytes of a name; systems take 255 with a number and an ending."""


def checked_name(name: str) -> str:
    """A file name without folders, and without what some system forbids.

    Raises:
        InvalidInput: another name.
    """
    fits = re.fullmatch(r"[\w][\w .-]{0,99}", name) and len(name.encode()) <= LONGEST
    if not fits or name.endswith((".", " ")):
        raise InvalidInput(
            f"The file name {name!r} cannot be used. Take letters, digits, spaces, dots, dashes "
            f"and underscores, at most 100, and at most {LONGEST} bytes."
        )
    return name


def usable_name(name: str | None) -> bool | str:
    """Whether a file can be called so, for a node's check; None where a link gives the name."""
    try:
        return name is None or bool(checked_name(name))
    except InvalidInput as error:
        return str(error)
