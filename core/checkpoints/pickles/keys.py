"""What the keys of a file's dicts become: texts and small numbers, which cost nothing to hash."""

from .records import Name, Record

__all__ = ["key"]

LARGEST_KEY = 2**32
LONGEST_KEY = 1000


def key(value: object) -> object:
    """What a dict of a file has as a key: text and small numbers as they are, others as text."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int):
        return value if abs(value) < LARGEST_KEY else f"{value:x}"[:LONGEST_KEY]
    if isinstance(value, str):
        return value if len(value) <= LONGEST_KEY else f"{value[:LONGEST_KEY]}..."
    if isinstance(value, float | Name):
        return str(value)
    # A key of nested tuples could take for ever to write.
    if type(value) is tuple and 0 < len(value) < 9:
        return ",".join(_brief(part) for part in value)
    return _brief(value)


def _brief(value: object) -> str:
    """A short text of a value."""
    if isinstance(value, str | int | float | Name):
        return str(key(value))
    if isinstance(value, bytes):
        return repr(value[:LONGEST_KEY])
    if isinstance(value, Record):
        told = [str(part) for part in value.arguments[:4] if isinstance(part, str | int)]
        return f"{value.kind}({','.join(told)})"[:LONGEST_KEY]
    return f"a {type(value).__name__}"
