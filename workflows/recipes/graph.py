"""A workflow in the making."""

from dataclasses import dataclass, field
from typing import Any

from ...nodes.standalone.registry import load_nodes
from ...nodes.standalone.values import default_of, widgets

__all__ = ["GraphBuilder", "Link", "Shipped"]

Link = list[Any]
"""A node's id and the number of its output."""


@dataclass(frozen=True)
class Shipped:
    """A shipped workflow.

    Attributes:
        name: of its files.
        title: of its note.
        notes: what it does, in Markdown.
        api: the graph in API format.
        columns: of its thumbnail.
        shown: how many of the decoded images the thumbnail shows; each row's first ones.
        per_row: images that stand side by side in the decoded batch.
    """

    name: str
    title: str
    notes: str
    api: dict[str, Any]
    columns: int
    shown: int
    per_row: int


@dataclass
class GraphBuilder:
    """A graph in the making; widgets that are not named get their defaults."""

    api: dict[str, Any] = field(default_factory=dict[str, Any])

    def add(self, node_type: str, title: str = "", /, **inputs: object) -> Link:
        """Adds a node and returns the link to its first output."""
        nodes = load_nodes()
        own = node_type if node_type in nodes else f"LatentSteer_{node_type}"
        schema = nodes[own].schema()
        defaults = {w.id: default_of(w) for w in widgets(schema)}
        number = str(len(self.api) + 1)
        node: dict[str, Any] = {"class_type": own, "inputs": {**defaults, **inputs}}
        node["_meta"] = {"title": title or schema.display_name}
        self.api[number] = node
        return [number, 0]

    def output(self, link: Link, number: int) -> Link:
        """Another output of the same node."""
        return [link[0], number]

    def curves(self, refined: Link, number: int = 1) -> None:
        """Energy curves of a refiner, shown beside it; `number` is the trace's output."""
        report = self.add("EnergyReport", trace=self.output(refined, number))
        self.add("PreviewImage", "Energy curves", images=report)

    def pictured(self, name: str, images: Link, columns: int) -> None:
        """All images as one picture, saved."""
        sheet = self.add("ImageGrid", images=images, columns=columns)
        self.add("SaveImage", images=sheet, filename_prefix=name)

    def judged(self, images: Link, judge: str, **inputs: object) -> None:
        """The figures of a judge, shown."""
        loaded = self.add("LoadAuxModel", "Load judge", file=judge)
        found = self.add("EvaluateImages", images=images, auxiliary=loaded, **inputs)
        self.add("PreviewAny", "Figures of the judge", source=found)
