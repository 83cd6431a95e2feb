"""Resolves the nodes and links of a canvas workflow through reroutes, primitives and subgraphs.

A subgraph is a graph in `definitions.subgraphs`; a node whose type is its id is an instance of
it. Links from node -10 are the instance's inputs, those to node -20 its outputs. A node inside
has a path as its id, "12:5", as the canvas itself sends it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple, TypeAlias

from ..errors import WorkflowError
from ..values import fits
from .promoted_values import INPUT, OUTPUT, Ends, HostValues, host_values, link_ends

__all__ = ["Level", "Source", "Value", "root"]

NOTES = ("Note", "MarkdownNote")
_PRIMITIVE, _REROUTE = "PrimitiveNode", "Reroute"
_MUTED, _BYPASSED = 2, 4
_DEEPEST = 64


class Value(NamedTuple):
    """A value received over a link, from a primitive node or a subgraph's widget."""

    value: object


ValueOf: TypeAlias = "Callable[[Level, Mapping[str, Any], str], object]"


class _Next(NamedTuple):
    """A link to follow."""

    level: Level
    link: object


Source: TypeAlias = "list[object] | Value | None"
"""Source of an input: a link in API format, a value, or None."""


class Level:
    """The workflow's graph, or one instance of a subgraph in it.

    Attributes:
        nodes: nodes by id.
        value_of: returns the value of a node's widget by name, or None without one.
        path: ids of the enclosing instances, outermost first.
        overrides: values of inner widgets that enclosing instances show, by (node id, name).
    """

    def __init__(
        self,
        graph: Mapping[str, Any],
        known: Mapping[str, Mapping[str, Any]],
        value_of: ValueOf,
        outer: tuple[Level, Mapping[str, Any]] | None = None,
    ) -> None:
        self.graph, self.known, self.value_of, self.outer = graph, known, value_of, outer
        self.nodes: dict[str, Mapping[str, Any]] = {str(n["id"]): n for n in graph["nodes"]}
        self.links = {ends.id: ends for ends in map(link_ends, graph.get("links") or ())}
        self.path: tuple[str, ...] = ()
        shown = HostValues({}, {})
        if outer is not None:
            level, instance = outer
            self.path = (*level.path, str(instance["id"]))
            if len(self.path) > _DEEPEST:
                raise WorkflowError("the workflow's subgraphs contain each other without end")
            shown = host_values(instance, graph, level.overrides)
        self.host, self.overrides = shown
        self._inside: dict[str, Level] = {}

    def executed(self) -> Iterator[tuple[Level, Mapping[str, Any]]]:
        """Yields the executed nodes with their levels, including those inside instances."""
        for node in self.nodes.values():
            if node["type"] in (*NOTES, _PRIMITIVE, _REROUTE):
                continue
            if node.get("mode", 0) in (_MUTED, _BYPASSED):
                continue
            if node["type"] in self.known:
                yield from self.inside(node).executed()
            else:
                yield self, node

    def inside(self, instance: Mapping[str, Any]) -> Level:
        """Returns the level of a subgraph's instance."""
        key = str(instance["id"])
        if key not in self._inside:
            graph = self.known[instance["type"]]
            self._inside[key] = Level(graph, self.known, self.value_of, (self, instance))
        return self._inside[key]

    def id_of(self, node: Mapping[str, Any]) -> str:
        """Returns a node's id in the API graph."""
        return ":".join((*self.path, str(node["id"])))

    def source(self, socket: Mapping[str, Any]) -> Source:
        """Returns the source of a node's input, past all nodes that are not executed."""
        found: _Next | Source = _Next(self, socket.get("link"))
        kind, seen = str(socket.get("type", "*")), set[tuple[tuple[str, ...], object]]()
        while isinstance(found, _Next):
            if found.link is None:
                return None
            if (found.level.path, found.link) in seen:
                raise WorkflowError("the workflow's reroutes or bypassed nodes form a cycle")
            seen.add((found.level.path, found.link))
            found = found.level._step(found.link, kind)
        return found

    def _step(self, link: object, kind: str) -> _Next | Source:
        """Returns the origin of a link, or the next link to follow."""
        ends = self.links.get(link)
        if ends is None:
            return None
        if ends.origin == INPUT and self.outer is not None:
            return self._outside(ends.origin_slot)
        node = self.nodes.get(ends.origin)
        if node is None or node["type"] in NOTES:
            return None
        if node["type"] == _PRIMITIVE:
            return self._primitive(node)
        return None if node.get("mode", 0) == _MUTED else self._origin(node, ends, kind)

    def _origin(self, node: Mapping[str, Any], ends: Ends, kind: str) -> _Next | Source:
        if node["type"] == _REROUTE:
            return _Next(self, node["inputs"][0].get("link"))
        if node.get("mode", 0) == _BYPASSED:
            return _Next(self, _passed(node, ends.origin_slot, kind))
        if node["type"] in self.known:
            inside = self.inside(node)
            return _Next(inside, inside._output(ends.origin_slot))
        return [self.id_of(node), ends.origin_slot]

    def _outside(self, slot: int) -> _Next | Value | None:
        """Returns the source of this instance's input: a link one level up, or a value."""
        assert self.outer is not None
        level, instance = self.outer
        name = self.graph["inputs"][slot]["name"]
        for socket in instance.get("inputs") or ():
            if socket["name"] == name and socket.get("link") is not None:
                return _Next(level, socket["link"])
        return Value(self.host[name]) if name in self.host else self._shared(slot)

    def _shared(self, slot: int) -> Value | None:
        """Returns the value of an input without its own: that of its first inner widget."""
        for ends in self.links.values():
            node = self.nodes.get(ends.target)
            if (ends.origin, ends.origin_slot) != (INPUT, slot) or node is None:
                continue
            for socket in node.get("inputs") or ():
                if socket.get("link") == ends.id and socket.get("widget"):
                    value = self.value_of(self, node, str(socket["widget"]["name"]))
                    if value is not None:
                        return Value(value)
        return None

    def _output(self, slot: int) -> object:
        """Returns the inner link to an output of this instance."""
        ends = (e for e in self.links.values() if (e.target, e.target_slot) == (OUTPUT, slot))
        return next((e.id for e in ends), None)

    def _primitive(self, node: Mapping[str, Any]) -> Value | None:
        value = (node.get("widgets_values") or [None])[0]
        for (node_id, _), shown in self.overrides.items():
            value = shown if node_id == str(node["id"]) else value
        return None if value is None else Value(value)


