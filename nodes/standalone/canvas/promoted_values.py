"""Values of inner widgets that a subgraph's instance shows.

Frontends have saved them in three ways: as a row for those inputs of the subgraph that lead to a
widget inside (1.27, 1.28); inside, with only a list of the shown widgets on the instance in
`properties.proxyWidgets` (1.32 to 1.45); and as a row with names (from 1.46), or next to
that list.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

__all__ = ["INPUT", "OUTPUT", "Ends", "HostValues", "host_values", "link_ends"]

INPUT, OUTPUT = "-10", "-20"
"""Ids of a subgraph's input and output ends."""
_OWN = "-1"
"""Refers to the instance's own inputs in the list of shown widgets."""
_PREFIX = re.compile(r"\s*(\d+)\s*:\s*(.+)")

Overrides = Mapping[tuple[str, str], object]


class Ends(NamedTuple):
    """A link: id, origin and target."""

    id: object
    origin: str
    origin_slot: int
    target: str
    target_slot: int


class HostValues(NamedTuple):
    """An instance's values of inner widgets.

    Attributes:
        inputs: values of the subgraph's inputs, by name; used if no link is connected.
        inner: values of inner widgets, by (node id, name).
    """

    inputs: dict[str, object]
    inner: dict[tuple[str, str], object]


def link_ends(link: Any) -> Ends:  # noqa: ANN401 - a row, or an object
    """Parses a link from either of the canvas's forms."""
    if isinstance(link, Mapping):
        found: Mapping[str, Any] = link
        keys = ("id", "origin_id", "origin_slot", "target_id", "target_slot")
        number, origin, slot, target, place = (found[key] for key in keys)
    else:
        number, origin, slot, target, place = link[:5]
    return Ends(number, str(origin), int(slot), str(target), int(place))


def host_values(
    instance: Mapping[str, Any], graph: Mapping[str, Any], above: Overrides
) -> HostValues:
    """Returns the values that an instance shows.

    Args:
        instance: node on the canvas.
        graph: definition of its subgraph.
        above: overrides of widgets here by the enclosing instance, by (node id, name).
    """
    names = {str(socket["name"]) for socket in graph.get("inputs") or ()}
    bound = dict(_bound(graph))
    found = HostValues({}, {})
    row, named = instance.get("widgets_values"), instance.get("widgets_values_named")
    named = row if isinstance(row, Mapping) else named
    shown = _listed(instance)
    if isinstance(named, Mapping):
        found.inputs.update({k: v for k, v in named.items() if k in names and v is not None})
    elif shown:
        for entry, value in zip(shown, row or (), strict=False):
            if value is not None:
                _put(found, entry, value, names, bound)
    else:
        inputs = dict.fromkeys(bound.values())
        values = zip(inputs, row or (), strict=False)
        found.inputs.update({name: value for name, value in values if value is not None})
    for (node_id, name), value in above.items():
        if node_id == str(instance["id"]):
            source = next((n for n, w in bound if w == name), _OWN)
            _put(found, (_OWN if name in names else source, name), value, names, bound)
    return found


def _bound(graph: Mapping[str, Any]) -> Iterator[tuple[tuple[str, str], str]]:
    """Yields the inner widgets of a subgraph's inputs: ((node id, name), input)."""
    nodes = {str(node["id"]): node for node in graph["nodes"]}
    links = [link_ends(link) for link in graph.get("links") or ()]
    for slot, socket in enumerate(graph.get("inputs") or ()):
        for ends in links:
            if (ends.origin, ends.origin_slot) != (INPUT, slot) or ends.target not in nodes:
                continue
            inside = nodes[ends.target].get("inputs") or ()
            for entry in inside:
                if entry.get("link") == ends.id and entry.get("widget"):
                    yield (ends.target, str(entry["widget"]["name"])), str(socket["name"])


def _listed(instance: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Returns (node id, widget) of the widgets that an instance shows."""
    shown = (instance.get("properties") or {}).get("proxyWidgets") or ()
    if isinstance(shown, str):
        try:
            shown = json.loads(shown)
        except ValueError:
            return []
    entries: list[tuple[str, str]] = []
    for node_id, name, *deepest in shown:
        if prefixed := _PREFIX.fullmatch(str(name)):
            name, deepest = prefixed[2], [prefixed[1]]
        del deepest  # of nested instances: the widget's name identifies it there
        entries.append((str(node_id), str(name)))
    return entries


def _put(
    found: HostValues,
    entry: tuple[str, str],
    value: object,
    names: set[str],
    bound: Mapping[tuple[str, str], str],
) -> None:
    """Stores a value for an input of the subgraph, or else for an inner widget."""
    node_id, name = entry
    if entry in bound:
        found.inputs[bound[entry]] = value
    elif node_id == _OWN and name in names:
        found.inputs[name] = value
    else:
        found.inner[entry] = value
