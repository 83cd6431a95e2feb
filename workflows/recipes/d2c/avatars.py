"""D2C on the avatars: unconditional, from few labels, by words, and edits."""

from functools import partial
from typing import Any

from ..files import (
    AVATARS,
    AVATARS_CLIP,
    AVATARS_HELD_OUT,
    AVATARS_JUDGE,
    AVATARS_PAIRS,
    AVATARS_PRIOR,
    WITH,
    WITHOUT,
)
from ..graph import GraphBuilder, Link, Recipe
from .numbers import STEPS

__all__ = ["RECIPES"]

SAMPLES = 8
"""Samples of a row of pictures."""
OF_EACH, POSITIVES, UNLABELLED = 50, 100, 1000
"""Labels of each class; positives and unlabelled pictures."""
BANK, BANK_STEPS = 2000, 10
"""Draws of the prior whose means an edit follows, and their steps."""
EDITED, EDITED_FIRST = 6, 52
"""Edited pictures, and the number of the first among those without the value."""
SIDE = 64
ABOUT = (
    "\n\nRuns on the models shipped with LatentSteer, in half a minute on a laptop's processor."
)


class _Avatars(GraphBuilder):
    """Graph with the avatars' generator and its diffusion prior."""

    def __init__(self) -> None:
        super().__init__()
        self.load(AVATARS)
        self.prior = self.add("LoadDiffusionPrior", file=AVATARS_PRIOR)
        self.models["prior"] = self.prior

    def pictures(self, title: str, showing: str, count: int, first: int = 0) -> Link:
        """Adds shipped pictures that show a text."""
        picked = {"showing": showing, "count": count, "first": first}
        return self.add("ReferenceImages", title, reference=AVATARS_HELD_OUT, **picked)

    def labelled(self, wanted: str) -> Link:
        """Adds the condition of labelled pictures."""
        return self.add(
            "FewShotCondition",
            wanted=wanted,
            images=self.pictures("With", wanted, OF_EACH),
            others=self.pictures("Without", f"not {wanted}", OF_EACH),
            bank=self.bank(),
            prior=self.prior,
        )

    def bank(self) -> Link:
        """Adds draws of the prior, which also show how frequent the wanted class is."""
        drawn = self.add("PriorGenerator", "Clean latents", latents="clean", steps=BANK_STEPS)
        return self.add("PriorInit", "Bank", generator=drawn, samples=BANK)

    def sampled(self, title: str, condition: Link, **inputs: object) -> Link:
        """Adds rejection sampling from the prior."""
        settings = {"condition": condition, "samples": SAMPLES, "prior": self.prior, **inputs}
        return self.add("RejectionSample", title, **settings)

    def shown(self, name: str, wanted: str, rows: list[Link], columns: int = SAMPLES) -> None:
        """Saves rows of latents as one picture and judges each."""
        clip = self.add("LoadAuxModel", "Load CLIP", file=AVATARS_CLIP)
        asked = self.add("TextCondition", "What the judge asks", auxiliary=clip, prompts=wanted)
        images = [self.add("Decode", latents=one) for one in rows]
        for one in images:
            self.judged(one, AVATARS_JUDGE, condition=asked)
        self.pictured(name, self.stacked_images(images), columns)


def _unconditional(recipe: Recipe) -> GraphBuilder:
    graph = _Avatars()
    images: list[Link] = []
    gaussian = graph.add("PriorInit", "Gaussian", samples=SAMPLES)
    images.append(graph.add("Decode", "Decode Gaussian", latents=gaussian))
    for steps in STEPS:
        made = graph.add("PriorGenerator", f"{steps} steps", steps=steps)
        noise = graph.add("PriorInit", generator=made, samples=SAMPLES)
        images.append(graph.add("Decode", generator=made, latents=noise))
    for one in images:
        graph.judged(one, AVATARS_JUDGE, reference=AVATARS_HELD_OUT)
    graph.pictured(recipe.id, graph.stacked_images(images), SAMPLES)
    return graph


