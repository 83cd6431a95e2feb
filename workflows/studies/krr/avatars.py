"""KRR flow's conditional experiments in miniature, on the avatars: text, inpainting, editing.

The judge took no part in steering, and no model was trained on the completed and edited pictures.
Settings were chosen on seeds 7 and 8, on other captions and pictures.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from statistics import fmean
from typing import Any

import torch
from torch import Tensor

from ....core.conditions.mixing import averaged
from ....core.conditions.prompts import text_condition
from ....core.energies.masked import masked
from ....core.energies.perceptual import pixels
from ....core.energies.similarity import similarity
from ....core.energy import Energy
from ....core.features import feature_map
from ....core.krr.settings import FlowSettings
from ....core.latents import Latents
from ....core.zoo import shipped as catalogue
from ....core.zoo.avatar_captions import AvatarPrompt
from ...recipes.krr import avatars as recipe
from ...recipes.krr.avatars import (
    CANDIDATES,
    COMPLETIONS,
    EDITED_VARIATION,
    KEPT,
    KNOWN,
    NEIGHBOURS,
    OF_EACH,
    PARTNERS,
    PASTED,
    SAMPLES,
    SPREAD,
    TEXT_WEIGHT,
    VARIATION,
)
from ..avatars_models import avatars_models
from ..session import Progress
from .runs import Run, Runner

__all__ = ["EDITS", "HOLES", "AvatarsFlow", "Edit", "hole", "pairwise"]

FEWER = 20
"""Draws of the prior per start, where there are many starts."""


def _run(flow: Mapping[str, Any], generated: float = 1.0) -> Run:
    """Returns the flow of a workflow, with a weight of the density."""
    width = flow.get("bandwidth_number", "median")
    settings = FlowSettings(generated=generated, eta=flow["eta"], bandwidth=width)
    return Run(settings, flow["step_size"], flow["steps"])


TEXT = _run(recipe.TEXT, generated=2.0)
INPAINTING, EDITING = _run(recipe.INPAINTING), _run(recipe.EDITING)


@dataclass(frozen=True)
class Edit:
    """A change by text.

    Attributes:
        wanted: text of the result.
        attribute: attribute that should change.
        value: its target value.
    """

    wanted: str
    attribute: str
    value: str


EDITS = (
    Edit("sunglasses", "accessory", "sunglasses"),
    Edit("beard", "facial_hair", "beard"),
    Edit("smiling", "mouth", "smile"),
    Edit("blue background", "background", "blue"),
)
HOLES: Mapping[str, tuple[int, int, int, int]] = {
    "top": (0, 26, 0, 64),
    "bottom": (38, 64, 0, 64),
    "right": (0, 64, 36, 64),
}
"""Box of the unknown region: first and last row, first and last column."""


def hole(name: str) -> Tensor:
    """Returns a mask, 1 where the picture is unknown."""
    first, last, left, right = HOLES[name]
    mask = torch.zeros(1, 64, 64)
    mask[:, first:last, left:right] = 1
    return mask


def pairwise(features: Tensor) -> float:
    """Returns the mean distance of all pairs."""
    return float(torch.pdist(features.double()).mean())


class AvatarsFlow:
    """The embedded avatars with their CLIP and judge.

    Args:
        seed: seed of starts.
        device: device of the models.
        say: callback with messages on progress.
    """

    def __init__(self, seed: int, device: torch.device, say: Progress) -> None:
        generator, self.clip, self.judge = avatars_models(device)
        self.seed, self.device, self.say = seed, device, say
        self.runner = Runner(generator, seed=seed, device=device, say=say)
        self.features = feature_map(self.clip)
        self.pictures, _ = catalogue.reference_images("avatars held out (embedded)")
        self._partners: dict[str, Latents] = {}

    def by_text(self, prompt: AvatarPrompt, *, apart: bool = False) -> dict[str, Latents]:
        """Returns samples of one prompt: starts, with the condition alone, and with the density.

        Args:
            prompt: text.
            apart: whether each has a separate start; otherwise they are variations of one that was
                refined with the condition.
        """
        condition = text_condition(self.clip, prompt.text).condition
        energy = similarity(self.clip, condition, scaled=True)
        count, draws = (SAMPLES, FEWER) if apart else (1, CANDIDATES)
        start = self.runner.prior(count, prompt.text, energy=energy, candidates=draws)
        if not apart:
            lone = self._alone(TEXT)
            led = self.runner.flow(start, lone, self.features, condition=energy)
            start = self.runner.varied(led.after[lone.steps], SAMPLES, VARIATION, energy=energy)
        return self._both(start, TEXT, energy)

    def completed(self, source: Tensor, mask: Tensor) -> dict[str, Latents]:
        """Returns completions of one picture, from the best starts with random parts."""
        energy = masked(source, mask, pixel_weight=KNOWN)
        drawn = self.runner.images(self.runner.prior(PASTED, "completion"))
        start = self.encoded(source + mask * (drawn - source))
        start = self.runner.best(start, energy, COMPLETIONS)
        return self._both(start, INPAINTING, energy)

    def edited(self, source: Tensor, edit: Edit) -> dict[str, Latents]:
        """Returns edits of one picture, from its best variations, half towards the text."""
        meant = self.clip.image_condition(source.to(self.device))
        text = text_condition(self.clip, edit.wanted).condition
        both = averaged(meant, text, second_weight=TEXT_WEIGHT)
        energy = similarity(self.clip, both, scaled=True) + KEPT * pixels(source)
        start = self.runner.varied(
            self.encoded(source),
            COMPLETIONS,
            EDITED_VARIATION,
            spread=SPREAD,
            towards=self._best_for(edit.wanted),
            energy=energy,
            candidates=NEIGHBOURS,
        )
        return self._both(start, EDITING, energy)

    @torch.no_grad()
    def encoded(self, source: Tensor) -> Latents:
        """Returns latents of a picture."""
        encode = self.runner.generator.encode
        assert encode is not None
        return self.runner.latents(encode(source.to(self.device)))

    @torch.no_grad()
    def judge_features(self, images: Tensor) -> Tensor:
        """Returns the judge's features."""
        return self.judge.features(images.to(self.device)).cpu()

    def share(self, images: Tensor, prompt: AvatarPrompt) -> float:
        """Returns the share of the prompt's constraints that the images satisfy."""
        wanted = [prompt.constraints] * len(images)
        satisfied = self.judge.satisfied(images.to(self.device), wanted)
        return fmean(hit for one in satisfied for hit in one.values())

    def _best_for(self, text: str) -> Latents:
        """Returns the draws of the prior that match a text best."""
        if text not in self._partners:
            condition = text_condition(self.clip, text).condition
            self._partners[text] = self.runner.prior(
                PARTNERS,
                "partners",
                energy=similarity(self.clip, condition),
                candidates=OF_EACH,
            )
        return self._partners[text]

    def _both(self, start: Latents, run: Run, energy: Energy) -> dict[str, Latents]:
        found = {"start": start}
        for name, one in (("alone", self._alone(run)), ("flow", run)):
            flowing = self.runner.flow(start, one, self.features, condition=energy)
            found[name] = flowing.after[one.steps]
        return found

    def _alone(self, run: Run) -> Run:
        return replace(run, settings=replace(run.settings, generated=0.0))
