"""Selects one of several networks in a file: the moving average, which is usually sampled from."""

from collections.abc import Mapping, Sequence

__all__ = ["averaged_prefix", "choice_fact"]

MARKS = ("ema", "avg")
"""Parts of the names of moving averages."""


def averaged_prefix(found: Sequence[str]) -> str | None:
    """Returns the prefix of the moving average: by name, else the last of a tuple (G, D, G_ema).

    Args:
        found: prefixes of the networks of one kind, in file order.
    """
    named = [prefix for prefix in found if any(mark in prefix.lower() for mark in MARKS)]
    if named or not found:
        return named[0] if named else None
    parts = [prefix.removesuffix(".").split(".") for prefix in found]
    numbered = [own for own in parts if len(own) == len(parts[0]) and own[-1].isdecimal()]
    siblings = {tuple(own[:-1]) for own in numbered}
    return found[-1] if len(numbered) == len(found) and len(siblings) == 1 else found[0]


def choice_fact(found: Sequence[str], taken: str | None = None) -> Mapping[str, str]:
    """Describes which network is used if a file holds several of one kind, for `inspect`.

    Args:
        found: as for `averaged_prefix`.
        taken: the prefix that is used, if another rule chose it.
    """
    if len(found) < 2:
        return {}
    named = [f"`{prefix.removesuffix('.') or 'the top'}`" for prefix in found]
    which = named[found.index(averaged_prefix(found) if taken is None else taken)]  # pyright: ignore[reportArgumentType]
    return {"network": f"{which} is taken, of {', '.join(named)}"}