def _few_shot(recipe: Recipe, wanted: str) -> GraphBuilder:
    graph = _Avatars()
    condition = graph.labelled(wanted)
    exact = graph.sampled("Exact rejection", condition)
    above = graph.sampled("Above the threshold", condition, rule="threshold")
    guided = graph.add("GuidedSample", condition=condition, samples=SAMPLES, scale=3.0)
    graph.shown(recipe.id, wanted, [exact, above, guided])
    return graph


def _langevin(recipe: Recipe, wanted: str) -> GraphBuilder:
    graph = _Avatars()
    condition = graph.labelled(wanted)
    settings = {"condition": condition, "samples": SAMPLES}
    moved = graph.add("GuidedSample", "Langevin", method="Langevin", moves=30, **settings)
    guided = graph.add("GuidedSample", "Guidance", **settings)
    graph.shown(recipe.id, wanted, [moved, guided])
    return graph


def _positives(recipe: Recipe, wanted: str) -> GraphBuilder:
    graph = _Avatars()
    condition = graph.add(
        "FewShotCondition",
        wanted=wanted,
        images=graph.pictures("Positives", wanted, POSITIVES),
        unlabelled=graph.pictures("Unlabelled", "", UNLABELLED),
        prior=graph.prior,
    )
    drawn = [
        graph.sampled(f"Rule {rule}", condition, rule=rule) for rule in ("exact", "threshold")
    ]
    graph.shown(recipe.id, wanted, drawn)
    return graph


def _by_words(recipe: Recipe, wanted: str) -> GraphBuilder:
    graph = _Avatars()
    clip = graph.add("LoadAuxModel", "Load CLIP", file=AVATARS_CLIP)
    pairs = graph.add("LoadPairs", file=AVATARS_PAIRS)
    text = graph.add("TextCondition", "Wanted", auxiliary=clip, prompts=wanted)
    condition = graph.add("FewShotConditionByWords", pairs=pairs, auxiliary=clip, condition=text)
    exact = graph.sampled("Exact rejection", condition)
    guided = graph.add("GuidedSample", condition=condition, samples=SAMPLES)
    graph.shown(recipe.id, wanted, [exact, guided])
    return graph


def _manipulation(recipe: Recipe, wanted: str) -> GraphBuilder:
    graph = _Avatars()
    given = graph.pictures("What is edited", f"not {wanted}", EDITED, EDITED_FIRST)
    bank = graph.bank()
    condition = graph.add(
        "FewShotCondition",
        wanted=wanted,
        images=graph.pictures("With", wanted, OF_EACH),
        others=graph.pictures("Without", f"not {wanted}", OF_EACH),
        bank=bank,
        prior=graph.prior,
    )
    asked = {"images": given, "condition": condition, "prior": graph.prior}
    moves: dict[str, dict[str, Any]] = {
        "Bank mean": {"bank": bank},
        "Boundary": {"move": "vector", "strength": 16.0},
        "Gradient": {"move": "gradient", "strength": 12.0},
    }
    edited = [
        graph.add("EditByCondition", title, **asked, **inputs) for title, inputs in moves.items()
    ]
    clip = graph.add("LoadAuxModel", "Load CLIP", file=AVATARS_CLIP)
    text = graph.add("TextCondition", "What the judge asks", auxiliary=clip, prompts=wanted)
    for one in edited:
        graph.judged(one, AVATARS_JUDGE, condition=text)
    graph.pictured(recipe.id, graph.stacked_images([given, *edited]), EDITED)
    return graph


def _own_labels(recipe: Recipe) -> GraphBuilder:
    graph = _Avatars()
    size = {"width": SIDE, "height": SIDE}
    condition = graph.add(
        "FewShotCondition",
        images=graph.add("LoadImageSet", "Yours, with", folder=WITH, **size),
        others=graph.add("LoadImageSet", "Yours, without", folder=WITHOUT, **size),
        bank=graph.bank(),
        prior=graph.prior,
    )
    latents = graph.sampled("Rejection Sample", condition)
    images = graph.decoded(recipe.id, latents, SAMPLES)
    graph.judged(images, AVATARS_JUDGE, reference=AVATARS_HELD_OUT)
    return graph


