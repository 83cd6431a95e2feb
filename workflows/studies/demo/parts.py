"""The parts of the short demo, on shipped models: texts, classes, an edit, and few labels.

Each calls the functions of the nodes with their settings. Figures are a judge's that took no part;
inputs are fixed, not chosen by their results.
"""

from collections.abc import Callable, Mapping

from torch import Tensor

from ....core.auxiliary import Classifier
from ....core.clip import Clip
from ....core.conditions.prompts import text_condition
from ....core.metrics.attributes import evaluate_attributes
from ....core.metrics.classes import classifier_outputs
from ....core.metrics.intervals import wilson
from ....core.tasks.edit import EditPlan, edited
from ....core.tasks.plans import plan_of
from ....core.tasks.steer import CLAUSE_WEIGHT, steered
from ....core.tasks.words import changes
from ....core.zoo.avatar_edits import user_edits
from ....core.zoo.avatars import ATTRIBUTES, visible
from ....nodes.work import working
from ..edited import edit_figures
from .few_labels import few_labels
from .shipped import SEED, Budget, PartWatch, ShippedModels, decoded, tick
from .shown import Figure, Part, Picture, PictureGroup, numbers_of

__all__ = ["PARTS", "digits", "edit", "texts"]

EDIT = "sunglasses"
"""Words of the edit, in the list of users' edits."""
FIRST = 1000
"""Number of the first picture to edit: settings of edits were chosen on earlier ones."""


def texts(shipped: ShippedModels, budget: Budget) -> Part:
    """Avatars from texts, by Steer."""
    models, judge = shipped.avatars, shipped.avatars_judge
    assert isinstance(models.auxiliary, Clip)
    plan = plan_of(models, budget.quality)
    with working("texts", plan.work, models.generator, models, judge) as work:
        wanted = text_condition(
            models.auxiliary, "\n".join(budget.texts), clause_weight=CLAUSE_WEIGHT
        )
        latents = steered(
            models,
            wanted.condition,
            plan,
            samples=budget.samples,
            seed=SEED,
            chunking=work.chunking,
            device=work.device,
            watch=PartWatch(work),
        )
        images = decoded(latents, models, work)
        asked = [text for text in budget.texts for _ in range(budget.samples)]
        found = evaluate_attributes(
            judge, images, texts=asked, chunking=work.chunking, device=work.device
        )
        stated = [judge.stated_in(text) for text in asked]
        seen = judge.satisfied(images.to(work.device), stated)
    assert found.satisfied is not None
    pictures = [
        Picture(image, f"Avatar for the text: {text}", f"{sum(hits.values())} of {len(hits)}")
        for image, text, hits in zip(images, asked, seen, strict=True)
    ]
    groups = [
        PictureGroup(text, tuple(pictures[place * budget.samples :][: budget.samples]))
        for place, text in enumerate(budget.texts)
    ]
    return Part(
        "A VAE of avatars that knows no words follows a small CLIP that does. Starts come from "
        f"the nearest of {len(models.pairs or ()):,} stored pairs and are refined. Below each "
        "picture: how many of the things that its text states the judge sees.",
        tuple(groups),
        (Figure("texts_satisfied", "of all that the texts state is in the pictures"),),
        {**numbers_of("texts_satisfied", found.satisfied), "texts_images": len(images)},
    )


