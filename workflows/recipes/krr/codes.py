"""KRR flow on discrete VAEs: a warm-up of all features, then places in an order."""

from dataclasses import dataclass
from functools import partial
from typing import Final

from ..files import AVATARS_CLIP, AVATARS_CODES, AVATARS_JUDGE, DALLE, OPENAI
from ..graph import GraphBuilder, Link, Recipe

__all__ = ["AVATARS_STAGES", "RECIPES", "Stages"]


@dataclass(frozen=True)
class Stages:
    """Settings of both stages.

    Attributes:
        generator: file of the discrete VAE.
        clip: file of the CLIP, whose embeddings the kernel compares.
        prompt: text.
        samples: samples of the text.
        candidates: draws of the prior per start.
        views: views of an image in the energy; 0 for the image itself.
        warm_up: steps that move all features.
        fine_tuning: steps that move a row of the grid.
        at_once: places of a row.
        step_size: step size of both.
        alpha: weight of the distance from the codes, which the paper does not state.
        judge: file of a judge of the results; empty for none.
    """

    generator: str
    clip: str
    prompt: str
    samples: int
    candidates: int
    views: int
    warm_up: int
    fine_tuning: int
    at_once: int
    step_size: float
    alpha: float
    judge: str = ""


DALLE_STAGES: Final = Stages(
    generator=DALLE,
    clip=OPENAI,
    prompt="French fries in a red box on the desk",
    samples=4,
    candidates=1,
    views=20,
    warm_up=100,
    fine_tuning=64,
    at_once=32,
    step_size=0.1,
    alpha=0.01,
)
"""The text of figure 5. 64 steps of a row of 32 are two passes over the grid."""
AVATARS_STAGES: Final = Stages(
    generator=AVATARS_CODES,
    clip=AVATARS_CLIP,
    prompt="purple hijab, glasses, yellow background",
    samples=4,
    candidates=20,
    views=0,
    warm_up=30,
    fine_tuning=48,
    at_once=8,
    step_size=2.0,
    alpha=0.02,
    judge=AVATARS_JUDGE,
)
"""48 steps of a row of 8 are six passes over the grid."""
TASK = "Draw images of a text with a discrete VAE"
EMBEDDED = (
    "\n\nRuns on the models shipped with LatentSteer, in about a minute on a laptop's processor. "
    "The kernel uses the CLIP's embeddings. `latentsteer reproduce codes` measures the three rows."
)


class _Codes(GraphBuilder):
    """Graph with the VAE and a CLIP, whose embeddings the kernel compares."""

    def __init__(self, stages: Stages) -> None:
        flow = {"step_size": stages.step_size, "eta": float(stages.samples), "chunk": "fast"}
        super().__init__({"KRRFlowRefine": flow})
        self.stages = stages
        self.load(stages.generator, stages.clip)
        self.condition = self.text(stages.prompt, stages.samples)
        drawn: dict[str, object] = {"condition": self.condition}
        if stages.candidates > 1:
            energy = self.add(
                "EnergyCLIP", "Energy of the image", condition=self.condition, views=0
            )
            drawn |= {"energy": energy, "candidates": stages.candidates}
        self.start = self.add("PriorInit", **drawn)

    def energy(self, *, regular: bool) -> Link:
        """The text's energy, with the distance from the codes or without."""
        views = self.stages.views
        text = self.add("EnergyCLIP", condition=self.condition, views=views, scale="logit scale")
        if not regular:
            return text
        return self.add("EnergyCodebook", weight=self.stages.alpha, energy=text)

    def stage(self, title: str, start: Link, energy: Link, **settings: object) -> Link:
        """Adds the flow of one stage."""
        given = {"start": start, "energy": energy, "auxiliary": self.models["auxiliary"]}
        return self.add("KRRFlowRefine", title, **given, **settings)

    def warmed(self, energy: Link) -> Link:
        """Moves all features."""
        return self.stage("Warm-up", self.start, energy, steps=self.stages.warm_up)

    def tuned(self, start: Link, energy: Link) -> Link:
        """Moves the places row by row."""
        own = self.stages
        order = {"places": "rows", "at_once": own.at_once, "steps": own.fine_tuning}
        return self.stage("Fine-tuning", start, energy, **order)

    def snapped(self, latents: Link) -> Link:
        """The nearest codes."""
        return self.add("SnapToCodes", batch=latents)


def _two_stages(recipe: Recipe, stages: Stages) -> GraphBuilder:
    graph = _Codes(stages)
    energy = graph.energy(regular=True)
    tuned = graph.tuned(graph.warmed(energy), energy)
    graph.curves(tuned)
    graph.decoded(recipe.id, graph.snapped(tuned), stages.samples)
    return graph


def _ablations(recipe: Recipe, stages: Stages) -> GraphBuilder:
    graph = _Codes(stages)
    regular, free = graph.energy(regular=True), graph.energy(regular=False)
    warmed = graph.warmed(regular)
    tuned = graph.tuned(warmed, regular)
    without = graph.tuned(graph.warmed(free), free)
    graph.curves(tuned)
    ends = [graph.snapped(one) for one in (warmed, tuned, without)]
    if stages.judge:
        for title, one in zip(("warm-up", "fine-tuning", "no regulariser"), ends, strict=True):
            images = graph.add("Decode", f"Decode {title}", latents=one)
            graph.judged(images, stages.judge, condition=graph.condition)
    graph.decoded(recipe.id, graph.stacked(ends), stages.samples)
    return graph


ROWS = ("k20a", "k20b", "k20c")
SAYS = (
    "Figure 5, three rows from the same starts: after the warm-up; after the fine-tuning; "
    "both stages without the regulariser."
)
RECIPES = (
    Recipe(
        "krr_dalle_text",
        ("k19",),
        "DALL-E's dVAE by a text",
        "Figure 1: the generator is the decoder alone, so that any text can be drawn. All "
        "features move first, then the places of the grid row by row; **Energy Codebook** keeps "
        "features near codes, and **Snap to Codes** ends at codes.",
        partial(_two_stages, stages=DALLE_STAGES),
        task=TASK,
    ),
    Recipe(
        "krr_dalle_stages",
        ROWS,
        "DALL-E's dVAE, stages and regulariser",
        SAYS,
        partial(_ablations, stages=DALLE_STAGES),
        task=TASK,
    ),
    Recipe(
        "krr_avatars_codes",
        ROWS,
        "the avatars' codes, stages and regulariser",
        SAYS + " The generator is a vector-quantised autoencoder of the avatars, and a start the "
        "best of some draws of its prior, which has the share of each code at each place.",
        partial(_ablations, stages=AVATARS_STAGES),
        task=TASK,
        about=EMBEDDED,
    ),
)
