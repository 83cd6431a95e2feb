"""Option `--set NODE.INPUT=VALUE`: changes widgets of a graph from the command line."""

from __future__ import annotations

import copy
import json
from collections.abc import Sequence

from ..standalone.errors import WorkflowError
from ..standalone.graph import Api
from ..standalone.graph_node import as_link, called
from ..standalone.registry import Schemas
from ..standalone.values import listed, parsed, widgets

__all__ = ["apply_settings"]


def apply_settings(api: Api, settings: Sequence[str], schemas: Schemas) -> Api:
    """Returns a copy of a graph with some widgets changed.

    Args:
        api: graph in API format.
        settings: entries "NODE.INPUT=VALUE"; NODE is an id, or a title or type that only one
            node has.
        schemas: nodes known here; values for other nodes are parsed as JSON, else as text.

    Raises:
        WorkflowError: a setting is malformed, or its node or input does not exist.
    """
    changed = copy.deepcopy(api)
    for setting in settings:
        target, equals, text = setting.partition("=")
        name, dot, widget = target.strip().rpartition(".")
        if not (equals and dot and name and widget):
            raise WorkflowError(
                f"--set {setting!r}: expected NODE.INPUT=VALUE, for instance 3.seed=7"
            )
        node_id = _find(changed, name, setting)
        _set(changed, node_id, widget, text, setting, schemas)
    return changed


def _find(api: Api, name: str, setting: str) -> str:
    if name in api:
        return name
    names = {
        node_id: {raw.get("class_type"), (raw.get("_meta") or {}).get("title")}
        for node_id, raw in api.items()
    }
    found = [node_id for node_id, own in names.items() if name in own]
    if len(found) == 1:
        return found[0]
    if found:
        raise WorkflowError(
            f"--set {setting!r}: {len(found)} nodes are called {name!r}; "
            f"use an id: {listed([called(n, api[n]) for n in found])}"
        )
    raise WorkflowError(
        f"--set {setting!r}: there is no node {name!r}; the graph has "
        f"{listed([called(n, raw) for n, raw in api.items()])}"
    )


def _set(api: Api, node_id: str, name: str, text: str, setting: str, schemas: Schemas) -> None:
    raw = api[node_id]
    inputs = raw.setdefault("inputs", {})
    schema = schemas.get(raw.get("class_type", ""))
    if schema is None:
        _set_unknown(raw, node_id, name, text, setting)
        return
    known = {widget.id: widget for widget in widgets(schema)}
    if name not in known:
        sockets = [socket.id for socket in schema.inputs or ()]
        what = "is a socket, not a widget" if name in sockets else "is not there"
        raise WorkflowError(
            f"--set {setting!r}: input {name!r} of {called(node_id, raw)} {what}; "
            f"its widgets are {listed(known)}"
        )
    try:
        inputs[name] = parsed(known[name], text)
    except ValueError as error:
        raise WorkflowError(f"--set {setting!r}: {error}") from error


def _set_unknown(raw: dict[str, object], node_id: str, name: str, text: str, setting: str) -> None:
    inputs = raw["inputs"]
    assert isinstance(inputs, dict)
    there = [key for key, value in inputs.items() if as_link(value) is None]
    if name not in there:
        raise WorkflowError(
            f"--set {setting!r}: {called(node_id, raw)} has no value {name!r}; it has "
            f"{listed(there)}"
        )
    try:
        inputs[name] = text if isinstance(inputs[name], str) else json.loads(text)
    except ValueError:
        inputs[name] = text
