"""KRR flow on DALL-E's discrete VAE: a warm-up of all features, then places in an order."""

from ..files import DALLE, OPENAI
from ..graph import GraphBuilder, Link, Recipe

__all__ = ["RECIPES"]

PROMPT = "French fries in a red box on the desk"
"""The text of figure 5."""
SAMPLES, VIEWS = 4, 20
WARM_UP, FINE_TUNING, AT_ONCE = 100, 64, 32
"""Steps of both stages; a step of the second moves a row of the grid, so there are two passes."""
ALPHA = 0.01
"""Weight of the distance from the codes, which the paper does not state."""
TASK = "Draw images of a text with a discrete VAE"


class _Codes(GraphBuilder):
    """Graph with the VAE and a CLIP, whose embeddings the kernel compares."""

    def __init__(self) -> None:
        super().__init__(
            {"KRRFlowRefine": {"step_size": 0.1, "eta": float(SAMPLES), "chunk": "fast"}}
        )
        self.load(DALLE, OPENAI)
        self.condition = self.text(PROMPT, SAMPLES)
        self.start = self.add("PriorInit", condition=self.condition)

    def energy(self, *, regular: bool) -> Link:
        """The text's energy, with the distance from the codes or without."""
        text = self.add("EnergyCLIP", condition=self.condition, views=VIEWS, scale="logit scale")
        return self.add("EnergyCodebook", weight=ALPHA, energy=text) if regular else text

    def stage(self, title: str, start: Link, energy: Link, **settings: object) -> Link:
        """Adds the flow of one stage."""
        given = {"start": start, "energy": energy, "auxiliary": self.models["auxiliary"]}
        return self.add("KRRFlowRefine", title, **given, **settings)

    def warmed(self, energy: Link) -> Link:
        """Moves all features."""
        return self.stage("Warm-up", self.start, energy, steps=WARM_UP)

    def tuned(self, start: Link, energy: Link) -> Link:
        """Moves the places row by row."""
        order = {"places": "rows", "at_once": AT_ONCE, "steps": FINE_TUNING}
        return self.stage("Fine-tuning", start, energy, **order)

    def snapped(self, latents: Link) -> Link:
        """The nearest codes."""
        return self.add("SnapToCodes", batch=latents)


def _two_stages(recipe: Recipe) -> GraphBuilder:
    graph = _Codes()
    energy = graph.energy(regular=True)
    tuned = graph.tuned(graph.warmed(energy), energy)
    graph.curves(tuned)
    graph.decoded(recipe.id, graph.snapped(tuned), SAMPLES)
    return graph


def _ablations(recipe: Recipe) -> GraphBuilder:
    graph = _Codes()
    regular, free = graph.energy(regular=True), graph.energy(regular=False)
    warmed = graph.warmed(regular)
    tuned = graph.tuned(warmed, regular)
    without = graph.tuned(graph.warmed(free), free)
    graph.curves(tuned)
    ends = [graph.snapped(one) for one in (warmed, tuned, without)]
    graph.decoded(recipe.id, graph.stacked(ends), SAMPLES)
    return graph


RECIPES = (
    Recipe(
        "krr_dalle_text",
        ("k19",),
        "DALL-E's dVAE by a text",
        "Figure 1: the generator is the decoder alone, so that any text can be drawn. All "
        "features move first, then the places of the grid row by row; **Energy Codebook** keeps "
        "features near codes, and **Snap to Codes** ends at codes.",
        _two_stages,
        task=TASK,
    ),
    Recipe(
        "krr_dalle_stages",
        ("k20a", "k20b", "k20c"),
        "DALL-E's dVAE, stages and regulariser",
        "Figure 5, three rows from the same starts: after the warm-up; after the fine-tuning; "
        "both stages without the regulariser.",
        _ablations,
        task=TASK,
    ),
)
