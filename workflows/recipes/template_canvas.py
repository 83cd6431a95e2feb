"""The canvas of a template: its note, written from the graph, and its stages."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ...nodes.standalone.canvas.staged import Staged, staged_ui
from ...nodes.standalone.canvas.stages import CanvasStage
from ...nodes.standalone.values import widgets
from .files import FILES, FOLDERS
from .graph import GraphBuilder, Recipe, schemas
from .template import ASKED, COLOURS, GIVEN, MODELS, RESULT, STEER, TASK, Template

__all__ = ["SECONDS", "seconds_of", "template_canvas", "template_note"]

SECONDS = Path(__file__).with_name("seconds.json")
"""Processor seconds of the run behind each template's picture, see `write --thumbnails`."""
_BY_CATEGORY: Mapping[str, str] = {
    "LatentSteer/load": MODELS,
    "LatentSteer/condition": ASKED,
    "LatentSteer/energy": ASKED,
    "LatentSteer/train": STEER,
    "LatentSteer/tasks": TASK,
    "LatentSteer/initialise": STEER,
    "LatentSteer/refine": STEER,
    "LatentSteer/latents": STEER,
    "mask": GIVEN,
}
_BY_KIND: Mapping[str, str] = {
    "LatentSteer_ReferenceImages": GIVEN,
    "LatentSteer_LoadImageSet": GIVEN,
    "LatentSteer_Decode": RESULT,
    "LoadImage": GIVEN,
}
_FEW, _MINUTE = 10, 60


def template_canvas(recipe: Recipe) -> dict[str, Any]:
    """Returns the canvas of a template.

    Raises:
        ValueError: its row names a node or a widget that the graph does not have.
    """
    template = _template(recipe)
    muted = _muted(recipe, template)
    ids = {node["_meta"]["title"]: number for number, node in recipe.api.items()}
    beside = {number: ids[own.instead] for number, own in zip(muted, template.own, strict=True)}
    staged = Staged(
        template.name, template_note(recipe), _stages(recipe), muted, beside, template.models
    )
    return staged_ui(recipe.api, schemas(), staged)


def template_note(recipe: Recipe) -> str:
    """Returns the note of a template: a few lines, whose names are those of its graph.

    Raises:
        ValueError: its row names a node or a widget that the graph does not have.
    """
    template = _template(recipe)
    titles = {node["_meta"]["title"]: node["class_type"] for node in recipe.api.values()}
    lines = [template.does, ""]
    for where, what in template.change:
        title, _, widget = where.partition(".")
        if title not in titles:
            raise ValueError(f"{recipe.id} has no node {title!r}; it has {sorted(titles)}")
        named = f"**{title}**"
        if widget:
            known = {
                one.id: one.display_name or one.id for one in widgets(schemas()[titles[title]])
            }
            if widget not in known:
                raise ValueError(f"{title!r} has no widget {widget!r}; it has {sorted(known)}")
            named = f"*{known[widget]}* of {named}"
        lines.append(f"* {named}: {what}")
    for own in template.own:
        if own.instead not in titles:
            raise ValueError(f"{recipe.id} has no node {own.instead!r}")
        lines.append(
            f"* Your own: unmute **{own.title}** (Ctrl+M), and connect it in place of "
            f"**{own.instead}**."
        )
    for file in recipe.files:
        folder = FOLDERS.get(file, "latentsteer_aux")
        lines.append(f"* Needs `{file}` in `models/{folder}`: {FILES[file]}.")
    seconds = seconds_of(recipe.id)
    if seconds is not None:
        lines.append(f"* Takes {_duration(seconds)} on a laptop's processor.")
    return "\n".join(lines)


def seconds_of(name: str) -> float | None:
    """Returns the processor seconds of a template's run; None for one that was never run."""
    found = json.loads(SECONDS.read_text("utf-8")).get(name)
    return None if found is None else float(found)


def _duration(seconds: float) -> str:
    if seconds < _FEW:
        return "a few seconds"
    if seconds < _MINUTE:
        return f"about {10 * round(seconds / 10)} seconds"
    minutes = round(seconds / _MINUTE)
    return "about a minute" if minutes == 1 else f"about {minutes} minutes"


def _template(recipe: Recipe) -> Template:
    if recipe.template is None:
        raise ValueError(f"{recipe.id} is no template")
    return recipe.template


def _muted(recipe: Recipe, template: Template) -> dict[str, Any]:
    """Returns the nodes for the user's own pictures, by ids after those of the graph."""
    graph = GraphBuilder(api=dict(recipe.api))
    for own in template.own:
        graph.add(own.kind, own.title, **own.inputs)
    return {number: node for number, node in graph.api.items() if number not in recipe.api}


def _stages(recipe: Recipe) -> list[CanvasStage]:
    template = _template(recipe)
    members: dict[str, list[str]] = {title: [] for title in COLOURS}
    titles = {node["_meta"]["title"] for node in recipe.api.values()}
    if unknown := set(template.stages) - titles:
        raise ValueError(f"{recipe.id} has no nodes {sorted(unknown)}; it has {sorted(titles)}")
    for number, node in recipe.api.items():
        kind, title = node["class_type"], node["_meta"]["title"]
        usual = _BY_CATEGORY.get(schemas()[kind].category or "", RESULT)
        stage = template.stages.get(title, _BY_KIND.get(kind, usual))
        members[stage].append(number)
    return [
        CanvasStage(title, COLOURS[title], tuple(own)) for title, own in members.items() if own
    ]
