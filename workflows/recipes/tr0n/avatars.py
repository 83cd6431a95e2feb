"""TR0N's text, image and interpolation rows on the avatars."""

from functools import partial

from ....core.zoo.avatar_captions import PROMPTS
from ..files import AVATARS_HELD_OUT, AVATARS_PAIRS
from ..graph import GraphBuilder, Recipe
from .avatars_graph import AvatarsGraph
from .trained import with_training

__all__ = ["GENERATIONS", "RECIPES", "SEARCHED"]

PER_PROMPT = 4
CANDIDATES = 100
NEAREST, CLAUSES = 8, 0.5
"""From the pairs: Adam, the nearest pairs that the energy ranks, and the weight of each clause."""
EVOLUTION = (10, 25, 50, 75, 100)
FRAMES = 8
SEEDS = 16
SEARCHED, GENERATIONS, CLAUSE_WEIGHT = 400, 12, 1.0
"""Candidates and generations of the search for a start, and the weight of each clause."""
ABOUT = "\n\nRuns on the models shipped with LatentSteer, in a minute on a laptop's processor."
ABOUT_TRAINED = (
    "\n\nRuns on the models shipped with LatentSteer, in two to four minutes on a laptop's "
    "processor."
)


def _text(
    recipe: Recipe, *, trained: bool = False, translator: bool = True, refine: bool = True
) -> GraphBuilder:
    graph = AvatarsGraph(trained=trained)
    condition = graph.text("\n".join(PROMPTS), PER_PROMPT)
    energy = graph.add("EnergyCLIP", condition=condition)
    best = {"energy": energy, "candidates": CANDIDATES}
    if translator:
        latents = graph.started(condition, **best)
    else:
        latents = graph.add("PriorInit", condition=condition, **best)
    if refine:
        latents = graph.add("LangevinRefine", start=latents, energy=energy)
        graph.curves(latents)
    graph.judge(graph.decoded(recipe.id, latents, PER_PROMPT), condition)
    return graph


def _text_from_pairs(recipe: Recipe) -> GraphBuilder:
    graph = AvatarsGraph()
    condition = graph.text("\n".join(PROMPTS), PER_PROMPT, clause_weight=CLAUSES)
    energy = graph.add("EnergyCLIP", condition=condition)
    pairs = graph.add("LoadPairs", file=AVATARS_PAIRS)
    best = {"energy": energy, "candidates": NEAREST}
    start = graph.add("NearestPairsInit", pairs=pairs, condition=condition, **best)
    latents = graph.add("AdamRefine", start=start, energy=energy)
    graph.curves(latents)
    graph.judge(graph.decoded(recipe.id, latents, PER_PROMPT), condition)
    return graph


def _image_semantics(recipe: Recipe, *, trained: bool = False) -> GraphBuilder:
    graph = AvatarsGraph(trained=trained)
    given = graph.add("ReferenceImages", reference=AVATARS_HELD_OUT, count=PER_PROMPT)
    graph.add("PreviewImage", "What was given", images=given)
    condition = graph.add("ImageCondition", images=given, samples_per_image=PER_PROMPT)
    energy = graph.add("EnergyCLIP", condition=condition)
    start = graph.started(condition, energy=energy)
    latents = graph.add("LangevinRefine", start=start, energy=energy)
    graph.curves(latents)
    graph.judge(graph.decoded(recipe.id, latents, PER_PROMPT))
    return graph


def _interpolation(recipe: Recipe, *, trained: bool = False) -> GraphBuilder:
    graph = AvatarsGraph(trained=trained)
    first = graph.text("smiling, red hat, blue shirt, light skin")
    second = graph.text("sad, black afro, yellow hoodie, dark skin, glasses")
    condition = graph.add("InterpolateConditions", first=first, second=second, frames=FRAMES)
    energy = graph.add("EnergyCLIP", condition=condition)
    start = graph.started(condition, mode="mode")
    latents = graph.add("LangevinRefine", start=start, energy=energy)
    graph.curves(latents)
    graph.judge(graph.decoded(recipe.id, latents, FRAMES))
    return graph


def _evolution(recipe: Recipe) -> GraphBuilder:
    graph = AvatarsGraph(trained=True)
    condition = graph.text(PROMPTS[0] + "\n" + PROMPTS[4], 3)
    energy = graph.add("EnergyCLIP", condition=condition)
    later = strip = start = graph.started(condition, energy=energy)
    for steps in EVOLUTION:
        title = f"{steps} steps"
        later = graph.add("LangevinRefine", title, start=start, energy=energy, steps=steps)
        strip = graph.add("StackLatents", first=strip, second=later)
    graph.curves(later)
    graph.judge(graph.decoded(recipe.id, strip, 6))
    return graph


def _best_of_seeds(recipe: Recipe) -> GraphBuilder:
    graph = AvatarsGraph()
    condition = graph.text(PROMPTS[2])
    energy = graph.add("EnergyCLIP", condition=condition)
    start = graph.started(condition, energy=energy, samples=SEEDS)
    many = graph.add("LangevinRefine", "All seeds", start=start, energy=energy, steps=10)
    best = graph.add("BestLatents", batch=many, energy=energy, keep=4)
    latents = graph.add("LangevinRefine", "The best ones", start=best, energy=energy)
    graph.curves(latents)
    graph.judge(graph.decoded(recipe.id, latents, 4), condition)
    return graph


