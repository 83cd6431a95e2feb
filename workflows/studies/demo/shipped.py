"""What the parts of the short demo share: its size, shipped models, and a bar."""

from dataclasses import dataclass
from functools import cached_property

from jaxtyping import Float, Int
from torch import Tensor

from ....core.auxiliaries import load_auxiliary
from ....core.auxiliary import AttributeJudge, Classifier
from ....core.latents import Latents, decode
from ....core.tasks.models import TaskModels
from ....core.tasks.plans import Quality
from ....core.zoo import shipped as catalogue
from ....core.zoo.avatar_captions import PROMPTS
from ....nodes.tasks.models import task_models
from ....nodes.tasks.watching import BarWatch
from ....nodes.work import Work

__all__ = ["SEED", "Budget", "PartWatch", "ShippedModels", "decoded", "tick"]

SEED = 0
AVATARS, DIGITS = "avatars (embedded)", "digits (embedded)"


@dataclass(frozen=True)
class Budget:
    """Size of the demo.

    Attributes:
        texts: prompts of the avatars.
        samples: samples of each text.
        quality: that of Steer.
        pictures: pictures to edit.
        labels: labelled pictures with the attribute, and as many without.
        bank: draws of the diffusion prior to choose from.
        steps: calls of its network per draw.
        chosen: how many are chosen.
    """

    texts: tuple[str, ...] = PROMPTS
    samples: int = 2
    quality: Quality = "good"
    pictures: int = 6
    labels: int = 50
    bank: int = 600
    steps: int = 50
    chosen: int = 40


class ShippedModels:
    """The shipped models and held-out pictures, opened where a part needs them."""

    @cached_property
    def avatars(self) -> TaskModels:
        """The avatars' generator, CLIP and pairs."""
        return task_models(AVATARS, "automatic", "automatic")

    @cached_property
    def digits(self) -> TaskModels:
        """The digits' generator, classifier and translator."""
        return task_models(DIGITS, "automatic", "automatic")

    @cached_property
    def avatars_judge(self) -> AttributeJudge:
        """The judge of avatars, which takes no part."""
        judge = load_auxiliary(catalogue.embedded("avatars judge (embedded)"))
        assert isinstance(judge, AttributeJudge)
        return judge

    @cached_property
    def digits_judge(self) -> Classifier:
        """The judge of digits, which takes no part."""
        judge = load_auxiliary(catalogue.embedded("digits judge (embedded)"))
        assert isinstance(judge, Classifier)
        return judge

    @cached_property
    def held_out(self) -> tuple[Float[Tensor, "held 3 64 64"], Int[Tensor, "held attributes"]]:
        """Held-out avatars, and the number of each one's value of every attribute."""
        return catalogue.reference_images("avatars held out (embedded)")


class PartWatch(BarWatch):
    """Shows a task on the bar of a part."""

    def __init__(self, work: Work) -> None:
        super().__init__(work.bar, 0)

    def stopped(self, latents: Latents) -> None:
        """Keeps no unfinished latents: the demo takes minutes."""


def decoded(latents: Latents, models: TaskModels, work: Work) -> Float[Tensor, "batch 3 h w"]:
    """Returns the images of latents."""
    return decode(latents, models.generator, work.chunking, work.device)


def tick(hit: bool) -> str:
    """Returns a check mark, or a cross."""
    return "\N{CHECK MARK}" if hit else "\N{MULTIPLICATION X}"
