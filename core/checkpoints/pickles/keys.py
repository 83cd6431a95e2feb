"""Converts the keys of a file's dicts to text and small numbers, which are cheap to hash."""

from .records import Name, Record

__all__ = ["key"]

LARGEST_KEY = 2**32
LONGEST_KEY = 1000


def key(value: object) -> object:
    """Returns a dict key for a value: text and small numbers unchanged, others as text."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int):
        return value if abs(value) < LARGEST_KEY else f"{value:x}"[:LONGEST_KEY]
    if isinstance(value, str):
        return value if len(value) <= LONGEST_KEY else f"{value[:LONGEST_KEY]}..."
    if isinstance(value, float | Name):
        return str(value)
    # Formatting a key of nested tuples could take unbounded time.
    if type(value) is tuple and 0 < len(value) < 9:
        return ",".join(_brief(part) for part in value)
    return _brief(value)


def _brief(value: object) -> str:
    """Returns a short text for a value."""
    if isinstance(value, str | int | float | Name):
        return str(key(value))
    if isinstance(value, bytes):
        return repr(value[:LONGEST_KEY])
    if isinstance(value, Record):
        shown = [str(part) for part in value.arguments[:4] if isinstance(part, str | int)]
        return f"{value.kind}({','.join(shown)})"[:LONGEST_KEY]
    return f"a {type(value).__name__}"
