"""FuseDream's composed images on official BigGANs: rows f12 to f16."""

from functools import partial

from ..files import ALEXNET
from ..graph import GraphBuilder, Link, Recipe
from ..rows import sweep
from .graph import FuseDream, count

__all__ = ["RECIPES", "TRACE"]

PAIRS = "A dog near a boat\nA butterfly near a boat\nAn elephant on top of a roof"
ROBOT = "A colorful robot walks on an iced lake under moonlight"
(SEEDS,) = sweep("f16", "TextCondition", "samples_per_prompt")
TRACE = 5
"""Index of Compose Fuse's output for the curves."""


class _Composed(FuseDream):
    """Graph with a foreground and a background."""

    def __init__(self, recipe: Recipe, prompts: str = PAIRS, each: int = 1) -> None:
        super().__init__(recipe, prompts, each=each)
        self.asked = self.condition()
        self.whole = self.energy(self.asked)
        self.both = [self.started(self.asked, self.whole, seed=seed) for seed in (0, 1)]

    def fused(self, title: str = "", **inputs: object) -> Link:
        """Composes with the settings of the row."""
        layers = {"foreground": self.both[0], "background": self.both[1], "energy": self.whole}
        return self.add("ComposeFuse", title, **layers, backbone=ALEXNET, **inputs)


def _composed(recipe: Recipe) -> GraphBuilder:
    graph = _Composed(recipe)
    fused = graph.fused()
    graph.curves(fused, TRACE)
    graph.pictured(recipe.id, fused, count(PAIRS))
    graph.scored(fused, graph.asked)
    return graph


def _linear(recipe: Recipe) -> GraphBuilder:
    graph = _Composed(recipe)
    fused = [
        graph.fused(f"lambda = {weight}", linear_weight=weight)
        for weight in sweep(recipe.rows[0], "ComposeFuse", "linear_weight")
    ]
    strip = fused[0]
    for images in fused[1:]:
        strip = graph.add("StackImages", first=strip, second=images)
    graph.pictured(recipe.id, strip, count(PAIRS))
    graph.scored(strip, graph.condition("The prompts of every row", times=len(fused)))
    return graph


def _seeds(recipe: Recipe) -> GraphBuilder:
    graph = _Composed(recipe, ROBOT, SEEDS)
    fused = graph.fused()
    graph.curves(fused, TRACE)
    best = graph.add("BestImages", images=fused, energy=graph.whole)
    graph.pictured(recipe.id, best, 6)
    graph.scored(best, graph.condition("What is shown", 1))
    return graph


_pair = partial(Recipe, task="Compose two things in one picture")
RECIPES = (
    _pair(
        "fusedream_biggan_composition",
        ("f12",),
        "one image pasted on another",
        "Figures 5 and 9: a foreground and a background, each over a basis, are refined "
        "together for each of two sizes and nine places. By the dynamic barrier, AugCLIP of the "
        "whole comes first, and LPIPS between the foreground and the covered region second. The "
        "best of the eighteen is blended. The paper states neither the steps of a composition "
        "nor the backbone of LPIPS: here the steps of a single image, and AlexNet.",
        _composed,
    ),
    _pair(
        "fusedream_biggan_composition_no_perceptual",
        ("f13",),
        "composed without the perceptual loss",
        "Figure 5, blue: AugCLIP alone is optimised, and the border is visible.",
        _composed,
    ),
    _pair(
        "fusedream_biggan_composition_inverse",
        ("f15",),
        "composed with exchanged roles of the losses",
        "Figure 11, equation 8: LPIPS first, AugCLIP second, which ends at poor AugCLIP.",
        _composed,
    ),
    _pair(
        "fusedream_biggan_composition_linear",
        ("f14",),
        "composed by a weighted sum",
        "Figure 11, equation 7: (1 - lambda) LPIPS - lambda AugCLIP for lambda from 0.1 to 0.9, a "
        "row of the picture each. Which is best depends on the text.",
        _linear,
    ),
    _pair(
        "fusedream_biggan_composition_seeds",
        ("f16",),
        "many seeds of one composition",
        "Figure 10: the best 36 of 50 composed images by AugCLIP, the best first.",
        _seeds,
    ),
)
