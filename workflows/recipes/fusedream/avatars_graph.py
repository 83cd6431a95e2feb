"""The graph of FuseDream's workflows on the avatars."""

from collections.abc import Mapping
from functools import partial
from typing import Any

from ..files import AVATARS, AVATARS_CLIP, AVATARS_HELD_OUT, AVATARS_JUDGE
from ..graph import GraphBuilder, Link, Recipe

__all__ = ["AUGMENTED", "PLAIN", "RATE", "START", "TASK", "FuseDreamAvatars", "avatars"]

RATE, STEPS, VIEWS = 0.05, 60, 4
START: Mapping[str, Any] = {"candidates": 150, "keep": 5}
"""Candidates M and kept candidates k."""
PLAIN, AUGMENTED = "Plain CLIP", "AugCLIP"
TASK = "Draw avatars by text from a basis of the best samples"
ABOUT = (
    "\n\nRuns on the models shipped with LatentSteer, in a minute or two on a laptop's processor."
)
avatars = partial(Recipe, about=ABOUT)


class FuseDreamAvatars(GraphBuilder):
    """Graph with the models of the avatars, and fewer and longer steps than in the paper."""

    def __init__(self, *, pixels: bool = False) -> None:
        super().__init__(
            {
                "EnergyCLIP": {"views": VIEWS},
                "BasisInit": START,
                # Fixed chunks are padded to eight rows, and there are often four.
                "AdamRefine": {
                    **{"steps": STEPS, "learning_rate": RATE, "preview_every": 20},
                    "chunk": "fast",
                },
                "CLIPScore": {"views": 50},
            }
        )
        self.load("" if pixels else AVATARS, AVATARS_CLIP)

    def score(self, condition: Link, title: str = AUGMENTED, **inputs: object) -> Link:
        """Adds AugCLIP with few views."""
        return self.add("EnergyCLIP", title, condition=condition, **inputs)

    def basis(self, condition: Link, energy: Link, **inputs: object) -> Link:
        """Adds a basis of the best of 150."""
        return self.add("BasisInit", energy=energy, condition=condition, **inputs)

    def refined(self, start: Link, energy: Link, title: str = "") -> Link:
        """Refines by Adam."""
        return self.add("AdamRefine", title, start=start, energy=energy)

    def judge(self, images: Link, condition: Link | None = None) -> None:
        """Evaluates by the prompts, or else against avatars that no model was trained on."""
        asked = {"reference": AVATARS_HELD_OUT} if condition is None else {"condition": condition}
        self.judged(images, AVATARS_JUDGE, **asked)

    def finished(self, recipe: Recipe, latents: Link, condition: Link, columns: int) -> None:
        """Decodes, saves, scores and judges."""
        images = self.decoded(recipe.id, latents, columns)
        self.scored(images, condition)
        self.judge(images, condition)
