"""Texts of the nodes for the host's translation: `locales/<language>/`.

The host merges these files into its own texts and shows them on the canvas. English is generated
from the schemas: without it, the canvas shows the ids of inputs in place of their display names.
French is written by hand: of the languages that both hosts offer, since their frontends ignore
those that they do not ship.
"""

from __future__ import annotations

import json
from pathlib import Path

from .standalone.api.node import Schema
from .standalone.registry import Nodes

__all__ = ["LOCALES", "english", "english_files", "texts_by_place"]

LOCALES = Path(__file__).resolve().parents[1] / "locales"
"""The folder that the host reads."""


def english(nodes: Nodes) -> dict[str, dict[str, object]]:
    """Returns the content of the English `nodeDefs.json`: the texts of every node, by its id."""
    return {
        name: _texts(node.schema())
        for name, node in sorted(nodes.items())
        if name.startswith("LatentSteer_")
    }


def english_files(nodes: Nodes) -> dict[Path, str]:
    """Returns the generated files, by path."""
    own = [node.schema() for name, node in nodes.items() if name.startswith("LatentSteer_")]
    parts = {part for schema in own for part in schema.category.split("/")[1:]}
    contents = {
        "main.json": {"nodeCategories": {part: part for part in sorted(parts)}},
        "nodeDefs.json": english(nodes),
    }
    return {
        LOCALES / "en" / name: json.dumps(content, indent=1, ensure_ascii=False) + "\n"
        for name, content in contents.items()
    }


def texts_by_place(texts: object, at: str = "") -> dict[str, str]:
    """Returns the texts of nested objects by their place, such as `Node.inputs.seed.tooltip`."""
    if isinstance(texts, dict):
        inner = [
            texts_by_place(value, f"{at}.{key}" if at else str(key))
            for key, value in texts.items()
        ]
        return {place: text for one in inner for place, text in one.items()}
    return {at: str(texts)}


def _texts(schema: Schema) -> dict[str, object]:
    inputs = {
        entry.id: {"name": entry.display_name or entry.id, "tooltip": entry.tooltip}
        for entry in schema.inputs or ()
    }
    outputs = {
        str(place): {"name": entry.display_name or entry.id, "tooltip": entry.tooltip}
        for place, entry in enumerate(schema.outputs or ())
    }
    return {
        "display_name": schema.display_name,
        "description": schema.description,
        "inputs": inputs,
        "outputs": outputs,
    }
