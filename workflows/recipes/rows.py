"""The numbers of the papers' experiments: for each setup, what each input of a node is.

A setup has an id of its own: t for TR0N, f for FuseDream, k for the KRR flow. Each number is
written once, with its place in the paper, in the paper's folder; the recipes of the workflows take
it from there, and the notes of those that differ list the differences. What a paper leaves open is
not in the table. Setups that nothing here can run (t26, whose translator is a flow; those of
generators that do not open) are left out where no workflow names them.
"""

from collections.abc import Mapping
from typing import Any

from .fusedream.numbers import FUSEDREAM
from .krr.numbers import KRR
from .numbers import Each, Has, OneOf, PaperRow
from .tr0n.numbers import TR0N

__all__ = ["ROWS", "inputs_of", "parts", "sweep", "usual"]

ROWS: Mapping[str, PaperRow] = {**TR0N, **FUSEDREAM, **KRR}
"""All of them, by id."""


def inputs_of(row: str, kind: str) -> dict[str, Any]:
    """The plain values of a setup's node, by input; none where it has no such node."""
    inputs = ROWS[row].nodes.get(kind, {})
    return {k: v for k, v in inputs.items() if not isinstance(v, (Each, Has, OneOf))}


def usual(row: str, **more: Mapping[str, object]) -> dict[str, Mapping[str, object]]:
    """The plain values of all nodes of a setup, by kind.

    Args:
        row: its id.
        more: values by kind of node that hold where the setup has none of its own.
    """
    kinds = dict.fromkeys((*more, *ROWS[row].nodes))
    return {kind: {**more.get(kind, {}), **inputs_of(row, kind)} for kind in kinds}


def sweep(row: str, kind: str, name: str) -> tuple[Any, ...]:
    """The values that several nodes of a setup have at one input."""
    found = ROWS[row].nodes[kind][name]
    assert isinstance(found, (Each, Has, OneOf))
    return found.values


def parts(row: str) -> list[PaperRow]:
    """A setup, or all its parts: f10 is all of f10a to f10e."""
    return [found for name, found in ROWS.items() if name in (row, f"{row}{name[3:]}")]
