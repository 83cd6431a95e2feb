"""KRR flow's two stages for discrete latents in miniature: figure 5, on the avatars' codes.

The judge took no part in steering. Settings were chosen on seed 7 and three other captions.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from ....core.auxiliaries import load_auxiliary
from ....core.auxiliary import AttributeJudge
from ....core.clip import Clip
from ....core.conditions.prompts import text_condition
from ....core.energies.codebook import codebook, nearest_codes
from ....core.energies.similarity import similarity
from ....core.energy import Energy
from ....core.features import feature_map
from ....core.generators import load_generator
from ....core.krr.settings import FlowSettings
from ....core.latents import Latents
from ....core.zoo import shipped as catalogue
from ....core.zoo.avatar_captions import AvatarPrompt
from ...recipes.krr.codes import AVATARS_STAGES, Stages
from ..session import Progress, moved
from .runs import Places, Run, Runner

__all__ = ["ARMS", "Arm", "CodesFlow", "Drawn"]


@dataclass(frozen=True)
class Arm:
    """Stages of a flow.

    Attributes:
        stages: order in which the places move in each stage; `all` at once.
        regular: whether the distance from the codes counts.
        snapped: whether each place ends at the nearest code.
    """

    stages: tuple[Places, ...]
    regular: bool = True
    snapped: bool = True


ARMS: Mapping[str, Arm] = {
    "warm_up": Arm(("all",)),
    "warm_up_longer": Arm(("all", "all")),
    "two_stages": Arm(("all", "rows")),
    "free": Arm(("all", "rows"), regular=False),
    "free_features": Arm(("all", "rows"), regular=False, snapped=False),
}
"""Figure 5: after the warm-up, after the fine-tuning, and without regulariser; and what they are
compared with: as many more steps of all features, and features that no code has."""


@dataclass(frozen=True)
class Drawn:
    """What an arm draws.

    Attributes:
        images: pictures.
        distance: mean squared distance of a feature from the nearest code, before snapping.
    """

    images: Tensor
    distance: float


class CodesFlow:
    """The embedded avatars' codes with their CLIP and judge.

    Args:
        seed: seed of starts and views.
        device: device of the models.
        say: callback with messages on progress.
        settings: settings of the stages.
    """

    def __init__(
        self,
        seed: int,
        device: torch.device,
        say: Progress,
        settings: Stages = AVATARS_STAGES,
    ) -> None:
        path = catalogue.embedded
        clip = load_auxiliary(path("avatars CLIP (embedded)"))
        judge = load_auxiliary(path("avatars judge (embedded)"))
        assert isinstance(clip, Clip)
        assert isinstance(judge, AttributeJudge)
        self.clip, self.judge = moved(clip, device), moved(judge, device)
        generator = load_generator(path("avatars codes (embedded)"))
        self.seed, self.device, self.say, self.settings = seed, device, say, settings
        self.runner = Runner(generator, seed=seed, device=device, say=say)
        self.features = feature_map(self.clip)

    def drawn(self, prompt: AvatarPrompt, arms: Mapping[str, Arm] = ARMS) -> dict[str, Drawn]:
        """Returns what each arm draws of a prompt from the same starts, and the starts.

        Stages that arms begin with alike run once.

        Args:
            prompt: text.
            arms: arms by name.
        """
        own = self.settings
        condition = text_condition(self.clip, prompt.text).condition
        alone = similarity(self.clip, condition, scaled=True)
        start = self.runner.prior(
            own.samples, prompt.text, energy=alone, candidates=own.candidates
        )
        text = similarity(self.clip, condition, views=own.views, scaled=True)
        regular = text + own.alpha * codebook(self.runner.generator)
        known: dict[tuple[object, ...], Latents] = {}
        found = {"start": self._drawn(start, snapped=False)}
        for name, arm in arms.items():
            latents = start
            for number, places in enumerate(arm.stages):
                key = (arm.regular, arm.stages[: number + 1])
                if key not in known:
                    steps = own.fine_tuning if number else own.warm_up
                    energy = regular if arm.regular else text
                    known[key] = self._stage(latents, energy, steps, places)
                latents = known[key]
            found[name] = self._drawn(latents, snapped=arm.snapped)
        return found

    @torch.no_grad()
    def figures(self, drawn: Drawn, prompt: AvatarPrompt) -> dict[str, float]:
        """Returns the share of satisfied constraints by the judge, cosine, and distance."""
        images = drawn.images.to(self.device)
        satisfied = self.judge.satisfied(images, [prompt.constraints] * len(images))
        hits = torch.tensor([float(hit) for one in satisfied for hit in one.values()])
        condition = text_condition(self.clip, prompt.text).condition
        seen = self.clip.embed(images).cpu()
        cosine = functional.cosine_similarity(seen, condition.embedding.cpu()).mean()
        return {
            "satisfied": float(hits.mean()),
            "cosine": float(cosine),
            "distance": drawn.distance,
        }

    @torch.no_grad()
    def judge_features(self, images: Tensor) -> Tensor:
        """Returns the judge's features."""
        return self.judge.features(images.to(self.device)).cpu()

    def _stage(self, start: Latents, energy: Energy, steps: int, places: Places) -> Latents:
        own = self.settings
        flow = FlowSettings(eta=float(own.samples))
        run = Run(flow, own.step_size, steps, places, own.at_once)
        return self.runner.flow(start, run, self.features, condition=energy).after[steps]

    @torch.no_grad()
    def _drawn(self, latents: Latents, *, snapped: bool) -> Drawn:
        nearest = nearest_codes(self.runner.generator, latents.values)
        distance = float((latents.values - nearest).square().mean())
        shown = latents.moved(nearest) if snapped else latents
        return Drawn(self.runner.images(shown), distance)
