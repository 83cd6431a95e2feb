"""Converts workflows between canvas format and API format."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ..api.node import Schema
from ..errors import WorkflowError
from ..graph import Api
from ..registry import Schemas
from ..values import listed
from .graph import Level, Value, root
from .to_ui import ui_from_api
from .widget_values import WidgetValues, widget_values

__all__ = ["api_from_ui", "ui_from_api"]


def api_from_ui(
    ui_workflow: Mapping[str, Any],
    schemas: Schemas,
    warn: Callable[[str], None] = lambda text: None,
) -> Api:
    """Converts a canvas workflow to API format, as the canvas itself would.

    Notes and muted nodes are dropped, reroutes and bypassed nodes are passed through, values of
    primitive nodes are written to their targets, and subgraphs are replaced by their nodes.

    Args:
        ui_workflow: workflow as written by File > Save.
        schemas: schemas of the nodes in it.
        warn: called with a message about values that belong to no widget and are dropped.

    Raises:
        WorkflowError: a node is unknown, or the workflow is damaged.
    """

    def value_of(level: Level, node: Mapping[str, Any], name: str) -> object:
        known = node["type"] in schemas
        return _shown(level, node, schemas[node["type"]])[0].get(name) if known else None

    try:
        return {
            level.id_of(node): _api_node(level, node, schemas, warn)
            for level, node in root(ui_workflow, value_of).executed()
        }
    except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
        raise WorkflowError(
            f"the workflow is damaged ({type(error).__name__}: {error}); save it again in ComfyUI"
        ) from error


def _api_node(
    level: Level, node: Mapping[str, Any], schemas: Schemas, warn: Callable[[str], None]
) -> dict[str, Any]:
    kind, called = node["type"], f"node {level.id_of(node)}"
    if kind not in schemas:
        raise WorkflowError(
            f"{called} is a {kind!r}, whose widgets are unknown here, so the workflow "
            "cannot be converted to API format; save it from ComfyUI with File > Export (API). "
            f"Known: {listed(schemas)}"
        )
    values, left = _shown(level, node, schemas[kind])
    if left:
        warn(
            f"{called} ({kind}) has values that match none of its widgets here: {listed(left)}; "
            "they are ignored. It was made with another version of the node"
        )
    inputs = {name: _wrapped(value) for name, value in values.items()}
    for socket in node.get("inputs") or ():
        source = level.source(socket)
        name = (socket.get("widget") or {}).get("name", socket["name"])
        if source is not None:
            inputs[name] = _wrapped(source.value) if isinstance(source, Value) else source
    result: dict[str, Any] = {"class_type": kind, "inputs": inputs}
    if node.get("title"):
        result["_meta"] = {"title": node["title"]}
    return result


def _shown(level: Level, node: Mapping[str, Any], schema: Schema) -> WidgetValues:
    """Returns a node's widget values, including overrides of an enclosing subgraph instance."""
    values, left = widget_values(node, schema)
    own = {name: v for (n, name), v in level.overrides.items() if n == str(node["id"])}
    return WidgetValues(values | {n: v for n, v in own.items() if n in values}, left)


def _wrapped(value: object) -> object:
    """Wraps lists, because a bare list is a link."""
    return {"__value__": value} if isinstance(value, list) else value
