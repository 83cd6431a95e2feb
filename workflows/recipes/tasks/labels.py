"""Tasks with labelled pictures: drawing and editing."""

from functools import partial

from ..files import AVATARS, AVATARS_HELD_OUT, AVATARS_PRIOR, EXAMPLE, WITH, WITHOUT
from ..graph import GraphBuilder, Link, Recipe
from ..template import ASKED, ENLARGED, STEER, Own, Template

__all__ = ["RECIPES"]

WANTED, EACH = "sunglasses", 50
"""What labels say, and the number of pictures with it and without it."""
BANK, BANK_STEPS = 2000, 10
SAMPLES, EDITED, SIDE = 9, 4, 64


def _labelled(graph: GraphBuilder) -> tuple[Link, Link, Link]:
    """Returns the condition of labelled pictures, the prior and its bank."""
    graph.load(AVATARS)
    prior = graph.add("LoadDiffusionPrior", file=AVATARS_PRIOR)
    drawn = graph.add("PriorGenerator", "Clean latents", prior=prior, latents="clean", steps=10)
    bank = graph.add("PriorInit", "Bank", generator=drawn, samples=BANK)
    shown = {"reference": AVATARS_HELD_OUT, "count": EACH}
    condition = graph.add(
        "FewShotCondition",
        wanted=WANTED,
        images=graph.add("ReferenceImages", "With", showing=WANTED, **shown),
        others=graph.add("ReferenceImages", "Without", showing=f"not {WANTED}", **shown),
        bank=bank,
        prior=prior,
    )
    return condition, prior, bank


def _drawn(recipe: Recipe) -> GraphBuilder:
    graph = GraphBuilder()
    condition, prior, _ = _labelled(graph)
    asked = {"condition": condition, "samples": SAMPLES, "prior": prior}
    graph.saved(recipe.id, graph.add("RejectionSample", **asked))
    return graph


def _edited(recipe: Recipe) -> GraphBuilder:
    graph = GraphBuilder()
    condition, prior, bank = _labelled(graph)
    given = graph.add("LoadImage", image=EXAMPLE)
    asked = {"images": given, "condition": condition, "prior": prior, "bank": bank}
    edited = graph.add("EditByCondition", **asked, results=EDITED)
    graph.pictured(recipe.id, edited, EDITED // 2, ENLARGED)
    return graph


SIZE = {"width": SIDE, "height": SIDE}
_labels = partial(Recipe, rows=())
_STAGES = {"Clean latents": ASKED, "Bank": ASKED}
RECIPES = (
    _labels(
        "avatars_labels",
        title="Avatars from labelled pictures",
        says="50 pictures with sunglasses and 50 without, and no text, make **Few-Shot "
        "Condition**: a classifier of latents. **Rejection Sample** draws from the diffusion "
        "prior what it accepts.",
        graph=_drawn,
        task="Draw images like pictures that you label",
        template=Template(
            "04 My own labels",
            "Draws new pictures of what some pictures show and others do not. No text is used.",
            (
                ("With.showing", "what the pictures with a label show, such as *beard*."),
                ("Without.showing", "the same with *not*."),
                ("Rejection Sample.samples", "how many pictures."),
            ),
            own=(
                Own("LoadImageSet", "Yours, with", "With", {"folder": WITH, **SIZE}),
                Own("LoadImageSet", "Yours, without", "Without", {"folder": WITHOUT, **SIZE}),
            ),
            stages=_STAGES,
            starter=False,
            shown=9,
        ),
    ),
    _labels(
        "avatars_edit_labels",
        title="Avatars edited by labelled pictures",
        says="**Edit by Condition** encodes pictures, moves their latents "
        "until a classifier of labelled pictures sees what is wanted, and decodes them.",
        graph=_edited,
        task="Edit pictures by labelled ones",
        template=Template(
            "11 Edit by labels",
            "Gives a picture what labelled pictures show. No text is used.",
            (
                ("With.showing", "what the pictures with a label show, such as *beard*."),
                ("Without.showing", "the same with *not*."),
                ("Load Image", "your own picture of an avatar."),
            ),
            stages={**_STAGES, "Edit by Condition": STEER},
            starter=False,
            tiles=(("Load Image", 0), *(("Edit by Condition", n) for n in range(3))),
        ),
    ),
)
