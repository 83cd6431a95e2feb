"""Recipe of a workflow, and a builder of graphs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, cached_property
from typing import Any, TypeAlias

from ...nodes.standalone.api.node import Schema
from ...nodes.standalone.registry import load_nodes, schemas_of
from ...nodes.standalone.values import default_of, widgets
from .files import named
from .template import Template

__all__ = ["PAPERS", "GraphBuilder", "Link", "Recipe", "schemas"]

Link: TypeAlias = list[Any]
"""Link: id of a node and index of its output."""
PAPERS: Mapping[str, str] = {
    **{"tr0n": "TR0N", "fusedream": "FuseDream", "krr": "KRR flow", "d2c": "D2C", "reno": "ReNO"}
}
"""Folders of the workflows of each paper, and names of the papers."""


@cache
def schemas() -> Mapping[str, Schema]:
    """Returns the schemas of all nodes, by id."""
    return schemas_of(load_nodes())


@dataclass(frozen=True)
class Recipe:
    """A shipped workflow.

    Attributes:
        id: name of its files; the first word is the paper's folder.
        rows: ids of the setups of the paper that it shows.
        title: title of its note, after the name of the paper.
        says: what it shows, in Markdown.
        graph: builds its graph.
        task: its task in plain words; ablations share the task of the whole method.
        about: where and how fast it runs, in Markdown.
        template: its row among the host's templates; None for a workflow that is a file alone.
        improves: the judge's figure that its refiner improves, which the tests check; empty for
            one that compares settings, shows a failure or refines nothing, or whose models are
            not embedded.
        like: ids of the setups that it is compared with, if it is not a setup of the paper.
    """

    id: str
    rows: tuple[str, ...]
    title: str
    says: str
    graph: Callable[[Recipe], GraphBuilder]
    task: str
    about: str = ""
    template: Template | None = None
    improves: str = ""
    like: tuple[str, ...] = ()

    @property
    def paper(self) -> str:
        """The folder of the paper; empty for a workflow without a paper."""
        first = self.id.partition("_")[0]
        return first if first in PAPERS else ""

    @property
    def hosted(self) -> bool:
        """Whether it opens ComfyUI's own models, so that it runs in ComfyUI alone."""
        kinds = {node["class_type"] for node in self.api.values()}
        return not kinds.isdisjoint({"CheckpointLoaderSimple", "UNETLoader", "VAELoader"})

    @property
    def heading(self) -> str:
        """The title of the note."""
        if self.template is not None:
            return self.template.name
        return f"{PAPERS[self.paper]}: {self.title}" if self.paper else self.title

    @cached_property
    def api(self) -> dict[str, Any]:
        """Returns the graph in API format, with the value of every widget."""
        return self.graph(self).api

    @property
    def files(self) -> list[str]:
        """Returns the official files that it names; none if it runs on embedded models."""
        return named(self.api)


@dataclass
class GraphBuilder:
    """Builder of a graph.

    Widgets that are not given get the usual value of the graph, or else the default of the node.
    Nodes that require a generator or an auxiliary model get those of the graph unless others are
    given.

    Attributes:
        usual: values of widgets by kind of node.
        models: links to the generator and the auxiliary model of the graph, by name of the socket.
        api: the graph.
    """

    usual: Mapping[str, Mapping[str, object]] = field(
        default_factory=dict[str, Mapping[str, object]]
    )
    models: dict[str, Link] = field(default_factory=dict[str, Link])
    api: dict[str, Any] = field(default_factory=dict[str, Any])

    def add(self, node_type: str, title: str = "", /, **inputs: object) -> Link:
        """Adds a node and returns the link to its first output."""
        known = schemas()
        own = node_type if node_type in known else f"LatentSteer_{node_type}"
        schema = known[own]
        defaults = {w.id: default_of(w) for w in widgets(schema)}
        needed = {socket.id for socket in schema.inputs or () if not socket.optional}
        wired = {name: link for name, link in self.models.items() if name in needed}
        number = str(len(self.api) + 1)
        values = {**defaults, **wired, **self.usual.get(node_type, {}), **inputs}
        node: dict[str, Any] = {"class_type": own, "inputs": values}
        node["_meta"] = {"title": title or schema.display_name}
        self.api[number] = node
        return [number, 0]

    def output(self, link: Link, number: int) -> Link:
        """Returns another output of the same node."""
        return [link[0], number]

    def load(self, generator: str = "", auxiliary: str = "", title: str = "Load CLIP") -> None:
        """Loads the models of the graph; without a name the usual generator."""
        if generator or self.usual.get("LoadGenerator"):
            file = {"file": generator} if generator else {}
            self.models["generator"] = self.add("LoadGenerator", **file)
        if auxiliary:
            self.models["auxiliary"] = self.add("LoadAuxModel", title, file=auxiliary)

    def text(self, prompts: str, each: int = 1, title: str = "", **inputs: object) -> Link:
        """Adds a condition with a line per prompt and `each` samples of each."""
        inputs = {"prompts": prompts, "samples_per_prompt": each, **inputs}
        return self.add("TextCondition", title, **inputs)

    def stacked(self, batches: Sequence[Link]) -> Link:
        """Stacks latents as one batch."""
        strip = batches[0]
        for batch in batches[1:]:
            strip = self.add("StackLatents", first=strip, second=batch)
        return strip

    def stacked_plain(self, batches: Sequence[Link]) -> Link:
        """Stacks latents of any charts as one batch."""
        return self.stacked([self.add("PlainLatents", batch=batch) for batch in batches])

    def stacked_images(self, batches: Sequence[Link]) -> Link:
        """Stacks batches of images of one size."""
        strip = batches[0]
        for batch in batches[1:]:
            strip = self.add("StackImages", first=strip, second=batch)
        return strip

    def decoded(self, name: str, latents: Link, columns: int) -> Link:
        """Decodes latents and saves the images as one picture."""
        images = self.add("Decode", latents=latents)
        self.pictured(name, images, columns)
        return images

    def saved(self, name: str, latents: Link) -> None:
        """Decodes latents and saves the images one by one."""
        images = self.add("Decode", latents=latents)
        self.add("SaveImage", images=images, filename_prefix=name)

    def curves(self, refined: Link, number: int = 1) -> None:
        """Adds a report of the energy curves of a refiner; `number` is the output of the trace."""
        report = self.add("EnergyReport", trace=self.output(refined, number))
        self.add("PreviewImage", "Energy curves", images=report)

    def pictured(self, name: str, images: Link, columns: int, enlarge: int = 1) -> None:
        """Saves all images as one picture."""
        sheet = self.add("ImageGrid", images=images, columns=columns, enlarge=enlarge)
        self.add("SaveImage", images=sheet, filename_prefix=name)

    def scored(self, images: Link, condition: Link, title: str = "", **inputs: object) -> None:
        """Scores by AugCLIP on fresh views."""
        self.add("CLIPScore", title, images=images, condition=condition, **inputs)

    def judged(self, images: Link, judge: str, **inputs: object) -> None:
        """Shows the figures of a judge."""
        loaded = self.add("LoadAuxModel", "Load judge", file=judge)
        found = self.add("EvaluateImages", images=images, auxiliary=loaded, **inputs)
        self.add("PreviewAny", "Figures of the judge", source=found)
