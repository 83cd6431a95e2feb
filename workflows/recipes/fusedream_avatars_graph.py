"""What FuseDream's workflows on the avatars share."""

from .graph import GraphBuilder, Link, Shipped
from .tr0n_avatars import CLIP, Avatars

__all__ = ["AUGMENTED", "CANDIDATES", "KEEP", "PLAIN", "RATE", "FuseDreamAvatars", "shipped"]

CANDIDATES, KEEP, STEPS, VIEWS = 150, 5, 60, 4
RATE = 0.05
PLAIN, AUGMENTED = "Plain CLIP", "AugCLIP"
ABOUT = (
    "\n\nRuns on the models shipped with LatentSteer, in a minute or two on a laptop's processor. "
    "The words that the small CLIP knows are in docs/models.md. The judge took no part in the "
    "steering: its figure is the share of what the prompts state that it sees."
)


class FuseDreamAvatars(Avatars):
    """A graph with the avatars' models in it, refined as FuseDream does."""

    def __init__(self, *, pixels: bool = False) -> None:
        if pixels:  # a CLIP alone
            GraphBuilder.__init__(self)
            self.clip = self.add("LoadAuxModel", "Load CLIP", file=CLIP)
        else:
            super().__init__()

    def score(self, condition: Link, title: str = AUGMENTED, **inputs: object) -> Link:
        """AugCLIP, with few views."""
        inputs = {"views": VIEWS, **inputs}
        return self.add("EnergyCLIP", title, auxiliary=self.clip, condition=condition, **inputs)

    def basis(self, condition: Link, energy: Link, **inputs: object) -> Link:
        """The best of 150."""
        inputs = {"candidates": CANDIDATES, "keep": KEEP, **inputs}
        return self.add(
            "BasisInit", generator=self.generator, energy=energy, condition=condition, **inputs
        )

    def by_adam(self, start: Link, energy: Link, title: str = "", **inputs: object) -> Link:
        """Fewer steps than the paper's, ten times as long."""
        inputs = {"steps": STEPS, "learning_rate": RATE, "preview_every": 20, **inputs}
        inputs["chunk"] = "fast"  # fixed ones are filled up to eight, and there are often four
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

    def scored(self, images: Link, condition: Link, title: str = "", **inputs: object) -> None:
        """AugCLIP at the end, measured on fresh views."""
        inputs = {"views": 50, **inputs}
        self.add(
            "CLIPScore",
            title,
            images=images,
            auxiliary=self.clip,
            condition=condition,
            **inputs,
        )


def shipped(
    name: str,
    title: str,
    says: str,
    graph: FuseDreamAvatars,
    *,
    columns: int = 1,
    shown: int = 0,
    per_row: int,
) -> Shipped:
    """The workflow, with a note."""
    notes = f"# {title}\n\n{says}{ABOUT}"
    return Shipped(name, title, notes, graph.api, columns, shown or per_row, per_row)
