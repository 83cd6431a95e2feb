"""Which of several networks in one file is taken: the averaged one, as people sample from it."""

from collections.abc import Mapping, Sequence

__all__ = ["averaged", "choice_fact"]


def averaged(found: Sequence[str]) -> str | None:
    """The prefix of the moving average: by its name, else the last of a tuple (G, D, G_ema).

    Args:
        found: what stands before the names of each network of a kind, in the order of the file.
    """
    named = [prefix for prefix in found if "ema" in prefix.lower()]
    if named or not found:
        return named[0] if named else None
    parts = [prefix.removesuffix(".").split(".") for prefix in found]
    numbered = [own for own in parts if len(own) == len(parts[0]) and own[-1].isdecimal()]
    siblings = {tuple(own[:-1]) for own in numbered}
    return found[-1] if len(numbered) == len(found) and len(siblings) == 1 else found[0]


def choice_fact(found: Sequence[str], taken: str | None = None) -> Mapping[str, str]:
    """What `inspect` says where a file holds several networks of the kind that is taken.

    Args:
        found: as `averaged` takes it.
        taken: the one that is, where another rule chose it.
    """
    if len(found) < 2:
        return {}
    named = [f"`{prefix.removesuffix('.') or 'the top'}`" for prefix in found]
    which = named[found.index(averaged(found) if taken is None else taken)]  # pyright: ignore[reportArgumentType]
    return {"network": f"{which} is taken, of {', '.join(named)}"}
