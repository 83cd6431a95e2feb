"""D2C on official files, which users provide."""

from collections.abc import Sequence
from functools import partial

from ..files import (
    D2C_CELEBA_64,
    D2C_CELEBA_HQ,
    D2C_CIFAR_10,
    D2C_CIFAR_100,
    D2C_FFHQ,
    PICTURE,
    UNLABELLED,
    WITH,
    WITHOUT,
)
from ..graph import GraphBuilder, Link, Recipe
from ..rows import inputs_of, usual
from .numbers import STEPS

__all__ = ["RECIPES"]

SAMPLES = 16
"""Samples of a row of pictures; the paper's distances are of 50,000, and of 5,000 with labels."""
OF_EACH, POSITIVES, OTHERS = 50, 100, 10_000
"""Section 7.2: labels of each class; positives and unlabelled pictures."""
SIDE, LARGE = 64, 256
DISTANCE = " The paper's Frechet distance is {}."
NOWHERE = (
    " The authors released no file of this model: train one with `latentsteer train-d2c`, or use "
    "that of faces at 256 px."
)
TASK = "Draw images with a diffusion prior"
FEW_TASK, EDIT_TASK = "Draw images by a few labels", "Edit a picture by a few labels"


def _unconditional(recipe: Recipe, file: str) -> GraphBuilder:
    graph = GraphBuilder(usual(recipe.rows[0]))
    graph.load(file)
    latents = graph.add("PriorInit", samples=SAMPLES)
    graph.decoded(recipe.id, latents, 4)
    return graph


def _steps(recipe: Recipe, file: str) -> GraphBuilder:
    graph = GraphBuilder()
    images: list[Link] = []
    for row, steps in zip(recipe.rows, STEPS, strict=True):
        inputs = {**inputs_of(row, "LoadGenerator"), "file": file, "denoising_steps": steps}
        generator = graph.add("LoadGenerator", f"{steps} steps", **inputs)
        latents = graph.add("PriorInit", generator=generator, samples=SAMPLES)
        images.append(graph.add("Decode", generator=generator, latents=latents))
    graph.pictured(recipe.id, graph.stacked_images(images), SAMPLES)
    return graph


def _folder(graph: GraphBuilder, title: str, folder: str, limit: int, side: int) -> Link:
    size = {"width": side, "height": side, "limit": limit}
    return graph.add("LoadImageSet", title, folder=folder, **size)


def _labelled(graph: GraphBuilder, wanted: str, side: int) -> Link:
    return graph.add(
        "FewShotCondition",
        wanted=wanted,
        images=_folder(graph, "With", WITH, OF_EACH, side),
        others=_folder(graph, "Without", WITHOUT, OF_EACH, side),
    )


def _positives(graph: GraphBuilder, wanted: str, side: int) -> Link:
    return graph.add(
        "FewShotCondition",
        wanted=wanted,
        images=_folder(graph, "With", WITH, POSITIVES, side),
        unlabelled=_folder(graph, "Unlabelled", UNLABELLED, OTHERS, side),
    )


def _few_shot(recipe: Recipe, wanted: str, *, labelled: bool) -> GraphBuilder:
    graph = GraphBuilder(usual(recipe.rows[0]))
    graph.load(D2C_CELEBA_64)
    condition = (_labelled if labelled else _positives)(graph, wanted, SIDE)
    latents = graph.add("RejectionSample", condition=condition, samples=SAMPLES)
    graph.decoded(recipe.id, latents, 4)
    return graph


def _editing(recipe: Recipe, wanted: str) -> GraphBuilder:
    graph = GraphBuilder(usual(recipe.rows[0]))
    graph.load(D2C_FFHQ)
    if graph.usual.get("LoadBoundary"):
        condition = graph.add("LoadBoundary", name=wanted)
    else:
        condition = _labelled(graph, wanted, LARGE)
    prior = graph.add("GeneratorPrior")
    source = graph.add("LoadImage", "What is edited", image=PICTURE)
    edited = graph.add("EditByCondition", condition=condition, images=source, prior=prior)
    graph.pictured(recipe.id, edited, 1)
    return graph


