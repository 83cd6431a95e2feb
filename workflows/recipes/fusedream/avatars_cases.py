"""FuseDream's case studies and ablations on the avatars."""

from collections.abc import Sequence
from typing import Any

from ....core.views.augclip import OPERATIONS
from ....core.zoo.avatar_captions import PROMPTS
from ..files import AVATARS_HELD_OUT
from ..graph import GraphBuilder, Link, Recipe
from .avatars_graph import AUGMENTED, PLAIN, RATE, START, TASK, FuseDreamAvatars, avatars

__all__ = ["RECIPES"]

FOUR = "\n".join(PROMPTS[:4])


def _compared(graph: FuseDreamAvatars, recipe: Recipe, ends: Sequence[Link]) -> None:
    """Adds a row of the picture for each, with the same four prompts."""
    graph.curves(ends[-1])
    images = graph.decoded(recipe.id, graph.stacked_plain(ends), 4)
    many = graph.text("\n".join([FOUR] * len(ends)), title="The prompts of every row")
    graph.scored(images, many)
    graph.judge(images, many)


def _initialisation(recipe: Recipe) -> GraphBuilder:
    graph = FuseDreamAvatars()
    condition = graph.text(FOUR)
    energy = graph.score(condition)
    basis = graph.basis(condition, energy)
    drawn = {"condition": condition, "energy": energy}
    starts = {
        "One random sample": graph.add("PriorInit", **drawn),
        "The best of 150": graph.add("PriorInit", **drawn, candidates=START["candidates"]),
        "The mean of the best 5": graph.add("PlainLatents", batch=basis),
        "A basis of 5": basis,
    }
    ends = [graph.refined(start, energy, title) for title, start in starts.items()]
    _compared(graph, recipe, ends)
    return graph


def _views(recipe: Recipe) -> GraphBuilder:
    graph = FuseDreamAvatars()
    condition = graph.text(FOUR)
    start = graph.basis(condition, graph.score(condition))
    ends: list[Link] = []
    for operation in (*OPERATIONS, ""):
        on: dict[str, Any] = {name: operation in (name, "") for name in OPERATIONS}
        title = operation or "all four"
        energy = graph.score(condition, f"AugCLIP, {title}", **on)
        ends.append(graph.refined(start, energy, f"By {title}"))
    _compared(graph, recipe, ends)
    return graph


def _wrong_start(recipe: Recipe) -> GraphBuilder:
    graph = FuseDreamAvatars()
    other = graph.text("bald, black beard, serious, white shirt", title="What it starts as")
    best = {"energy": graph.score(other, "What it starts as", views=0), "candidates": 100}
    start = graph.add("PriorInit", condition=other, samples=4, **best)
    wanted = graph.text("smiling, pink long hair, yellow shirt", title="What is wanted")
    plain, views = graph.score(wanted, PLAIN, views=0), graph.score(wanted)
    ends = [
        graph.refined(start, plain, "By plain CLIP"),
        graph.refined(start, views, "By AugCLIP"),
    ]
    for end in ends:
        graph.curves(end)
    graph.finished(recipe, graph.stacked_plain([start, *ends]), wanted, 4)
    return graph


def _attack(recipe: Recipe) -> GraphBuilder:
    graph = FuseDreamAvatars(pixels=True)
    images = given = graph.add("ReferenceImages", reference=AVATARS_HELD_OUT, count=4)
    condition = graph.text("a yellow turban, sticking the tongue out, dark skin")
    for title, views in ((PLAIN, 0), (AUGMENTED, 50)):
        energy = graph.score(condition, title, views=views)
        moved = graph.add("ImageGradientStep", f"By {title}", images=given, energy=energy)
        images = graph.add("StackImages", first=images, second=moved)
    graph.pictured(recipe.id, images, 4)
    graph.scored(images, condition, "Plain CLIP scores", views=0)
    graph.scored(images, condition, "AugCLIP scores")
    graph.judge(images, condition)
    return graph


def _basin(recipe: Recipe) -> GraphBuilder:
    graph = FuseDreamAvatars()
    condition = graph.text(FOUR)
    energy = graph.score(condition)
    start = graph.add("PriorInit", condition=condition)
    budget = {"steps": 10, "population": 8, "inner_steps": 3, "inner_rate": RATE}
    latents = graph.add("CMAESRefine", start=start, energy=energy, **budget)
    graph.curves(latents)
    graph.finished(recipe, latents, condition, 4)
    return graph


RECIPES = (
    avatars(
        "fusedream_avatars_initialisation",
        ("f08",),
        "where avatars start",
        "Each start in a row of the picture: a random sample; the best of 150; the mean of the "
        "best five, without over-parametrisation; a basis of five.",
        _initialisation,
        task=TASK,
    ),
    avatars(
        "fusedream_avatars_views",
        ("f10",),
        "avatars with other views",
        "Views by a single operation, one per row: colour, translation, resize, cutout; the "
        "last row uses all four. The final scores use all four.",
        _views,
        task=TASK,
    ),
    avatars(
        "fusedream_avatars_wrong_start",
        ("f06",),
        "from one avatar to another",
        "Case study 2: samples of another text, and the results of Adam with the plain CLIP "
        "score (second row) and with AugCLIP (third row), without a basis. In the paper a dog "
        "should become a cat.",
        _wrong_start,
        task="Change what a start shows by text",
    ),
    avatars(
        "fusedream_avatars_attack",
        ("f07",),
        "the CLIP is fooled",
        "Case study 1: one step of the fast gradient sign method on the pixels of given "
        "pictures, with the plain CLIP score (second row) and with AugCLIP (third row). The "
        "change is hardly visible; the plain score rises strongly, AugCLIP less.",
        _attack,
        task="Attack a CLIP by a change of pixels",
    ),
    avatars(
        "fusedream_avatars_basin_cma",
        ("f11",),
        "avatars by BasinCMA",
        "A gradient-free search from random samples, without a basis: CMA-ES whose members each "
        "take some steps of Adam before they are evaluated (BasinCMA). Needs "
        "`pip install cmaes`. In the paper it needs minutes, and Adam less.",
        _basin,
        task=TASK,
        improves="satisfied",
    ),
)
