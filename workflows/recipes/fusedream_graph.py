"""What FuseDream's workflows on official BigGANs share: a row of the paper, and its graph."""

from dataclasses import dataclass

from .files import BIGGAN_256, FILES, FOLDERS, OPENAI, named
from .graph import GraphBuilder, Link, Shipped
from .paper.fusedream import ADAM, AUGCLIP, BASIS
from .paper.rows import ROWS

__all__ = ["CANDIDATES", "DOGS", "FuseDream", "Row", "shipped"]

CANDIDATES = BASIS["candidates"]
"""M."""
KEEP = 5
"""k where a figure does not give it: that of table 1's first row."""
COCO = (
    "The traffic and people on a commercial street corner at night\n"
    "A red double-decker bus driving down a street\nA bowl of fruit on a wooden table\n"
    "A herd of sheep grazing on a green hill"
)
DOGS = "A blue dog\nA flaming dog\nA rainbow dog"


@dataclass(frozen=True)
class Row:
    """A row of FuseDream's experiments, section 5 and appendix C.

    Attributes:
        row: its number in the paper's list of setups.
        name: of the files, after `fusedream_`.
        title: of the note.
        says: what it shows.
        generator: its file; None where there is none.
        prompts: a line per picture.
        each: samples of each prompt.
        keep: k, the points of a basis.
        best: samples of each prompt that are shown, by AugCLIP; 0 for all.
        paper: of which the row is.
    """

    row: str
    name: str
    title: str
    says: str
    generator: str | None = BIGGAN_256
    prompts: str = COCO
    each: int = 1
    keep: int = KEEP
    best: int = 0
    paper: str = "FuseDream"

    @property
    def file(self) -> str:
        """Name of the files."""
        return f"{self.paper.lower()}_{self.name}"

    @property
    def count(self) -> int:
        """How many prompts there are."""
        return self.prompts.count("\n") + 1


class FuseDream(GraphBuilder):
    """A graph with the models of a row in it."""

    def __init__(self, row: Row) -> None:
        super().__init__()
        self.row = row
        if row.generator is not None:
            self.generator = self.add("LoadGenerator", file=row.generator)
        self.clip = self.add("LoadAuxModel", "Load CLIP", file=OPENAI)

    def text(self, prompts: str = "", each: int = 0, title: str = "") -> Link:
        """A condition."""
        return self.add(
            "TextCondition",
            title,
            auxiliary=self.clip,
            prompts=prompts or self.row.prompts,
            samples_per_prompt=each or self.row.each,
        )

    def energy(self, condition: Link, title: str = "AugCLIP", **inputs: object) -> Link:
        """AugCLIP, with the released code's number of views."""
        inputs = {**AUGCLIP, **inputs}
        return self.add("EnergyCLIP", title, auxiliary=self.clip, condition=condition, **inputs)

    def started(self, condition: Link, energy: Link, **inputs: object) -> Link:
        """A basis of the best of ten thousand, or what the row says."""
        said = ROWS[self.row.row].nodes.get("BasisInit", {})
        inputs = {**BASIS, "keep": self.row.keep, **said, **inputs}
        return self.add(
            "BasisInit", generator=self.generator, energy=energy, condition=condition, **inputs
        )

    def from_prior(self, condition: Link, **inputs: object) -> Link:
        """Plain samples of the prior."""
        return self.add("PriorInit", generator=self.generator, condition=condition, **inputs)

    def refined(self, start: Link, energy: Link, title: str = "", **inputs: object) -> Link:
        """By Adam at the paper's rate, or as the row says."""
        said = ROWS[self.row.row].nodes.get("AdamRefine", {})
        inputs = {**ADAM, **said, "preview_every": 20, **inputs}
        return self.add(
            "AdamRefine", title, generator=self.generator, start=start, energy=energy, **inputs
        )

    def stacked(self, batches: list[Link]) -> Link:
        """Latents of any charts as one batch."""
        plain = [self.add("PlainLatents", batch=batch) for batch in batches]
        strip = plain[0]
        for batch in plain[1:]:
            strip = self.add("StackLatents", first=strip, second=batch)
        return strip

    def finished(self, latents: Link, condition: Link, columns: int) -> Link:
        """Decoded, saved, and scored."""
        images = self.add("Decode", generator=self.generator, latents=latents)
        self.pictured(self.row.file, images, columns)
        return self.scored(images, condition)

    def scored(self, images: Link, condition: Link, title: str = "", **inputs: object) -> Link:
        """AugCLIP at the end, measured on fresh views."""
        return self.add(
            "CLIPScore",
            title,
            images=images,
            auxiliary=self.clip,
            condition=condition,
            **inputs,
        )


def shipped(row: Row, graph: GraphBuilder) -> Shipped:
    """The workflow, with a note that says which row it is and which files it needs."""
    needs = "".join(
        f"\n* `{file}` in `models/{FOLDERS.get(file, 'latentsteer_aux')}`: {FILES[file]}"
        for file in named(graph.api)
    )
    title = f"{row.paper}: {row.title}"
    kinds = {node["class_type"].removeprefix("LatentSteer_") for node in graph.api.values()}
    cheaper = {
        "BasisInit": "*candidates* 200",
        "AdamRefine": "*steps* 100",
        "ComposeFuse": "*steps* 100 and *places* centre",
    }
    tries = ", ".join(text for kind, text in cheaper.items() if kind in kinds)
    dear = f" These numbers take minutes a prompt on a GPU: try {tries} first." if tries else ""
    counted = any(node["inputs"].get("views") == AUGCLIP["views"] for node in graph.api.values())
    views = ""
    if counted and row.paper == "FuseDream":
        views = " The paper gives no number of views: this is the released code's."
    notes = (
        f"# {title}\n\n{row.says} Paper row {row.row}.{views}{dear}\n\n"
        f"**Needs files that you have**:{needs}\n\nNever run here: no trained weights can be "
        "reached from where this was made."
    )
    return Shipped(row.file, title, notes, graph.api, 1, 0, 1)
