"""FuseDream's case studies, baselines and ablations on official BigGANs: rows f05 to f11."""

from functools import partial

from ....core.views.augclip import OPERATIONS
from ..files import BIGGAN, BIGGAN_256, PICTURE
from ..graph import GraphBuilder, Recipe
from .graph import CANDIDATES, COCO, DOGS, FuseDream, count
from .images import TASK

__all__ = ["RECIPES"]

FIGURE_4 = (
    "This small bird has a pink breast and crown, and black primaries and secondaries\n"
    "A church near forest under moonlight\nA photo of an ice cube melting under the sun\n"
    "An armchair in the shape of an avocado"
)
OBJECTS = "A photo of a pineapple\nA motorbike helmet"
CAT = "A photo of a cat"
INNER = 30
MEGA_STEPS = {"short": 7, "long": 42}
"""Adam's steps in each generation of BasinCMA, and the generations of about 5 and 30 minutes."""


def _text(recipe: Recipe, prompts: str = COCO) -> GraphBuilder:
    """Adds one image per prompt, by the energy and start of the row."""
    graph = FuseDream(recipe, prompts)
    condition = graph.condition()
    energy = graph.energy(condition)
    latents = graph.refined(graph.started(condition, energy), energy)
    graph.curves(latents)
    graph.finished(latents, condition, count(prompts))
    return graph


def _naive(recipe: Recipe, generator: str = BIGGAN_256) -> GraphBuilder:
    graph = FuseDream(recipe, DOGS, generator)
    condition = graph.condition()
    energy = graph.energy(condition, "Plain CLIP", views=0)
    latents = graph.refined(graph.add("PriorInit", condition=condition), energy)
    graph.curves(latents)
    graph.finished(latents, condition, count(DOGS))
    return graph


def _initialisation(recipe: Recipe) -> GraphBuilder:
    graph = FuseDream(recipe, FIGURE_4)
    condition = graph.condition()
    energy = graph.energy(condition)
    five = graph.started(condition, energy)
    best = {"condition": condition, "energy": energy, "candidates": CANDIDATES}
    starts = {
        "One random sample": graph.add("PriorInit", condition=condition),
        "The best of 10 000": graph.add("PriorInit", **best),
        "The mean of the best 5": graph.add("PlainLatents", batch=five),
        "A basis of 5": five,
        **{f"A basis of {keep}": graph.started(condition, energy, keep=keep) for keep in (10, 15)},
    }
    ends = [graph.refined(start, energy, title) for title, start in starts.items()]
    graph.curves(ends[3])
    many = graph.condition("The prompts of every row", times=len(ends))
    graph.finished(graph.stacked_plain(ends), many, count(FIGURE_4))
    return graph


def _dog_to_cat(recipe: Recipe) -> GraphBuilder:
    graph = FuseDream(recipe, CAT)
    dog = graph.text("A photo of a dog", title="What it starts as")
    best = {"energy": graph.energy(dog, "A dog"), "samples": 4, "candidates": 1000}
    dogs = graph.add("PriorInit", condition=dog, **best)
    cat = graph.condition("What is wanted")
    by_plain = graph.refined(dogs, graph.energy(cat, "Plain CLIP", views=0), "By plain CLIP")
    by_views = graph.refined(dogs, graph.energy(cat), "By AugCLIP")
    graph.curves(by_plain)
    graph.curves(by_views)
    graph.finished(graph.stacked_plain([dogs, by_plain, by_views]), cat, 4)
    return graph


def _attack(recipe: Recipe) -> GraphBuilder:
    graph = FuseDream(recipe, CAT, "")
    images = given = graph.add("LoadImage", "What is given", image=PICTURE)
    condition = graph.condition()
    for title, energy in (
        ("By plain CLIP", graph.energy(condition, "Plain CLIP", views=0)),
        ("By AugCLIP", graph.energy(condition)),
    ):
        moved = graph.add("ImageGradientStep", title, images=given, energy=energy)
        images = graph.add("StackImages", first=images, second=moved)
    graph.pictured(recipe.id, images, 3)
    graph.scored(images, condition, "Plain CLIP scores", views=0)
    graph.scored(images, condition, "AugCLIP scores")
    return graph


