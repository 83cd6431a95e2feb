"""Names of files that nodes write."""

import re

from ..core.errors import InvalidInput

__all__ = ["checked_name", "usable_name"]

LONGEST = 200
"""Most bytes of a name; file systems allow 255, with a number and an ending."""


def checked_name(name: str) -> str:
    """The name, if it is a file name without folders that every system allows.

    Raises:
        InvalidInput: it is not.
    """
    fits = re.fullmatch(r"[\w][\w .-]{0,99}", name) and len(name.encode()) <= LONGEST
    if not fits or name.endswith((".", " ")):
        raise InvalidInput(
            f"The file name {name!r} cannot be used. Take letters, digits, spaces, dots, dashes "
            f"and underscores, at most 100, and at most {LONGEST} bytes."
        )
    return name


def usable_name(name: str | None) -> bool | str:
    """True if the name can be used, else the message; None stands for a linked name."""
    try:
        return name is None or bool(checked_name(name))
    except InvalidInput as error:
        return str(error)
