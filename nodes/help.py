"""The help pages of the nodes, `web/docs/<node>.md`: from their schemas and their texts."""

from __future__ import annotations

from pathlib import Path

from .help_texts import TEXTS
from .standalone.api.node import Schema
from .standalone.registry import Nodes
from .standalone.values import default_of, widgets

__all__ = ["FOLDER", "TEXTS", "page", "pages"]

FOLDER = Path(__file__).resolve().parents[1] / "web" / "docs"


def pages(nodes: Nodes) -> dict[str, str]:
    """The text of every page, by file name."""
    return {
        f"{name}.md": page(node.schema())
        for name, node in nodes.items()
        if name.startswith("LatentSteer_")
    }


def page(schema: Schema) -> str:
    """One node's page."""
    about, example = TEXTS[schema.node_id.removeprefix("LatentSteer_")]
    own = {widget.id: widget for widget in widgets(schema)}
    rows = ["| input | default | what it is |", "| --- | --- | --- |"]
    for entry in schema.inputs or ():
        value = f"`{default_of(own[entry.id])}`" if entry.id in own else ""
        if entry.id not in own and entry.optional:
            value = "optional"
        name = entry.display_name or entry.id
        rows.append(f"| **{name}** | {value} | {_cell(entry.tooltip)} |")
    outputs = [
        f"- **{output.display_name or output.id}**: {output.tooltip}"
        for output in schema.outputs or ()
    ]
    parts = [
        f"# {schema.display_name}",
        schema.description,
        about,
        "\n".join(["## Inputs", "", *rows]),
        "\n".join(["## Outputs", "", *outputs]),
        f"## Example\n\n{example}",
    ]
    return "\n\n".join(parts) + "\n"


def _cell(text: str | None) -> str:
    return (text or "").replace("|", "\\|")
