"""Converts API format to canvas format."""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping, Sequence
from typing import Any

from ..api.node import Schema
from ..errors import WorkflowError
from ..graph import Api
from ..graph_node import as_link, called
from ..registry import Schemas
from ..values import default_of, has_control, has_upload, listed, widgets
from ..version import version
from . import layout as canvas
from .widget_values import UPLOAD

__all__ = ["ui_from_api"]

_CORE_NODES = (
    *("LoadImage", "SaveImage", "PreviewImage", "PreviewAny"),
    *("ImageScaleBy", "UpscaleModelLoader", "ImageUpscaleWithModel"),
)
_CORE = {"cnr_id": "comfy-core", "ver": "0.3.64"}
_OPTIONAL_SHAPE = 7
_SCALE, _MARGIN = 0.6, (140, 220)
"""Scale and margins of the initial view; the margins are in canvas units."""


def ui_from_api(
    api: Mapping[str, Any],
    schemas: Schemas,
    *,
    title: str,
    notes: str,
    layout: Mapping[str, tuple[float, float]] | None = None,
    groups: Mapping[str, Sequence[str]] | None = None,
) -> dict[str, Any]:
    """Converts an API-format graph to a canvas workflow (version 0.4).

    `api_from_ui` returns the same graph if it names every widget; omitted ones get their default,
    since a widget on the canvas always has a value.

    Args:
        api: graph in API format.
        schemas: schemas of the nodes in it.
        title: title of the note.
        notes: Markdown of the note below the first nodes; no note if empty.
        layout: positions of some nodes; the others are placed in columns.
        groups: group title to the ids of the nodes in its frame.

    Raises:
        WorkflowError: a node or an input is unknown.
    """
    maker = _Maker(api, schemas)
    boxes = maker.boxes(layout or {})
    nodes = [maker.node(node_id, order, boxes) for order, node_id in enumerate(api)]
    numbers = [node["id"] for node in nodes if isinstance(node["id"], int)]
    last = max(numbers, default=0)
    if notes:
        last += 1
        nodes.insert(0, _note(last, title, notes, boxes))
    frames = [
        {"id": index, "title": name, "bounding": canvas.around([boxes[m] for m in members])}
        for index, (name, members) in enumerate((groups or {}).items(), start=1)
    ]
    seed = json.dumps([title, api], sort_keys=True)
    return {
        "id": str(uuid.uuid5(uuid.NAMESPACE_URL, seed)),
        "revision": 0,
        "last_node_id": last,
        "last_link_id": len(maker.links),
        "nodes": nodes,
        "links": maker.links,
        "groups": [
            {**frame, "color": "#3f789e", "font_size": 24, "flags": {}} for frame in frames
        ],
        "config": {},
        "extra": {"ds": _view(boxes)},
        "version": 0.4,
    }