def root(workflow: Mapping[str, Any], value_of: ValueOf) -> Level:
    """Returns the outermost level of a canvas workflow; unused subgraphs are ignored."""
    return Level(workflow, dict(_definitions(workflow)), value_of)


def _definitions(graph: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for found in (graph.get("definitions") or {}).get("subgraphs") or ():
        if isinstance(found, Mapping) and "id" in found:
            yield str(found["id"]), found
            yield from _definitions(found)


def _passed(node: Mapping[str, Any], slot: int, kind: str) -> object:
    """Returns the link that a bypassed node passes to an output, by the frontend's rule.

    The input at the same position has priority, then one of exactly the wanted type, then any
    that fits.
    """
    inputs, given = node.get("inputs") or [], str(node["outputs"][slot]["type"])
    if not inputs:
        return None
    if kind in ("*", ""):
        return inputs[slot if len(inputs) > slot else 0].get("link")

    def passes(socket: Mapping[str, Any]) -> bool:
        return fits(str(socket["type"]), given) and fits(str(socket["type"]), kind)

    same = [socket for socket in inputs[slot : slot + 1] if passes(socket)]
    exact = [socket for socket in inputs if socket["type"] == kind]
    found = (*same, *exact, *filter(passes, inputs))
    return found[0].get("link") if found else None
