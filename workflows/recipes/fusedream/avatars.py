"""FuseDream on the avatars: images by text, compositions and further workflows."""

from collections.abc import Mapping
from functools import partial
from typing import Any

from ....core.zoo.avatar_captions import PROMPTS
from ..graph import GraphBuilder, Link, Recipe
from .avatars_graph import START, TASK, FuseDreamAvatars, avatars
from .composed import TRACE

__all__ = ["COMPOSED", "RECIPES", "SCALE"]

PER_PROMPT, SEEDS, BEST, FRAMES = 2, 12, 8, 8
PAIRS = (
    ("purple hijab, glasses", "grey bob, dark skin"),
    ("orange turban, dark skin", "blonde curly hair, light skin"),
)
"""Prompts of a foreground and a background."""
COMPOSED: Mapping[str, Any] = {"steps": 10, "learning_rate": 0.01}
SCALE = 0.5
"""Scale and place of the foreground."""
STRANGE = (
    "green skin, red hat\nblue afro, purple background\nwinking, orange hoodie\n"
    "a red hat and a yellow turban"
)


def _text(recipe: Recipe, prompts: str = "\n".join(PROMPTS)) -> GraphBuilder:
    graph = FuseDreamAvatars()
    condition = graph.text(prompts, PER_PROMPT)
    energy = graph.score(condition)
    latents = graph.refined(graph.basis(condition, energy), energy)
    graph.curves(latents)
    graph.finished(recipe, latents, condition, PER_PROMPT)
    return graph


def _composition(recipe: Recipe) -> GraphBuilder:
    graph = FuseDreamAvatars()
    both = graph.text("\n".join(" | ".join(pair) for pair in PAIRS), title="Both texts")
    starts: list[Link] = []
    for seed, texts in enumerate(zip(*PAIRS, strict=True)):
        condition = graph.text("\n".join(texts), title=("Foreground", "Background")[seed])
        own = graph.score(condition)
        starts.append(graph.refined(graph.basis(condition, own, seed=seed), own))
    images = graph.add(
        "ComposeFuse",
        foreground=starts[0],
        background=starts[1],
        energy=graph.score(both),
        auxiliary=graph.models["auxiliary"],
        secondary_weight=0.1,
        scales=f"{SCALE}",
        **COMPOSED,
    )
    graph.curves(images, TRACE)
    graph.pictured(recipe.id, images, 2)
    graph.scored(images, both)
    graph.judge(images)
    return graph


def _interpolation(recipe: Recipe) -> GraphBuilder:
    graph = FuseDreamAvatars()
    ends: list[Link] = []
    for prompts in (PROMPTS[:3], PROMPTS[3:6]):
        condition = graph.text("\n".join(prompts))
        energy = graph.score(condition)
        ends.append(graph.refined(graph.basis(condition, energy), energy))
    graph.curves(ends[-1])
    between = graph.add("InterpolateLatents", first=ends[0], second=ends[1], frames=FRAMES)
    graph.judge(graph.decoded(recipe.id, between, FRAMES))
    return graph


def _best_of_seeds(recipe: Recipe) -> GraphBuilder:
    graph = FuseDreamAvatars()
    condition = graph.text(PROMPTS[2], SEEDS)
    energy = graph.score(condition)
    many = graph.refined(graph.basis(condition, energy), energy)
    graph.curves(many)
    best = graph.add("BestLatents", batch=many, energy=energy, keep=BEST)
    images = graph.decoded(recipe.id, best, 4)
    shown = graph.text(PROMPTS[2], BEST, "What is shown")
    graph.scored(images, shown)
    graph.judge(images, shown)
    return graph


def _initial_basis(recipe: Recipe) -> GraphBuilder:
    graph = FuseDreamAvatars()
    prompts = "\n".join(PROMPTS[:4])
    condition = graph.text(prompts)
    basis = graph.output(graph.basis(condition, graph.score(condition)), 1)
    images = graph.decoded(recipe.id, basis, START["keep"])
    many = graph.text(prompts, START["keep"], "As many rows as are shown")
    graph.scored(images, many)
    graph.judge(images, many)
    return graph


def _upscaled(recipe: Recipe) -> GraphBuilder:
    graph = FuseDreamAvatars()
    condition = graph.text("\n".join(PROMPTS[4:8]))
    energy = graph.score(condition)
    latents = graph.refined(graph.basis(condition, energy), energy)
    graph.curves(latents)
    images = graph.add("Decode", latents=latents)
    graph.add("PreviewImage", "Before", images=images)
    large = graph.add("ImageScaleBy", image=images, upscale_method="lanczos", scale_by=4.0)
    graph.pictured(recipe.id, large, 4)
    graph.judge(images, condition)
    return graph


RECIPES = (
    avatars(
        "fusedream_avatars_text",
        ("f01", "f02", "f03", "f04"),
        "avatars by text",
        "The whole method on one image: **Basis Init** draws 150 samples for each image and "
        "makes the best five a basis, and **Adam Refine** moves basis and weights together on "
        "AugCLIP. Nothing is trained. A line of *prompts* is a row of the picture.",
        _text,
        task=TASK,
        improves="satisfied",
    ),
    avatars(
        "fusedream_avatars_composition",
        ("f12", "f13", "f14", "f15", "f16"),
        "avatars composed",
        "Two persons in one picture: a small avatar is pasted on a large one; each is refined "
        "for its own text, and then both together. By the dynamic barrier, AugCLIP of the whole "
        "with both texts comes first, and the similarity of the foreground to the covered "
        "region second. Half the size is tried at nine places, and the best is blended. The "
        "paper also tries *scales* of 0.65 and starts from the bases themselves. *method* has "
        "the other methods of the paper; f16 is this workflow for many seeds.",
        _composition,
        task="Compose two avatars in one picture",
    ),
    avatars(
        "fusedream_avatars_interpolation",
        ("f17",),
        "from avatar to avatar",
        "Two texts are refined separately, and their latents are connected by a straight line, "
        f"in {FRAMES} frames.",
        _interpolation,
        task="Interpolate between two avatars",
    ),
    avatars(
        "fusedream_avatars_best_of_seeds",
        ("f16", "f19", "f20"),
        "the best of many seeds",
        f"The best {BEST} of {SEEDS} seeds by AugCLIP, the best first. The paper keeps 36 of 50 "
        "of a composition (figure 10), and one or three of five.",
        _best_of_seeds,
        task=TASK,
    ),
    avatars(
        "fusedream_avatars_out_of_domain",
        ("f20", "f21"),
        "avatars never seen",
        "Unlike any avatar in the training data: green skin, blue hair, a wink that the "
        "generator rarely draws, two hats.",
        partial(_text, prompts=STRANGE),
        task=TASK,
        improves="satisfied",
    ),
    avatars(
        "fusedream_avatars_initial_basis",
        ("f18",),
        "the first basis",
        "The best five of 150 samples, which are the initial basis; a row for each text, the "
        "best first. Nothing is refined.",
        _initial_basis,
        task=TASK,
    ),
    avatars(
        "fusedream_avatars_upscaled",
        ("f22",),
        "avatars four times as large",
        "The host's own **Upscale Image By** makes images four times as large. For Real-ESRGAN, "
        "as in the paper, use **Load Upscale Model** and **Upscale Image (using Model)**: the "
        "workflow *fusedream_biggan_upscaled*.",
        _upscaled,
        task="Enlarge the generated images",
        improves="satisfied",
    ),
)