def digits(shipped: ShippedModels, budget: Budget) -> Part:
    """One digit of each class, by Steer."""
    models, judge = shipped.digits, shipped.digits_judge
    assert isinstance(models.auxiliary, Classifier)
    classes = models.auxiliary.classes
    plan = plan_of(models, budget.quality)
    with working("digits", plan.work, models.generator, models, judge) as work:
        latents = steered(
            models,
            models.auxiliary.condition(list(range(len(classes)))),
            plan,
            samples=1,
            seed=SEED,
            chunking=work.chunking,
            device=work.device,
            watch=PartWatch(work),
        )
        images = decoded(latents, models, work)
        p = classifier_outputs(judge, images, work.chunking, work.device).probabilities
    seen = [judge.classes[number] for number in p.argmax(dim=1).tolist()]
    right = [one == wanted for one, wanted in zip(seen, classes, strict=True)]
    pictures = [
        Picture(image, f"Digit drawn for the class {wanted}", f"{read} {tick(hit)}")
        for image, wanted, read, hit in zip(images, classes, seen, right, strict=True)
    ]
    return Part(
        "A GAN that draws any digit is steered to each class once. TR0N's translator proposes "
        "starts, and the best of a few is refined by Langevin dynamics. Below each picture: what "
        "the judge reads, a classifier of its own.",
        (PictureGroup(f"{classes[0]} to {classes[-1]}", tuple(pictures)),),
        (Figure("digits_right", "of the digits are read as their class"),),
        {
            **numbers_of("digits_right", wilson(sum(right), len(right))),
            "digits_probability": float(p.diagonal().mean()),
            "digits_images": len(images),
        },
    )


def edit(shipped: ShippedModels, budget: Budget) -> Part:
    """An edit of users on the first held-out pictures that it applies to, by Edit Image."""
    models, judge = shipped.avatars, shipped.avatars_judge
    wanted = next(one for one in user_edits() if one.words == EDIT)
    plan = EditPlan.of()
    pictures, values = shipped.held_out
    fits = [n for n in range(FIRST, len(values)) if wanted.applies(_visible(values[n]))]
    given = pictures[fits[: budget.pictures]]
    with working("edit", plan.looks, models.generator, models, judge) as work:
        found = edited(
            models,
            given,
            changes(wanted.words, wanted.instead),
            plan,
            seed=SEED,
            chunking=work.chunking,
            device=work.device,
            watch=PartWatch(work),
        )
        before, after = (decoded(one, models, work) for one in (found.start, found.latents))
        seen = [judge.likeliest(images.to(work.device)) for images in (before, after)]
    each = [
        edit_figures(judge, [one], [other], wanted.sets) for one, other in zip(*seen, strict=True)
    ]
    # Without a figure the judge saw what is wanted in the picture before.
    reached = [one["reached"] == 1 for one in each if one]
    # Shares of an avatar's attributes depend on each other, so that avatars are counted.
    kept = [one["kept"] == 1 for one in each if one]
    marks = [tick(one["reached"] == 1) if one else "before too" for one in each]
    return Part(
        f"Pictures that no model was trained on are changed by one word, {wanted.words}. Each "
        "latent moves along a direction made of stored pairs, only as far as the word needs.",
        (
            PictureGroup("Given", tuple(Picture(one, "An avatar to edit") for one in given)),
            PictureGroup(
                f"With {wanted.words}",
                tuple(
                    Picture(one, f"The avatar edited by the word {wanted.words}", mark)
                    for one, mark in zip(after, marks, strict=True)
                ),
            ),
        ),
        (
            Figure("edit_reached", f"of the results show {wanted.words}"),
            Figure("edit_kept", "of them keep all other attributes"),
        ),
        {
            **numbers_of("edit_reached", wilson(sum(reached), len(reached))),
            **numbers_of("edit_kept", wilson(sum(kept), len(kept))),
            "edit_images": len(after),
        },
    )


def _visible(values: Tensor) -> Mapping[str, str]:
    named = zip(ATTRIBUTES.items(), values.tolist(), strict=True)
    return visible({name: options[number] for (name, options), number in named})


PARTS: Mapping[str, tuple[str, Callable[[ShippedModels, Budget], Part]]] = {
    "texts": ("Eight texts", texts),
    "digits": ("Ten digits", digits),
    "edit": ("An edit", edit),
    "few": ("A hundred labels", few_labels),
}
"""Title and function of each part, in the order of the page."""