_avatars = partial(Recipe, about=ABOUT)
RECIPES = (
    _avatars(
        "d2c_avatars_unconditional",
        ("d14", "d15", "d16"),
        "avatars without any condition",
        "Above, the avatars' VAE with its Gaussian prior, whose samples fall between those of "
        "images (the paper's holes). Below, the same decoder with a diffusion prior of its "
        "latents (**Load Diffusion Prior**, **Prior Generator**), the same noise after 10, 50 and "
        "100 steps.",
        _unconditional,
        task="Draw images with a diffusion prior",
    ),
    _avatars(
        "d2c_avatars_few_shot",
        ("d17", "d18", "d19", "d20"),
        "avatars from a hundred labels",
        "50 pictures with sunglasses and 50 without, and no text, make **Few-Shot Condition**: a "
        "classifier of latents. Rows: **Rejection Sample** draws from the diffusion prior and "
        "accepts by the exact rule, in proportion to the classifier's probability; the same with "
        "the *threshold* rule; **Guided Sample** follows the classifier's gradient and rejects "
        "nothing. Change *showing* and *wanted* for another value, such as hijab or beard.",
        partial(_few_shot, wanted="sunglasses"),
        task="Draw images by a few labelled pictures",
    ),
    _avatars(
        "d2c_avatars_langevin",
        (),
        "avatars from a hundred labels, by Langevin dynamics",
        "The dynamics of the paper's section 5: noisy steps along the classifier's gradient, each "
        "corrected by the diffusion prior. Below, guidance of the diffusion itself, which is "
        "faster and closer to real avatars.",
        partial(_langevin, wanted="beard"),
        task="Draw images by a few labelled pictures",
        like=("d17", "d18", "d19", "d20"),
    ),
    _avatars(
        "d2c_avatars_positives",
        ("d21", "d22", "d23", "d24"),
        "avatars like a hundred given ones",
        "Only pictures that show what is wanted are labelled: 100 with a hijab. Nothing is known "
        "of 1,000 others. The classifier learns from positives and unlabelled pictures (PU). "
        "Above the exact rule, below the *threshold* rule.",
        partial(_positives, wanted="hijab"),
        task="Draw images like some given ones",
    ),
    _avatars(
        "d2c_avatars_by_words",
        (),
        "a condition by words",
        "No picture is labelled. **Few-Shot Condition by Words** lets a CLIP label stored pairs "
        "by a text. Above exact rejection, below guidance.",
        partial(_by_words, wanted="sunglasses"),
        task="Draw images by words with a diffusion prior",
    ),
    _avatars(
        "d2c_avatars_manipulation",
        ("d25", "d26", "d27", "d28"),
        "avatars edited by a hundred labels",
        "The first row is given. **Edit by Condition** encodes it, moves the latents until the "
        "classifier sees what is wanted in the picture, corrects them by the diffusion prior and "
        "decodes them. Rows: towards the mean of draws that show it (*bank mean*); along the "
        "normal of the classifier's boundary, as the released code does; up its gradient with a "
        "pull to the start, as the paper says, which ends at the boundary, before the decoder "
        "draws what is wanted.",
        partial(_manipulation, wanted="sunglasses"),
        task="Edit pictures by a few labelled ones",
    ),
    _avatars(
        "d2c_own_labels",
        (),
        "your own labels",
        f"Put some 50 pictures with what you want into the folder `{WITH}` of the input folder "
        f"and as many without it into `{WITHOUT}`, and press R. They teach a classifier of "
        "latents, and **Rejection Sample** draws new ones. The generator must be able to draw "
        "such pictures: this one draws avatars. For another generator with an encoder, **Train "
        "Diffusion Prior** makes the prior.",
        _own_labels,
        task="Draw images by your own labelled pictures",
    ),
)
