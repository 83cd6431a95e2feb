"""Workflows between the canvas' format and API format."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from .errors import WorkflowError
from .graph import Api
from .registry import Schemas
from .schema_node import Schema
from .to_ui import CONTROLS, UPLOAD, ui_from_api
from .values import default_of, has_control, has_upload, listed, widgets

__all__ = ["api_from_ui", "ui_from_api"]

_NOTES = ("Note", "MarkdownNote")
_VIRTUAL = ("Reroute", "PrimitiveNode")
_MUTED, _BYPASSED = 2, 4


def api_from_ui(ui_workflow: Mapping[str, Any], schemas: Schemas) -> Api:
    """The API-format graph of a canvas workflow, as the canvas itself would send it.

    Notes and muted nodes fall away, reroutes and bypassed nodes are passed through, the values of
    primitive nodes are written where they lead.

    Args:
        ui_workflow: the workflow as File > Save writes it.
        schemas: the schemas of the nodes in it.

    Raises:
        WorkflowError: a node is unknown, or has more values than widgets; or the workflow has
            subgraphs, or is damaged.
    """
    try:
        canvas = _Canvas(ui_workflow)
        return {
            str(node["id"]): _api_node(node, canvas, schemas)
            for node in canvas.nodes.values()
            if node["type"] not in (*_NOTES, *_VIRTUAL)
            and node.get("mode", 0) not in (_MUTED, _BYPASSED)
        }
    except (AttributeError, IndexError, KeyError, TypeError) as error:
        raise WorkflowError(
            f"the workflow is damaged ({type(error).__name__}: {error}); save it anew from ComfyUI"
        ) from error


class _Value(NamedTuple):
    value: object


class _Canvas:
    """The nodes and links of a canvas workflow."""

    def __init__(self, workflow: Mapping[str, Any]) -> None:
        if (workflow.get("definitions") or {}).get("subgraphs"):
            raise WorkflowError(
                "the workflow has subgraphs, which are not read here; save it from ComfyUI with "
                "File > Export (API), or unpack them"
            )
        self.nodes: dict[object, dict[str, Any]] = {n["id"]: n for n in workflow["nodes"]}
        self.links: dict[object, tuple[object, int]] = {}
        for link in workflow.get("links") or ():
            if isinstance(link, Mapping):
                self.links[link["id"]] = (link["origin_id"], link["origin_slot"])
            else:
                self.links[link[0]] = (link[1], link[2])

    def source(self, link: object) -> list[object] | _Value | None:
        """Where a link comes from, past all nodes that are not executed; None if from nowhere."""
        for _ in range(len(self.links) + 1):
            if link not in self.links:
                return None
            origin, slot = self.links[link]
            node = self.nodes.get(origin)
            if node is None or node.get("mode", 0) == _MUTED:
                return None
            if node["type"] == "PrimitiveNode":
                return _Value((node.get("widgets_values") or [None])[0])
            if node["type"] == "Reroute":
                link = node["inputs"][0].get("link")
            elif node.get("mode", 0) == _BYPASSED:
                link = _passed(node, slot)
            else:
                return [str(origin), slot]
        raise WorkflowError("the workflow's reroutes or bypassed nodes run in a circle")


def _passed(node: Mapping[str, Any], slot: int) -> object:
    """The link that a bypassed node hands on at an output: same place first, then same type."""
    inputs, kind = node.get("inputs") or [], node["outputs"][slot]["type"]
    for candidate in (*inputs[slot : slot + 1], *inputs):
        if candidate["type"] == kind:
            return candidate.get("link")
    return None


def _api_node(node: Mapping[str, Any], canvas: _Canvas, schemas: Schemas) -> dict[str, Any]:
    kind = node["type"]
    if kind not in schemas:
        raise WorkflowError(
            f"node {node['id']} is a {kind!r}, whose widgets are not known here, so the workflow "
            "cannot be turned into API format; save it from ComfyUI with File > Export (API). "
            f"Known are {listed(schemas)}"
        )
    values = _widget_values(node, schemas[kind])
    inputs: dict[str, Any] = {
        name: {"__value__": value} if isinstance(value, list) else value
        for name, value in values.items()
    }
    for socket in node.get("inputs") or ():
        source = canvas.source(socket.get("link"))
        name = (socket.get("widget") or {}).get("name", socket["name"])
        if source is not None:
            inputs[name] = source.value if isinstance(source, _Value) else source
    result: dict[str, Any] = {"class_type": kind, "inputs": inputs}
    if node.get("title"):
        result["_meta"] = {"title": node["title"]}
    return result


def _widget_values(node: Mapping[str, Any], schema: Schema) -> dict[str, object]:
    given, shown = node.get("widgets_values") or [], widgets(schema)
    if isinstance(given, Mapping):
        return {w.id: given.get(w.id, default_of(w)) for w in shown}
    left: list[object] = list(given)
    # Without more values than widgets there is none behind a seed; "fixed" may then be a value.
    extras = len(left) > len(shown)
    values: dict[str, object] = {}
    for widget in shown:
        values[widget.id] = left.pop(0) if left else default_of(widget)
        if extras and left and has_control(widget) and left[0] in CONTROLS:
            left.pop(0)
        if extras and left and has_upload(widget) and left[0] == UPLOAD:
            left.pop(0)
    if left:
        raise WorkflowError(
            f"node {node['id']} ({node['type']}) has {len(given)} widget values, {left} too many "
            f"for its widgets {listed([w.id for w in shown])}; it was made with another version "
            "of the node: open the workflow in ComfyUI, mend the node and save it again"
        )
    return values
