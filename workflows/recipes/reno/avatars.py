"""ReNO on the embedded one-step generator of avatars."""

from ..files import AVATARS_CLIP, AVATARS_JUDGE, AVATARS_ONE_STEP
from ..graph import GraphBuilder, Recipe
from .host import CLIP_NORM, RATE, REGULARISER

__all__ = ["RECIPES"]

PROMPT = "a person with sunglasses, red hat, green shirt"
SAMPLES, STEPS = 4, 49


def _rewarded(recipe: Recipe) -> GraphBuilder:
    graph = GraphBuilder()
    graph.load(AVATARS_ONE_STEP, AVATARS_CLIP)
    condition = graph.text(PROMPT, SAMPLES)
    energy = graph.add("EnergyReward", prompt=PROMPT, kind="CLIP")
    energy = graph.add("NoiseNorm", weight=REGULARISER, energy=energy)
    start = graph.add("PriorInit", condition=condition)
    refined = graph.add(
        "NesterovRefine",
        start=start,
        energy=energy,
        steps=STEPS,
        learning_rate=RATE,
        clip_norm=CLIP_NORM,
        keep_best=True,
        keep_best_by="CLIP",
    )
    graph.curves(refined)
    before = graph.add("Decode", "The images of the first noise", latents=start)
    after = graph.add("Decode", "The images of the refined noise", latents=refined)
    graph.judged(after, AVATARS_JUDGE, condition=condition)
    graph.pictured(recipe.id, graph.stacked_images([before, after]), SAMPLES)
    return graph


RECIPES = (
    Recipe(
        "reno_avatars",
        (),
        "avatars in one step",
        "A small **one-step generator** of avatars, from a grid of noise to an image, with ReNO's "
        f"numbers: **Nesterov Refine** moves the noise by {STEPS} steps towards the score of the "
        "embedded CLIP, and **Noise Norm** keeps it at a usual length. Above the images of the "
        "first noise, below those of the refined one. The judge took no part.",
        _rewarded,
        task="Images that people prefer, by a model of few steps",
        about="\n\nRuns on the models shipped with LatentSteer, in a minute on a laptop's "
        "processor.",
        improves="satisfied",
    ),
)
