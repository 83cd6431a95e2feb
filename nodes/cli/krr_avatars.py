"""KRR flow's conditional experiments in miniature, on the avatars: text, inpainting, editing.

The judge took part in nothing, and the pictures that are completed and edited are ones that no
model was trained on. Settings were chosen on seeds 7 and 8, on other captions and pictures.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from statistics import fmean

import torch
from torch import Tensor

from ...core.architectures import load_generator
from ...core.auxiliaries import load_auxiliary
from ...core.auxiliary import AttributeJudge
from ...core.clip import Clip
from ...core.energies.direction import away_from, text_direction
from ...core.energies.masked import masked
from ...core.energies.perceptual import pixels
from ...core.energies.similarity import similarity
from ...core.energy import Energy
from ...core.krr.features import feature_map
from ...core.krr.settings import FlowSettings
from ...core.latents import Latents
from ...core.prompts import text_condition
from ...core.refine.rules import langevin
from ...core.zoo import catalogue
from ...core.zoo.avatar_captions import Prompt
from .krr_runs import Run, Runner
from .steering import Progress, moved

__all__ = ["EDITS", "HOLES", "AvatarsFlow", "Edit", "hole", "pairwise"]

SAMPLES, COMPLETIONS, EDITED = 16, 4, 4
"""Samples of a prompt, completions of a picture, edits of one."""
NEAR, NEARNESS, NEAR_STEPS = 0.02, 100.0, 10
"""Step size and inverse temperature of the noisy steps that make several starts of one picture."""
CANDIDATES = 20
"""Draws of the prior for every sample of a prompt, of which the likeliest is its start."""
TEXT = Run(FlowSettings(generated=1.0, condition=1.0, eta=16.0), step_size=0.05, steps=40)
INPAINTING = Run(FlowSettings(generated=1.0, condition=1.0, eta=4.0), step_size=0.05, steps=60)
EDITING = Run(FlowSettings(generated=1.0, condition=1.0, eta=4.0), step_size=0.05, steps=40)
PIXELS_KNOWN, PIXELS_KEPT, TURNED = 1000.0, 100.0, 20.0
"""Weights of the known region, of a source's pixels and of the direction."""


@dataclass(frozen=True)
class Edit:
    """A change by text.

    Attributes:
        wanted: the text that should hold.
        neutral: the same without what is wanted.
        attribute: that should change.
        value: to this.
    """

    wanted: str
    neutral: str
    attribute: str
    value: str


EDITS = (
    Edit("a person with sunglasses", "a person", "accessory", "sunglasses"),
    Edit("a person with a beard", "a person", "facial_hair", "beard"),
    Edit("a person, blue background", "a person", "background", "blue"),
)
HOLES: Mapping[str, tuple[int, int, int, int]] = {
    "top": (0, 26, 0, 64),
    "bottom": (38, 64, 0, 64),
    "right": (0, 64, 36, 64),
}
"""First and last row, first and last column."""


def hole(name: str) -> Tensor:
    """A mask, 1 where nothing is known."""
    first, last, left, right = HOLES[name]
    mask = torch.zeros(1, 64, 64)
    mask[:, first:last, left:right] = 1
    return mask


def pairwise(features: Tensor) -> float:
    """The mean distance of all pairs."""
    return float(torch.pdist(features.double()).mean())


class AvatarsFlow:
    """The embedded avatars with their CLIP and judge.

    Args:
        seed: of starts.
        device: where to compute.
        say: told what is being done.
    """

    def __init__(self, seed: int, device: torch.device, say: Progress) -> None:
        path = catalogue.embedded
        clip = load_auxiliary(path("avatars CLIP (embedded)"))
        judge = load_auxiliary(path("avatars judge (embedded)"))
        assert isinstance(clip, Clip)
        assert isinstance(judge, AttributeJudge)
        self.clip, self.judge = moved(clip, device), moved(judge, device)
        self.seed, self.device, self.say = seed, device, say
        generator = load_generator(path("avatars (embedded)"))
        self.runner = Runner(generator, seed=seed, device=device, say=say)
        self.features = feature_map(self.clip)
        self.pictures, _ = catalogue.reference_images("avatars held out (embedded)")

    def by_text(self, prompt: Prompt) -> dict[str, Latents]:
        """Samples of one prompt: the starts, with the condition alone, and with the density."""
        condition = text_condition(self.clip, prompt.text).condition
        energy = similarity(self.clip, condition, scaled=True)
        start = self.runner.prior(SAMPLES, prompt.text, energy=energy, candidates=CANDIDATES)
        return self._both(start, TEXT, energy)

    def completed(self, source: Tensor, mask: Tensor) -> dict[str, Latents]:
        """Completions of one picture, from what is known of it beside parts of random ones."""
        energy = masked(source, mask, pixel_weight=PIXELS_KNOWN)
        drawn = self.runner.images(self.runner.prior(COMPLETIONS, "completion"))
        start = self.encoded(source + mask * (drawn - source))
        return self._both(start, INPAINTING, energy)

    def edited(self, source: Tensor, edit: Edit) -> dict[str, Latents]:
        """Edits of one picture, from samples near it."""
        texts = [text_condition(self.clip, text).condition for text in (edit.wanted, edit.neutral)]
        turned = away_from(self.clip, text_direction(*texts), source)
        energy = TURNED * turned + PIXELS_KEPT * pixels(source)
        return self._both(self.near(source), EDITING, energy)

    @torch.no_grad()
    def encoded(self, source: Tensor) -> Latents:
        """Latents of a picture."""
        encode = self.runner.generator.encode
        assert encode is not None
        return self.runner.latents(encode(source.to(self.device)))

    def near(self, source: Tensor) -> Latents:
        """Samples about the latents of a picture, by noisy steps that stay near its pixels."""
        centre = self.encoded(source)
        several = self.runner.latents(centre.values.expand(EDITED, -1).contiguous())
        rule = langevin(step_size=NEAR, inverse_temperature=NEARNESS, momentum=0.0)
        return self.runner.moved(several, pixels(source), rule, NEAR_STEPS)

    @torch.no_grad()
    def seen(self, images: Tensor) -> Tensor:
        """The judge's features."""
        return self.judge.features(images.to(self.device)).cpu()

    def share(self, images: Tensor, prompt: Prompt) -> float:
        """Of the prompt's constraints, how many the images satisfy."""
        wanted = [prompt.constraints] * len(images)
        hits = self.judge.satisfied(images.to(self.device), wanted)
        return fmean(hit for one in hits for hit in one.values())

    def _both(self, start: Latents, run: Run, energy: Energy) -> dict[str, Latents]:
        alone = replace(run, settings=replace(run.settings, generated=0.0))
        found = {"start": start}
        for name, one in (("alone", alone), ("flow", run)):
            flowing = self.runner.flow(start, one, self.features, condition=energy)
            found[name] = flowing.after[one.steps]
        return found
