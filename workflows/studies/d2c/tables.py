"""The tables of the study of D2C, as text."""

from collections.abc import Mapping, Sequence

from .contrast_encoders import ARMS
from .few_shot import ROWS
from .manipulation import MOVES
from .orderings import COMPARED
from .unconditional import STEPS

__all__ = ["tables"]

WIDTH = 20
"""Characters of a column."""


def tables(flat: Mapping[str, float | str], tasks: Sequence[str], edits: Sequence[str]) -> str:
    """Returns the figures as text.

    Args:
        flat: figures of the study.
        tasks: attributes.
        edits: edits.
    """
    samples = (*(f"steps_{n}" for n in STEPS), "raw", "whitened", "decoded", "real")
    parts = [
        ["Frechet distance of unconditional samples"],
        [f"{name:<{WIDTH}}{_cell(flat, f'{name}_fd', '.1f')}" for name in samples],
        ["", "few labels: share by the judge, Frechet distance, acceptance"],
        _table(flat, "", ROWS, tasks, (("share", ".2f"), ("fd", ".0f"), ("acceptance", ".2f"))),
        ["", "edits: reached, kept"],
        _table(flat, "edit_", MOVES, edits, (("reached", ".2f"), ("kept", ".2f"))),
        ["", "closer than in table 5 of the paper"],
        [f"{' than '.join(both)}: {flat[f'table5_{name}']}" for name, both in COMPARED.items()],
        ["", "contrastive term: AUC and accuracy of few labels, gains with intervals"],
        _contrast(flat),
        [
            "",
            f"encoding: {flat['encoding_seconds']:.4f} s, optimising: "
            f"{flat['optimising_seconds']:.2f} s, ratio {flat['encoding_ratio']:.0f}",
        ],
    ]
    return "\n".join(line for part in parts for line in part)


def _table(
    flat: Mapping[str, float | str],
    prefix: str,
    rows: Sequence[str],
    columns: Sequence[str],
    figures: Sequence[tuple[str, str]],
) -> list[str]:
    heads = [*columns, "mean"]
    lines = [" " * WIDTH + "".join(f"{head.replace('_', ' '):>{WIDTH}}" for head in heads)]
    for row in rows:
        cells: list[str] = []
        for column in heads:
            own = [_cell(flat, f"{prefix}{column}_{row}_{key}", form) for key, form in figures]
            cells.append(f"{' '.join(own):>{WIDTH}}")
        lines.append(f"{row.replace('_', ' '):<{WIDTH}}{''.join(cells)}")
    return lines


def _contrast(flat: Mapping[str, float | str]) -> list[str]:
    pairs = ("auc", "accuracy")
    lines = [
        f"{arm.replace('_', ' '):<{WIDTH}}"
        + " ".join(_cell(flat, f"contrast_{arm}_{name}", ".3f") for name in pairs)
        for arm in ARMS
    ]
    for other in ARMS[1:]:
        gains = [
            f"{name} "
            + " ".join(
                _cell(flat, f"contrast_gain_{other}_{name}{end}", "+.3f")
                for end in ("", "_low", "_high")
            )
            for name in pairs
        ]
        lines.append(f"{f'on over {other}':<{WIDTH}}".replace("_", " ") + ", ".join(gains))
    return lines


def _cell(flat: Mapping[str, float | str], key: str, form: str) -> str:
    return format(flat[key], form) if key in flat else "-"
