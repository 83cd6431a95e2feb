"""Generates the table of generators in docs/models.md from the architectures' records."""

from collections.abc import Iterable, Iterator
from typing import Any

from ...core.checkpoints.architecture import Architecture
from ...core.checkpoints.options import OfferedOption

__all__ = ["COLUMNS", "models_page"]

COLUMNS = (
    *("family, its id", "files", "licence of the weights", "latents", "given inputs", "options"),
    "verified against",
)
BEGIN = "<!-- The rows are written by `make workflows` from `published` of each architecture. -->"
END = "<!-- End of the written rows. -->"


def models_page(page: str, architectures: Iterable[Architecture[Any]]) -> str:
    """Returns the page with a table of these architectures instead of its table.

    Args:
        page: text of docs/models.md.
        architectures: the families, in the order of the rows; those without rows are left out.

    Raises:
        ValueError: the page lacks the comments around the table.
    """
    before, begin, rest = page.partition(f"{BEGIN}\n")
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"docs/models.md lacks {BEGIN!r} or {END!r} around its table.")
    rows = [row for one in architectures for row in _rows(one)]
    table = [f"| {' | '.join(COLUMNS)} |", "|---" * len(COLUMNS) + "|", *rows]
    return before + begin + "\n" + "\n".join(table) + "\n\n" + end + after


def _rows(architecture: Architecture[Any]) -> Iterator[str]:
    options = [one.widget for one in architecture.options if isinstance(one, OfferedOption)]
    for one in architecture.published:
        cells = (
            f"{one.name}: `{architecture.id}`",
            *(one.files, one.licence, one.latents, one.given),
            ", ".join(dict.fromkeys(options)) or "none",
            one.verified,
        )
        yield f"| {' | '.join(cells)} |"
