"""Departures: where the numbers of a workflow differ from the paper's."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .graph import schemas
from .numbers import Each, Has, OneOf
from .rows import parts

__all__ = ["Departure", "departures"]


@dataclass(frozen=True)
class Departure:
    """An input of a node that differs from the paper; without an input, a missing node.

    Attributes:
        node: name of the node on the canvas.
        name: name of the input.
        here: values in the workflow.
        there: values in the paper.
    """

    node: str
    name: str = ""
    here: tuple[object, ...] = ()
    there: tuple[object, ...] = ()

    def __str__(self) -> str:
        return (
            f"*{self.name}* {_listed(self.here)} ({_listed(self.there)})" if self.name else "none"
        )


def departures(rows: Sequence[str], api: Mapping[str, Any]) -> list[Departure]:
    """Returns where a graph differs from all of several setups, for each node input.

    A workflow of several setups may have the value of any of them. Inputs that are not in the
    table are not compared.

    Args:
        rows: ids of the setups.
        api: graph with the value of every widget.
    """
    tables = [row.nodes for name in rows for row in parts(name)]
    found: list[Departure] = []
    for kind in dict.fromkeys(kind for nodes in tables for kind in nodes):
        wanting = [nodes[kind] for nodes in tables if kind in nodes]
        title = schemas()[f"LatentSteer_{kind}"].display_name or kind
        given = [n["inputs"] for n in api.values() if n["class_type"] == f"LatentSteer_{kind}"]
        if not given:
            found += [Departure(title)] if len(wanting) == len(tables) else []
            continue
        for name in dict.fromkeys(name for inputs in wanting for name in inputs):
            specs = [inputs[name] for inputs in wanting if name in inputs]
            here = tuple(inputs[name] for inputs in given)
            allowed = {value for spec in specs for value in _values(spec)}
            fits = any(_fits(spec, here) for spec in specs)
            if not fits and (len(specs) == 1 or not set(here) <= allowed):
                there = tuple(dict.fromkeys(v for spec in specs for v in _values(spec)))
                found.append(Departure(title, name, tuple(dict.fromkeys(here)), there))
    return found


def _values(spec: object) -> tuple[object, ...]:
    return spec.values if isinstance(spec, (Each, Has, OneOf)) else (spec,)


def _fits(spec: object, here: tuple[object, ...]) -> bool:
    match spec:
        case Each(values):
            return here == values
        case Has(values):
            return set(values) <= set(here)
        case OneOf(values):
            return set(here) <= set(values)
        case _:
            return set(here) == {spec}


def _listed(values: tuple[object, ...]) -> str:
    words = [_word(value) for value in values]
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"


def _word(value: object) -> str:
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, (int, float)):
        return f"{value:,.10g}"
    return str(value)