def _faces(name: str, row: str, file: str, data: str, distance: str, more: str) -> Recipe:
    return Recipe(
        f"d2c_{name}",
        (row,),
        f"{data}, unconditional",
        f"100 steps of DDIM turn noise into latents, which the autoencoder decodes.{more}"
        + DISTANCE.format(distance),
        partial(_unconditional, file=file),
        task=TASK,
    )


def _sweep(name: str, first: int, file: str, data: str, distances: Sequence[str]) -> Recipe:
    rows = tuple(f"d{first + place:02}" for place in range(len(STEPS)))
    listed = ", ".join(f"{one} at {steps}" for one, steps in zip(distances, STEPS, strict=True))
    return Recipe(
        f"d2c_{name}_steps",
        rows,
        f"{data}, by the number of steps",
        "The same noise after 10, 50 and 100 steps of DDIM, a row each. The paper's Frechet "
        f"distances are {listed}.{NOWHERE}",
        partial(_steps, file=file),
        task=TASK,
    )


def _class(row: str, wanted: str, share: str, distance: str, *, labelled: bool) -> Recipe:
    kind = "labels" if labelled else "positives"
    says = (
        "50 pictures that show what is wanted and 50 that do not train a classifier of latents"
        if labelled
        else "100 pictures that show what is wanted and 10,000 unlabelled ones train a "
        "classifier of latents"
    )
    return Recipe(
        f"d2c_celeba64_{wanted.replace('-', '_').replace(' ', '_')}_{kind}",
        (row,),
        f"CelebA, {wanted} ({share} of the pictures), from {kind}",
        f"{says}, and **Rejection Sample** draws from the prior those that it accepts."
        + DISTANCE.format(distance)
        + NOWHERE,
        partial(_few_shot, wanted=wanted, labelled=labelled),
        task=FEW_TASK,
    )


def _edit(row: str, wanted: str, says: str) -> Recipe:
    return Recipe(
        f"d2c_faces_{wanted.replace(' ', '_')}",
        (row,),
        f"faces edited: {wanted}",
        f"The picture is encoded, moved, corrected by the diffusion and decoded. {says}",
        partial(_editing, wanted=wanted),
        task=EDIT_TASK,
    )


BOUNDARY = (
    "**Load Boundary** opens the authors' boundary. A strength of 1 is one of their steps if its "
    "length is 1; the text on Load Boundary states the strength of a step. {}"
)
RECIPES = (
    _faces("celeba64", "d05", D2C_CELEBA_64, "CelebA at 64", "5.7", NOWHERE),
    _faces("celeba_hq", "d06", D2C_CELEBA_HQ, "CelebA-HQ at 256", "18.74", NOWHERE),
    _faces("ffhq", "d07", D2C_FFHQ, "FFHQ at 256", "13.04", ""),
    _sweep("cifar10", 8, D2C_CIFAR_10, "CIFAR-10", ("17.71", "10.11", "10.15")),
    _sweep("cifar100", 11, D2C_CIFAR_100, "CIFAR-100", ("23.16", "14.62", "14.46")),
    _sweep("celeba64", 14, D2C_CELEBA_64, "CelebA at 64", ("17.32", "6.8", "5.7")),
    _class("d17", "male", "42 %", "13.44", labelled=True),
    _class("d18", "female", "58 %", "9.51", labelled=True),
    _class("d19", "blond", "15 %", "17.61", labelled=True),
    _class("d20", "not blond", "85 %", "8.94", labelled=True),
    _class("d21", "male", "42 %", "16.39", labelled=False),
    _class("d22", "female", "58 %", "12.21", labelled=False),
    _class("d23", "blond", "15 %", "10.09", labelled=False),
    _class("d24", "not blond", "85 %", "9.09", labelled=False),
    _edit(
        "d25", "blond", BOUNDARY.format("Evaluators preferred it in 51.5 % to StyleGAN2's edits.")
    ),
    _edit(
        "d26",
        "red lipstick",
        BOUNDARY.format("Evaluators preferred it in 60.8 % to StyleGAN2's edits."),
    ),
    _edit("d27", "beard", BOUNDARY.format("The paper shows pictures of it.")),
    _edit(
        "d28",
        "gender",
        "The move is the paper's, up the gradient of the classifier's log probability with a "
        "pull to the start. The paper shows pictures of it in an appendix that is not published.",
    ),
)