def _basin(recipe: Recipe, steps: int) -> GraphBuilder:
    graph = FuseDream(recipe, OBJECTS)
    condition = graph.condition()
    energy = graph.energy(condition)
    start = graph.add("PriorInit", condition=condition)
    budget = {"steps": steps, "inner_steps": INNER}
    latents = graph.add("CMAESRefine", start=start, energy=energy, **budget)
    graph.curves(latents)
    graph.finished(latents, condition, count(OBJECTS))
    return graph


def _views(part: str, operation: str) -> Recipe:
    """Adds one of the four operations that make views, or all."""
    made = f"{operation} alone" if operation else "all four operations"
    return _ablation(
        f"fusedream_biggan_views_{operation or 'all'}",
        (f"f10{part}",),
        f"views by {operation or 'all four operations'}",
        f"Figure 15: AugCLIP with views by {made}; the final score always has all four.",
        partial(_text, prompts=OBJECTS),
    )


_ablation = partial(Recipe, task=TASK)
NAIVE = (
    "The baseline of figure 1: Adam on the plain CLIP score from one random sample, without "
    "views, choice of the start or basis."
)
BASIN = (
    "Figure 17: a gradient-free search from a random sample without a basis; each member takes "
    "some steps of Adam before it is evaluated. The paper gives minutes, not steps: *steps* here "
    "are a guess for a GTX 3090. Needs `pip install cmaes`."
)
RECIPES = (
    _ablation("fusedream_biggan_naive", ("f05",), "CLIP and Adam alone", NAIVE, _naive),
    _ablation(
        "fusedream_biggan_naive_512",
        ("f05",),
        "CLIP and Adam alone at 512",
        NAIVE,
        partial(_naive, generator=BIGGAN),
    ),
    Recipe(
        "fusedream_biggan_dog_to_cat",
        ("f06",),
        "from a dog to a cat",
        "Figure 3: four dogs, and the results of Adam with the plain CLIP score of *a photo of "
        "a cat* (second row) and with AugCLIP (third row). The plain score rises and the dog "
        "stays.",
        _dog_to_cat,
        task="Change what a start shows by text",
    ),
    Recipe(
        "fusedream_pixels_attack",
        ("f07",),
        "the CLIP is fooled",
        "Figure 2: one step of the fast gradient sign method on the pixels of a picture, with "
        "the plain CLIP score (second image) and with AugCLIP (third). The paper finds that an "
        "invisible change raises the plain score strongly and AugCLIP hardly at all.",
        _attack,
        task="Attack a CLIP by a change of pixels",
    ),
    _ablation(
        "fusedream_biggan_initialisation",
        ("f08",),
        "where to start",
        "Figure 4, each in a row of the picture: a random sample; the best of ten thousand; the "
        "mean of the best five, without over-parametrisation; bases of five, ten and fifteen. "
        "The scores are in the order of the picture.",
        _initialisation,
    ),
    _ablation(
        "fusedream_biggan_gaussian_classes",
        ("f09",),
        "classes drawn from a Gaussian",
        "Figure 12: y ~ N(0, I) instead of class embeddings. The images are still noise after "
        "refinement.",
        partial(_text, prompts=FIGURE_4),
    ),
    *(_views(part, one) for part, one in zip("abcde", (*OPERATIONS, ""), strict=True)),
    _ablation(
        "fusedream_biggan_basin_cma_short",
        ("f11a",),
        "BasinCMA for five minutes",
        BASIN,
        partial(_basin, steps=MEGA_STEPS["short"]),
    ),
    _ablation(
        "fusedream_biggan_basin_cma_long",
        ("f11b",),
        "BasinCMA for thirty minutes",
        BASIN,
        partial(_basin, steps=MEGA_STEPS["long"]),
    ),
)
