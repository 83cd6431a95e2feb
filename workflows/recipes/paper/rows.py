"""The numbers of the papers' experiments: for each setup, what each input of a node is.

A setup has a number of its own: t for TR0N, f for FuseDream, k for the KRR flow. Each number is
written once, with its place in the paper; the recipes of the shipped workflows take it from here,
and the notes of those that differ say so. What a paper leaves open is not in the table. Setups
that nothing here can run (t26, whose translator is a flow; those of generators that do not open)
are left out where no workflow names them.
"""

from collections.abc import Mapping
from typing import Any

from .fusedream import FUSEDREAM
from .krr import KRR
from .numbers import Each, Has, OneOf, PaperRow
from .tr0n import TR0N

__all__ = ["ROWS", "inputs_of", "sweep"]

ROWS: Mapping[str, PaperRow] = {**TR0N, **FUSEDREAM, **KRR}
"""All of them, by number."""


def inputs_of(row: str, kind: str) -> dict[str, Any]:
    """The plain values of a setup's node, by input: what a recipe passes on."""
    inputs = ROWS[row].nodes[kind]
    return {k: v for k, v in inputs.items() if not isinstance(v, (Each, Has, OneOf))}


def sweep(row: str, kind: str, name: str) -> tuple[Any, ...]:
    """The values that several nodes of a setup have at one input."""
    found = ROWS[row].nodes[kind][name]
    assert isinstance(found, (Each, Has, OneOf))
    return found.values
