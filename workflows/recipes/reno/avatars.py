"""ReNO on the embedded one-step generator of avatars."""

from ..files import AVATARS_CLIP, AVATARS_JUDGE, AVATARS_ONE_STEP
from ..graph import GraphBuilder, Recipe
from .host import CLIP_NORM, REGULARISER

__all__ = ["RECIPES"]

PROMPT = "a person with sunglasses, red hat, green shirt"
SAMPLES, CANDIDATES, STEPS = 4, 25, 24
RATE, SMOOTHING = 1.0, 0.3
"""A fifth of ReNO's step, since the noise is shorter; noise on the point of each step."""


def _rewarded(recipe: Recipe) -> GraphBuilder:
    graph = GraphBuilder()
    graph.load(AVATARS_ONE_STEP, AVATARS_CLIP)
    condition = graph.text(PROMPT, SAMPLES)
    reward = graph.add("EnergyReward", prompt=PROMPT, kind="HPSv2.1")
    energy = graph.add("NoiseNorm", weight=REGULARISER, energy=reward)
    first = graph.add("PriorInit", "First noise", condition=condition)
    best = {"energy": reward, "candidates": CANDIDATES}
    start = graph.add("PriorInit", "Best noise", condition=condition, **best)
    refined = graph.add(
        "NesterovRefine",
        start=start,
        energy=energy,
        steps=STEPS,
        learning_rate=RATE,
        clip_norm=CLIP_NORM,
        keep_best=True,
        keep_best_by="HPSv2.1",
        latent_noise=SMOOTHING,
    )
    graph.curves(refined)
    before = graph.add("Decode", "The images of the first noise", latents=first)
    after = graph.add("Decode", "The images of the refined noise", latents=refined)
    graph.judged(after, AVATARS_JUDGE, condition=condition)
    graph.pictured(recipe.id, graph.stacked_images([before, after]), SAMPLES)
    return graph


RECIPES = (
    Recipe(
        "reno_avatars",
        (),
        "avatars in one step",
        "A small **one-step generator** of avatars, from a grid of noise to an image, as the "
        "diffusion models of few steps are. The embedded CLIP's cosine is the reward, counted as "
        f"HPSv2.1. **Prior Init** takes the best of {CANDIDATES} noises, **Nesterov Refine** "
        f"moves it by {STEPS} steps of ReNO, with *latent_noise*, which smooths a map that jumps "
        "from one avatar to another, and **Noise Norm** keeps it at a usual length. Above the "
        "images of the first noise, below those of the refined one. The judge took no part.",
        _rewarded,
        task="Images that people prefer, by a model of few steps",
        about="\n\nRuns on the models shipped with LatentSteer, in a minute on a laptop's "
        "processor.",
        improves="satisfied",
    ),
)
