"""A canvas by stages: groups, a note at the top left, and wires that pass under no node."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..api.node import Schema
from ..errors import WorkflowError
from ..graph_node import as_link
from ..registry import Schemas
from ..values import widgets
from .layout import TITLE, NodeBox, drawn_height, size_of
from .stages import Arrangement, CanvasStage, arrangements
from .to_ui import ui_from_api
from .view import saved_view
from .wires import CanvasPoint, Wire, route, socket

__all__ = ["SAYS", "ModelFile", "Staged", "staged_ui"]

_NOTE_WIDTH, _LETTER, _LINE, _PARAGRAPH, _BULLET = 270, 5.0, 16, 7, 20
_SIZES = {
    "SaveImage": (260, 310),
    "PreviewImage": (225, 266),
    "LoadImage": (225, 326),
    "LatentSteer_ImageGrid": (225, 136),
    "LatentSteer_Decode": (225, 106),
}
"""Other sizes than those of wide canvases."""
_NARROW = {"LatentSteer_ReferenceImages": 260, "LatentSteer_TextCondition": 240}
_SLIMMEST, _WIDEST, _TALLEST = 225, 320, 540
"""Widths of nodes, and the longest; previews of a longer one are smaller."""
_SMALLER, _SHORTER = 70, 60
"""By how much previews are smaller, and texts."""
_SAID, _SHOWN = 70, 246
"""Heights in Nodes 2.0 of what a node says after its run, and of the picture of its steps."""
SAYS = frozenset(
    f"LatentSteer_{name}"
    for name in (
        *("BestLatents", "ComposeFuse", "ContrastDirection", "EditByCondition", "EditImage"),
        *("FewShotCondition", "ImageToLatents", "LoadDiffusionPrior", "LoadImageSet"),
        *("LoadPairs", "LoadTranslator", "MoveLatents", "RejectionSample", "SaveTranslator"),
        *("Steer", "TrainTranslator"),
    )
)
"""Nodes of templates that say something after every run; the canvas has room for it."""
_MUTED = 2
_TRIES = 40
"""Arrangements of which the first with ways for all wires is taken."""
_TITLE_LETTER, _BEND = 14, 10.0
"""Width of a letter of a group's title, and half of a bend's."""


@dataclass(frozen=True)
class ModelFile:
    """A public file that a node names; the host offers to download it.

    Attributes:
        name: value of the node's widget.
        url: where it is.
        directory: folder under `models`.
    """

    name: str
    url: str
    directory: str


@dataclass(frozen=True)
class Staged:
    """What a canvas has beyond its graph.

    Attributes:
        title: title of the note.
        notes: Markdown of the note.
        stages: groups, in order, with all nodes.
        muted: API format of nodes to use in place of others; not run, and in no stage.
        beside: id of the node above each muted one.
        models: public files that nodes may name.
    """

    title: str
    notes: str
    stages: Sequence[CanvasStage]
    muted: Mapping[str, Any] = field(default_factory=dict[str, Any])
    beside: Mapping[str, str] = field(default_factory=dict[str, str])
    models: Sequence[ModelFile] = ()


def staged_ui(api: Mapping[str, Any], schemas: Schemas, staged: Staged) -> dict[str, Any]:
    """Converts an API-format graph to a canvas workflow by stages.

    Args:
        api: graph in API format.
        schemas: schemas of the nodes in it.
        staged: groups and notes.

    Raises:
        WorkflowError: a node is unknown or in no stage, or a wire finds no way.
    """
    whole = {**api, **staged.muted}
    left = set(api) - {member for stage in staged.stages for member in stage.members}
    if left:
        raise WorkflowError(f"nodes {sorted(left)} are in no stage")
    sizes = {number: _size(schemas[raw["class_type"]], raw) for number, raw in whole.items()}
    sources = {number: _sources(raw) for number, raw in api.items()}
    more = {n: _grows(schemas[raw["class_type"]], raw, sizes[n][1]) for n, raw in whole.items()}
    room = {number: (width, height + more[number]) for number, (width, height) in sizes.items()}
    stages = [_with_muted(stage, staged.beside) for stage in staged.stages]
    note = _note(staged.notes)
    beside = {muted: [near] for muted, near in staged.beside.items()}
    ways = arrangements(stages, room, {**sources, **beside}, note)
    found, wires = _wired(api, schemas, ways, stages)
    before = {n: box._replace(height=box.height - more[n]) for n, box in found.boxes.items()}
    found = found._replace(boxes=before)
    layout = {number: (box.x, box.y) for number, box in found.boxes.items()}
    canvas = ui_from_api(whole, schemas, title=staged.title, notes=staged.notes, layout=layout)
    for node in canvas["nodes"]:
        noted = node["type"] == "MarkdownNote"
        box = found.note if noted else found.boxes[str(node["id"])]
        node["pos"], node["size"] = [box.x, box.y], [box.width, box.height]
        if str(node["id"]) in staged.muted:
            node["mode"] = _MUTED
        named = [vars(one) for one in staged.models if one.name in node["widgets_values"]]
        if named:
            node["properties"]["models"] = named
    canvas["groups"] = [
        {
            "id": number,
            "title": stage.title,
            "bounding": [frame.x, frame.y, frame.width, frame.height],
            "color": stage.colour,
            "font_size": 24,
            "flags": {},
        }
        for number, (stage, frame) in enumerate(zip(stages, found.frames, strict=True), start=1)
    ]
    canvas["extra"] = {
        "ds": _view(found, list(wires.values())),
        **_reroutes(canvas["links"], wires),
    }
    return canvas


def _size(schema: Schema, raw: Mapping[str, Any]) -> tuple[int, int]:
    title = (raw.get("_meta") or {}).get("title") or schema.display_name or schema.node_id
    if schema.node_id in _SIZES:
        return _SIZES[schema.node_id]
    width, height = size_of(schema, raw["inputs"], title)
    if raw["inputs"].get("preview_every"):
        height -= _SMALLER
    else:
        height -= _SHORTER * sum(bool(getattr(w, "multiline", False)) for w in widgets(schema))
    width = max(_SLIMMEST, min(width, _NARROW.get(schema.node_id, _WIDEST)))
    return width, max(_least(schema), min(height, _TALLEST))


def _least(schema: Schema) -> int:
    return drawn_height(schema, own=schema.node_id.startswith("LatentSteer_"))


def _grows(schema: Schema, raw: Mapping[str, Any], height: float) -> int:
    """Returns how much higher a node of some height is after its run."""
    more = _SAID * (schema.node_id in SAYS) + _SHOWN * bool(raw["inputs"].get("preview_every"))
    return max(0, _least(schema) + more - round(height)) if more else 0


def _sources(raw: Mapping[str, Any]) -> list[str]:
    links = (as_link(value) for value in raw["inputs"].values())
    return [link.node for link in links if link]


def _with_muted(stage: CanvasStage, beside: Mapping[str, str]) -> CanvasStage:
    more = tuple(muted for muted, near in beside.items() if near in stage.members)
    return CanvasStage(stage.title, stage.colour, (*stage.members, *more))


def _note(text: str) -> tuple[int, int]:
    """Returns the size of a note, whose asterisks are not drawn."""
    drawn = [
        (
            _LETTER * len(line.replace("*", "").strip()),
            _NOTE_WIDTH - 40 - _BULLET * (line[0] == "*"),
        )
        for line in text.splitlines()
        if line
    ]
    lines = [math.ceil(width / room) for width, room in drawn]
    return _NOTE_WIDTH, 24 + _LINE * sum(lines) + _PARAGRAPH * len(lines)


def _wired(
    api: Mapping[str, Any],
    schemas: Schemas,
    ways: Sequence[Arrangement],
    stages: Sequence[CanvasStage],
) -> tuple[Arrangement, dict[tuple[str, int, str, str], Wire]]:
    """Returns the first arrangement in which every wire finds a way, with the wires."""
    for found in ways[:_TRIES]:
        titles = [
            NodeBox(frame.x, frame.y + TITLE, _TITLE_LETTER * len(stage.title), 4)
            for stage, frame in zip(stages, found.frames, strict=True)
        ]
        wires = _wires(api, schemas, found, titles)
        if wires is not None:
            return found, wires
    raise WorkflowError("the canvas has no place for all of its wires")


def _wires(
    api: Mapping[str, Any], schemas: Schemas, found: Arrangement, titles: Sequence[NodeBox]
) -> dict[tuple[str, int, str, str], Wire] | None:
    """Returns every wire by its ends; None if one finds no way."""
    wires: dict[tuple[str, int, str, str], Wire] = {}
    used: list[tuple[tuple[str, int], CanvasPoint]] = []
    for number, raw in api.items():
        schema = schemas[raw["class_type"]]
        held = {widget.id for widget in widgets(schema)}
        sockets = [one.id for one in schema.inputs or () if one.id not in held]
        for row, name in enumerate(sockets):
            link = as_link(raw["inputs"].get(name))
            if link is None:
                continue
            start = socket(found.boxes[link.node], link.slot, output=True)
            end = socket(found.boxes[number], row, output=False)
            others = [b for n, b in found.boxes.items() if n not in (link.node, number)]
            boxes: list[NodeBox] = [found.note, *titles, *others]
            # Wires of one output may share their way.
            others_bends = [bend for source, bend in used if source != (link.node, link.slot)]
            ends = (found.boxes[link.node], found.boxes[number])
            wire = route(start, end, boxes, others_bends, ends)
            if wire is None:
                return None
            used += [((link.node, link.slot), bend) for bend in wire.bends]
            wires[link.node, link.slot, number, name] = wire
    return wires


def _reroutes(
    links: Sequence[Sequence[Any]], wires: Mapping[tuple[str, int, str, str], Wire]
) -> dict[str, Any]:
    """Returns the bends of wires as the canvas' reroutes; none for straight wires alone."""
    left = dict(wires)
    reroutes: list[dict[str, Any]] = []
    ends: list[dict[str, Any]] = []
    for number, source, slot, target, _row, _kind in links:
        key = next(k for k in left if k[:3] == (str(source), slot, str(target)))
        bends = left.pop(key).bends
        for place, bend in enumerate(bends):
            one: dict[str, Any] = {"id": len(reroutes) + 1, "pos": list(bend)}
            one["linkIds"] = [number]
            if place:
                one["parentId"] = len(reroutes)
            reroutes.append(one)
        if bends:
            ends.append({"id": number, "parentId": len(reroutes)})
    return {"reroutes": reroutes, "linkExtensions": ends} if reroutes else {}


def _view(found: Arrangement, wires: Sequence[Wire]) -> dict[str, Any]:
    """Returns the view at opening, for the older host; the newer one makes its own."""
    bends = [
        NodeBox(x - _BEND, y - _BEND, 2 * _BEND, 2 * _BEND)
        for wire in wires
        for x, y in wire.bends
    ]
    view = saved_view([found.note, *found.boxes.values()], [*found.frames, *bends])
    return {"scale": round(view.scale, 3), "offset": [round(view.x), round(view.y)]}
