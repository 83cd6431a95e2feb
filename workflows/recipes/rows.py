"""The numbers of the papers' experiments: the inputs of each node in each setup.

Each setup has an id: t for TR0N, f for FuseDream, k for the KRR flow, d for D2C. Each number is
written once, with its place in the paper, in the paper's folder; the recipes of the workflows
take it from there, and the notes of those that differ list the differences. Values that a paper
does not state are not in the table. Setups of unsupported generators are left out if no workflow
names them.
"""

from collections.abc import Mapping
from typing import Any

from .d2c.numbers import D2C
from .fusedream.numbers import FUSEDREAM
from .krr.numbers import KRR
from .numbers import Each, Has, OneOf, PaperRow
from .tr0n.numbers import TR0N

__all__ = ["ROWS", "inputs_of", "parts", "sweep", "usual"]

ROWS: Mapping[str, PaperRow] = {**TR0N, **FUSEDREAM, **KRR, **D2C}
"""All setups, by id."""


def inputs_of(row: str, kind: str) -> dict[str, Any]:
    """Returns the plain values of a node of a setup, by input; none if it has no such node."""
    inputs = ROWS[row].nodes.get(kind, {})
    return {k: v for k, v in inputs.items() if not isinstance(v, (Each, Has, OneOf))}


def usual(row: str, **more: Mapping[str, object]) -> dict[str, Mapping[str, object]]:
    """Returns the plain values of all nodes of a setup, by kind.

    Args:
        row: id of the setup.
        more: values by kind of node that apply where the setup has none.
    """
    kinds = dict.fromkeys((*more, *ROWS[row].nodes))
    return {kind: {**more.get(kind, {}), **inputs_of(row, kind)} for kind in kinds}


def sweep(row: str, kind: str, name: str) -> tuple[Any, ...]:
    """Returns the values of one input in several nodes of a setup."""
    found = ROWS[row].nodes[kind][name]
    assert isinstance(found, (Each, Has, OneOf))
    return found.values


def parts(row: str) -> list[PaperRow]:
    """Returns a setup, or all its parts: f10 is all of f10a to f10e."""
    return [found for name, found in ROWS.items() if name in (row, f"{row}{name[3:]}")]