class _Maker:
    """Builds the nodes, with links numbered across the graph."""

    def __init__(self, api: Mapping[str, Any], schemas: Schemas) -> None:
        self.api: Api = {n: {**raw, "inputs": raw.get("inputs", {})} for n, raw in api.items()}
        self.schemas: dict[str, Schema] = {}
        for node_id, raw in self.api.items():
            if raw["class_type"] not in schemas:
                raise WorkflowError(
                    f"{called(node_id, raw)}: no such node; known: {listed(schemas)}"
                )
            self.schemas[node_id] = schemas[raw["class_type"]]
        self.links: list[list[Any]] = []
        self.sockets = {node_id: self._sockets(node_id) for node_id in self.api}

    def boxes(self, layout: Mapping[str, tuple[float, float]]) -> dict[str, canvas.NodeBox]:
        sizes = {
            node_id: canvas.size_of(self.schemas[node_id], raw["inputs"], self._title(node_id))
            for node_id, raw in self.api.items()
        }
        boxes = canvas.place(sizes, {node_id: self._sources(node_id) for node_id in self.api})
        fixed = {
            node_id: canvas.NodeBox(*layout[node_id], *sizes[node_id])
            for node_id in self.api
            if node_id in layout
        }
        return boxes | fixed

    def node(
        self, node_id: str, order: int, boxes: Mapping[str, canvas.NodeBox]
    ) -> dict[str, Any]:
        raw, schema, box = self.api[node_id], self.schemas[node_id], boxes[node_id]
        core = schema.node_id in _CORE_NODES
        source = _CORE if core else {"cnr_id": "latentsteer", "ver": version()}
        node: dict[str, Any] = {
            "id": _id(node_id),
            "type": schema.node_id,
            "pos": [box.x, box.y],
            "size": [box.width, box.height],
            "flags": {},
            "order": order,
            "mode": 0,
            "inputs": self.sockets[node_id],
            "outputs": [
                {
                    "name": output.display_name or output.io_type,
                    "type": output.io_type,
                    "links": self._links_from(node_id, slot) or None,
                }
                for slot, output in enumerate(schema.outputs or ())
            ],
            "properties": {**source, "Node name for S&R": schema.node_id},
            "widgets_values": self._values(node_id),
        }
        if title := (raw.get("_meta") or {}).get("title"):
            node["title"] = title
        return node

    def _title(self, node_id: str) -> str:
        schema, meta = self.schemas[node_id], self.api[node_id].get("_meta") or {}
        return meta.get("title") or schema.display_name or schema.node_id

    def _sources(self, node_id: str) -> list[str]:
        links = (as_link(value) for value in self.api[node_id]["inputs"].values())
        return [link.node for link in links if link]

    def _sockets(self, node_id: str) -> list[dict[str, Any]]:
        schema, inputs = self.schemas[node_id], self.api[node_id]["inputs"]
        if unknown := sorted(set(inputs) - {socket.id for socket in schema.inputs or ()}):
            raise WorkflowError(
                f"{called(node_id, self.api[node_id])}: no such inputs: {listed(unknown)}; "
                f"it has {listed([socket.id for socket in schema.inputs or ()])}"
            )
        own = {widget.id for widget in widgets(schema)}
        sockets: list[dict[str, Any]] = []
        for socket in schema.inputs or ():
            link = as_link(inputs.get(socket.id))
            if link is None and socket.id in own:
                continue
            kind = socket.get_io_type()
            entry: dict[str, Any] = {"name": socket.id, "type": kind, "link": None}
            if socket.optional:
                entry["shape"] = _OPTIONAL_SHAPE
            if socket.id in own:
                entry["widget"] = {"name": socket.id}
            if link is not None:
                entry["link"] = len(self.links) + 1
                ends = [_id(link.node), link.slot, _id(node_id), len(sockets)]
                self.links.append([entry["link"], *ends, self._kind_of(link.node, link.slot)])
            sockets.append(entry)
        return sockets

    def _kind_of(self, node_id: str, slot: int) -> str:
        if node_id not in self.api:
            raise WorkflowError(f"a link leads to node {node_id!r}, which does not exist")
        outputs = self.schemas[node_id].outputs if node_id in self.schemas else None
        if not outputs or not 0 <= slot < len(outputs):
            raise WorkflowError(f"{called(node_id, self.api[node_id])} has no output {slot}")
        return outputs[slot].io_type

    def _links_from(self, node_id: str, slot: int) -> list[int]:
        return [link[0] for link in self.links if link[1] == _id(node_id) and link[2] == slot]

    def _values(self, node_id: str) -> list[object]:
        inputs, values = self.api[node_id]["inputs"], []
        for widget in widgets(self.schemas[node_id]):
            value = inputs.get(widget.id)
            if widget.id not in inputs or as_link(value) is not None:
                value = default_of(widget)
            values.append(value["__value__"] if isinstance(value, dict) else value)
            if has_control(widget):
                values.append("fixed")
            if has_upload(widget):
                values.append(UPLOAD)
        return values


def _id(node_id: str) -> int | str:
    return int(node_id) if node_id.isdecimal() and str(int(node_id)) == node_id else node_id


def _view(boxes: Mapping[str, canvas.NodeBox]) -> dict[str, Any]:
    """Initial view of the canvas: the top left, at a legible scale."""
    left = min((box.x for box in boxes.values()), default=0)
    top = min((box.y for box in boxes.values()), default=0)
    return {"scale": _SCALE, "offset": [_MARGIN[0] - left, _MARGIN[1] - top]}


def _note(
    number: int, title: str, text: str, boxes: Mapping[str, canvas.NodeBox]
) -> dict[str, Any]:
    box = canvas.note_box(text, list(boxes.values()))
    return {
        "id": number,
        "type": "MarkdownNote",
        "pos": [box.x, box.y],
        "size": [box.width, box.height],
        "flags": {},
        "order": 0,
        "mode": 0,
        "inputs": [],
        "outputs": [],
        "title": title,
        "properties": {},
        "widgets_values": [text],
        "color": "#432",
        "bgcolor": "#653",
    }
