"""Parses and validates one node of an API-format workflow."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, NamedTuple, cast

from ...core.errors import SteerError
from .api.io import Input, WidgetInput
from .api.node import ComfyNode, Schema, overrides
from .registry import Schemas
from .values import checked, coerced, fits, listed

__all__ = ["Link", "Node", "NodeParser", "as_link", "called"]

_FRONTENDS = (
    "upload",
    "choose file to upload",
    "preview_markdown",
    "preview_text",
    "preview_mode",
)
"""Inputs that frontends send for their own buttons and previews."""


class Link(NamedTuple):
    """A link to another node's output, as the value of an input."""

    node: str
    slot: int


@dataclass(frozen=True)
class Node:
    """A node of a validated graph.

    Attributes:
        id: id in the graph.
        called: display name in messages.
        type: node class.
        schema: schema at the time of validation.
        values: widget values, in their own types.
        links: sources of its other inputs.
    """

    id: str
    called: str
    type: type[ComfyNode]
    schema: Schema
    values: dict[str, object]
    links: dict[str, Link]


def called(node_id: str, node: Mapping[str, Any]) -> str:
    """Returns a node's display name: id, type, and title if it differs."""
    kind, title = node.get("class_type"), (node.get("_meta") or {}).get("title")
    return f"node {node_id} ({kind}{f', {title!r}' if title and title != kind else ''})"


def as_link(value: object) -> Link | None:
    """Parses a value of an API graph as a link, or returns None."""
    if isinstance(value, list) and len(value) == 2:
        node, index = value
        if isinstance(node, str) and isinstance(index, int) and not isinstance(index, bool):
            return Link(node, index)
    return None


class NodeParser:
    """Validates one node and collects its problems."""

    def __init__(
        self, node_id: str, api: Mapping[str, Any], node: type[ComfyNode], schemas: Schemas
    ) -> None:
        self.id, self.api, self.node, self.schemas = node_id, api, node, schemas
        self.raw = api[node_id]
        self.schema = schemas[self.raw["class_type"]]
        self.called = called(node_id, self.raw)
        self.sockets = {socket.id: socket for socket in self.schema.inputs or ()}
        self.problems: list[str] = []
        self.notes: list[str] = []
        self.values: dict[str, object] = {}
        self.links: dict[str, Link] = {}

    def parse(self, *, required: bool) -> Node:
        """Returns the node; errors go to `problems`, ignored parts to `notes`.

        Args:
            required: whether missing required inputs are problems.
        """
        own = _validator_inputs(self.node, self.sockets)
        for name, value in self.raw.get("inputs", {}).items():
            self._input(name, value, own)
        self._missing(required=required)
        if own and not self.problems:
            self._validate_inputs(own)
        return Node(self.id, self.called, self.node, self.schema, self.values, self.links)

    def _problem(self, name: str, text: str) -> None:
        self.problems.append(f"{self.called}, input {name!r}: {text}")

    def _input(self, name: str, value: object, own: frozenset[str]) -> None:
        if name not in self.sockets:
            there = f"it has {', '.join(self.sockets) or 'no inputs'}"
            close = get_close_matches(name, self.sockets, n=1)
            hint = f"{there}; did you mean {close[0]!r}?" if close else there
            if name not in _FRONTENDS:
                self.notes.append(f"{self.called} has no input {name!r}, so it is ignored; {hint}")
            return
        socket = self.sockets[name]
        if isinstance(value, list):
            self._link(socket, cast("list[object]", value))
        elif not isinstance(socket, WidgetInput) or socket.force_input:
            self._problem(
                name,
                f'got the value {value!r}, expected a link ["node id", output index] '
                f"of type {socket.get_io_type()}",
            )
        else:
            self._value(socket, value, decided=name in own)

    def _value(self, socket: WidgetInput[Any], value: object, *, decided: bool) -> None:
        if isinstance(value, dict) and "__value__" in value:
            value = cast("dict[str, object]", value)["__value__"]
        try:
            value = coerced(socket, value)
            # A node overrides the check of texts only, for instance for files not listed.
            decided = decided and isinstance(value, str)
            self.values[socket.id] = value if decided else checked(socket, value)
        except ValueError as error:
            self._problem(socket.id, str(error))

    def _link(self, socket: Input, value: list[object]) -> None:
        link = as_link(value)
        if link is None:
            self._problem(socket.id, f'{value} is not a link; a link is ["node id", output index]')
            return
        if isinstance(socket, WidgetInput) and socket.socketless:
            self._problem(socket.id, f"got the link {value}; this widget takes no links")
            return
        if link.node not in self.api:
            there = listed([called(n, raw) for n, raw in self.api.items()])
            self._problem(
                socket.id,
                f"linked to node {link.node!r}, which does not exist; the nodes are {there}",
            )
            return
        source = self.api[link.node]
        outputs = self.schemas[source["class_type"]].outputs or []
        origin = called(link.node, source)
        if not 0 <= link.slot < len(outputs):
            names = ", ".join(f"{i}: {o.display_name or o.id}" for i, o in enumerate(outputs))
            self._problem(
                socket.id,
                f"linked to output {link.slot} of {origin}, which has {names or 'none'}",
            )
            return
        given, wanted = outputs[link.slot].io_type, socket.get_io_type()
        if not fits(given, wanted):
            self._problem(
                socket.id, f"got {given} from output {link.slot} of {origin}, expected {wanted}"
            )
            return
        self.links[socket.id] = link

    def _missing(self, *, required: bool) -> None:
        """Fills in defaults, and reports required inputs that are missing."""
        given = self.raw.get("inputs", {})
        for name, socket in self.sockets.items():
            default = getattr(socket, "default", None)
            if name in given:
                continue
            if socket.optional and default is not None:
                self.values[name] = default
            elif required and not socket.optional:
                cure = (
                    f"link an output of type {socket.get_io_type()} to it"
                    if default is None
                    else f"its default is {default!r}"
                )
                self._problem(name, f"it is required, but the graph does not set it; {cure}")

    def _validate_inputs(self, own: frozenset[str]) -> None:
        arguments = {
            name: self.values.get(name)
            for name in self.sockets
            if name in own and (name in self.values or name in self.links)
        }
        try:
            answer: object = self.node.validate_inputs(**arguments)
        except (SteerError, OSError, ValueError) as error:  # impossible file names
            answer = str(error)
        if answer is not True:
            reason = (
                answer if isinstance(answer, str) and answer else "the node refused its inputs"
            )
            self.problems.append(f"{self.called}: {reason}")


def _validator_inputs(node: type[ComfyNode], sockets: Mapping[str, Input]) -> frozenset[str]:
    """Returns the inputs named by a node's validate_inputs, which it validates itself."""
    if not overrides(node, "validate_inputs"):
        return frozenset()
    parameters = inspect.signature(node.validate_inputs).parameters
    if any(p.kind is inspect.Parameter.VAR_KEYWORD for p in parameters.values()):
        return frozenset(sockets)
    return frozenset(parameters)