def _searched(recipe: Recipe) -> GraphBuilder:
    graph = AvatarsGraph()
    prompts = PROMPTS[7] + "\n" + PROMPTS[2]
    condition = graph.text(prompts, PER_PROMPT, clause_weight=CLAUSE_WEIGHT)
    energy = graph.add("EnergyCLIP", condition=condition)
    search = {"candidates": SEARCHED, "generations": GENERATIONS, "chunk": "fast"}
    start = graph.started(condition, energy=energy, **search)
    latents = graph.add("LangevinRefine", start=start, energy=energy)
    graph.curves(latents)
    graph.judge(graph.decoded(recipe.id, latents, PER_PROMPT), condition)
    return graph


def _image_to_latents(recipe: Recipe) -> GraphBuilder:
    graph = AvatarsGraph()
    given = graph.add("ReferenceImages", reference=AVATARS_HELD_OUT, first=8, count=8)
    graph.add("PreviewImage", "What was given", images=given)
    latents = graph.add("ImageToLatents", images=given, auxiliary=graph.models["auxiliary"])
    graph.judge(graph.decoded(recipe.id, latents, 4))
    return graph


_avatars = partial(Recipe, about=ABOUT)
_by_text = partial(Recipe, task="Draw avatars by text")
_TABLE = (
    _by_text(
        "tr0n_avatars_text",
        (),
        "avatars by text",
        "A VAE trained without captions draws what you write. **Load Pairs** opens latents with "
        "the CLIP embeddings of their images; for other models **Synthesise Pairs** makes them. "
        "**Nearest Pairs Init** finds the pairs nearest to the text, of which the energy ranks "
        "eight for each sample, and **Adam Refine** lowers **Energy CLIP**. A line of *prompts* "
        "is a row of the picture. Each clause of a prompt counts in addition to the whole "
        "(*clause_weight*).",
        _text_from_pairs,
        like=("t19", "t29"),
        about=ABOUT,
        improves="satisfied",
    ),
    _by_text(
        "tr0n_avatars_translator_only",
        (),
        "avatars by text, translator only",
        "The ablation *no EC* (no error correction): the best of a hundred draws of the "
        "translator, not refined.",
        partial(_text, trained=True, refine=False),
        about=ABOUT_TRAINED,
    ),
    _avatars(
        "tr0n_avatars_no_translator",
        ("t22",),
        "avatars by text without translator",
        "The ablation *no T* (no translator): Langevin dynamics from the best of a hundred "
        "samples of the prior.",
        partial(_text, translator=False),
        task="Draw avatars by text without training",
        improves="satisfied",
    ),
    _avatars(
        "tr0n_avatars_image_semantics",
        (),
        "avatars by an image's meaning",
        "New avatars with the same meaning for CLIP as a given picture: c = f(x'). **Reference "
        "Images** loads four that no model here was trained on; use **Load Image** for your "
        "own. The first saved picture shows the given ones.",
        _image_semantics,
        task="Draw new avatars with the meaning of a picture",
        like=("t31", "t32"),
    ),
    _avatars(
        "tr0n_avatars_interpolation",
        (),
        "from one meaning to another",
        f"{FRAMES} steps between two prompts in CLIP's space (slerp), an avatar for each: "
        "semantic interpolation, from the translator's mode.",
        _interpolation,
        task="Interpolate between two prompts",
        like=("t33", "t34"),
    ),
    _by_text(
        "tr0n_avatars_evolution",
        ("t35",),
        "how a sample evolves",
        "The same samples after 0, 10, 25, 50, 75 and 100 steps, a row each: the runs share their "
        "random streams, so that each is the beginning of the next.",
        _evolution,
        about=ABOUT_TRAINED,
    ),
    _avatars(
        "tr0n_avatars_best_of_seeds",
        (),
        "the best of sixteen seeds",
        "Sixteen samples of one prompt, refined for a few steps; **Best Latents** keeps the "
        "four of lowest energy, which are refined further. Only the good ones cost the full "
        "number of steps.",
        _best_of_seeds,
        task="Keep the best of many seeds",
        improves="satisfied",
    ),
    _avatars(
        "tr0n_avatars_search",
        (),
        "avatars by text, with a search",
        "For prompts of something rare. **Translator Init** continues from its candidates for a "
        "few *generations*, drawn around the best so far, and in **Text Condition** each clause "
        "counts in addition to the whole prompt (*clause_weight*): a yellow turban before a "
        "purple background stays yellow. The search takes a minute more.",
        _searched,
        task="Draw a long prompt",
        improves="satisfied",
    ),
    _avatars(
        "avatars_image_to_latents",
        (),
        "Avatars: latents of a given image",
        "Finds the latents of a picture. **Image to Latents** starts from the generator's "
        "encoder and refines on pixels and features. The latents can then be edited, "
        "interpolated, or steered on.",
        _image_to_latents,
        task="Find the latents of a picture",
    ),
)
_TR0N = (
    "TR0N as in the paper: **Train Translator** learns on pairs that it makes, **Translator "
    "Init** draws a hundred starts for each sample and keeps the best, and **Langevin Refine** "
    "lowers **Energy CLIP**. More *candidates* are more reliable: docs/results.md has results of "
    "400."
)
_TRAINING = {
    "tr0n_avatars_text": (_text, _TR0N),
    "tr0n_avatars_image_semantics": (_image_semantics, ""),
    "tr0n_avatars_interpolation": (_interpolation, ""),
}
"""Graphs that train, and what they show if it is more than the training."""
RECIPES = (
    *_TABLE,
    *(
        with_training(one, partial(graph, trained=True), ABOUT_TRAINED, says)
        for one in _TABLE
        if one.id in _TRAINING
        for graph, says in [_TRAINING[one.id]]
    ),
)
