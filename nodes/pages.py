"""Generated documentation of the nodes: `web/docs/<node>.md` and `docs/nodes.md`."""

from __future__ import annotations

from pathlib import Path

from .help import Help
from .standalone.api.node import ComfyNode, Schema
from .standalone.registry import Nodes
from .standalone.values import default_of, widgets

__all__ = ["FOLDER", "OVERVIEW", "generated", "help_of", "overview", "page", "pages"]

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / "web" / "docs"
"""The help pages, which the host shows next to a node."""
OVERVIEW = ROOT / "docs" / "nodes.md"
"""The table of all nodes."""
HEAD = """\
# Nodes

This page is generated from the nodes' schemas by `make workflows`. Each name links to the node's
help page, which the canvas also shows: every input with its default and its range, and an example.

A graph loads a generator and an auxiliary model, states a condition and an energy, initialises
latents, refines them and decodes them; the [README](../README.md) has an example. Energies add by
chaining: each takes an optional energy and outputs the sum. The column of inputs lists sockets
first, optional ones in *italics*, then `widgets` without the advanced ones.
"""


def help_of(node: type[ComfyNode]) -> Help:
    """Returns the help of a node of this package.

    Raises:
        TypeError: its class has none.
    """
    found = getattr(node, "HELP", None)
    if not isinstance(found, Help):
        raise TypeError(f"{node.__name__} has no help; give its class HELP = Help(about, example)")
    return found


def generated(nodes: Nodes) -> dict[Path, str]:
    """Returns every generated page of the nodes, by path."""
    return {
        OVERVIEW: overview(nodes),
        **{FOLDER / name: text for name, text in pages(nodes).items()},
    }


def pages(nodes: Nodes) -> dict[str, str]:
    """The text of every help page, by file name."""
    return {f"{name}.md": page(node) for name, node in _ours(nodes).items()}


def page(node: type[ComfyNode]) -> str:
    """The help page of one node."""
    schema, text = node.schema(), help_of(node)
    own = {widget.id: widget for widget in widgets(schema)}
    rows = ["| input | default | what it is |", "| --- | --- | --- |"]
    for entry in schema.inputs or ():
        if entry.id in own:
            value = _shown(default_of(own[entry.id]))
        else:
            value = "optional" if entry.optional else ""
        api = f" (`{entry.id}` in the API)" if _name(entry) != entry.id else ""
        rows.append(f"| **{_name(entry)}**{api} | {value} | {_cell(entry.tooltip)} |")
    outputs = [
        f"- **{output.display_name or output.id}**: {output.tooltip}"
        for output in schema.outputs or ()
    ]
    parts = [
        f"# {schema.display_name}",
        schema.description,
        text.about,
        "\n".join(["## Inputs", "", *rows]),
        "\n".join(["## Outputs", "", *outputs]),
        f"## Example\n\n{text.example}",
    ]
    return "\n\n".join(parts) + "\n"


def overview(nodes: Nodes) -> str:
    """The page of all nodes: a table for each category, in the order of the catalogue."""
    tables: dict[str, list[str]] = {}
    for node in _ours(nodes).values():
        schema = node.schema()
        tables.setdefault(schema.category.partition("/")[2], []).append(_row(schema))
    parts = [HEAD]
    for category, rows in tables.items():
        head = ["| node | what it does | inputs | outputs |", "| --- | --- | --- | --- |"]
        parts.append("\n".join([f"## {category.capitalize()}", "", *head, *rows, ""]))
    return "\n".join(parts)


def _ours(nodes: Nodes) -> Nodes:
    return {name: node for name, node in nodes.items() if name.startswith("LatentSteer_")}


def _row(schema: Schema) -> str:
    own = {widget.id for widget in widgets(schema)}
    inputs = schema.inputs or ()
    sockets = [entry for entry in inputs if entry.id not in own]
    names = [f"*{_name(entry)}*" if entry.optional else _name(entry) for entry in sockets]
    values = [
        f"`{_name(entry)}`"
        for entry in inputs
        if entry.id in own and not getattr(entry, "advanced", False)
    ]
    outputs = ", ".join(_name(entry) for entry in schema.outputs or ())
    link = f"[{schema.display_name}](../web/docs/{schema.node_id}.md)"
    taken = ", ".join([*names, *values])
    return f"| {link} | {_cell(schema.description)} | {taken} | {outputs} |"


def _name(socket: object) -> str:
    return str(getattr(socket, "display_name", None) or getattr(socket, "id", ""))


def _shown(default: object) -> str:
    """A default as a cell: none for a list without files, and a word for an empty text."""
    if default is None:
        return ""
    return "empty" if default == "" else f"`{default}`"


def _cell(text: str | None) -> str:
    return (text or "").replace("|", "\\|")
