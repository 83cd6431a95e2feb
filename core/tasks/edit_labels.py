"""Editing by labels: a few-shot condition says what the images should show, in place of words."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from ..charts import Start
from ..chunking import Chunking
from ..conditions.few_shot import FewShot
from ..d2c.bank import LatentBank
from ..d2c.bank_means import BankMove, bank_mean
from ..d2c.editing import Editing, edit_by_condition
from ..d2c.encoding import encoded
from ..diffusion.prior import DiffusionPrior
from ..errors import InvalidInput
from ..generator import Generator
from ..latents import Latents
from ..spaces import Identity

__all__ = ["LABELS", "EditLabels", "LabelledEdit", "edited_by_labels"]

LABELS = Editing(strength=8.0, mode="smallest", grid=8)
"""Search of the study of D2C: each image by its smallest strength, on several ways."""


@dataclass(frozen=True)
class EditLabels:
    """What images are edited by.

    Attributes:
        condition: few-shot condition of the generator's latents.
        move: ways from a bank of latents, see `core.d2c.bank_means.bank_mean`.
        prior: corrects the moved latents; None for no correction.
        strength: factor on the move that is found, above 0; 1 for the smallest.

    Raises:
        InvalidInput: a strength of 0 or below.
    """

    condition: FewShot
    move: BankMove
    prior: DiffusionPrior | None = None
    strength: float = 1.0

    def __post_init__(self) -> None:
        if not 0 < self.strength < float("inf"):
            raise InvalidInput(f"A strength of {self.strength:g}; expected a number above 0.")

    @classmethod
    def of(
        cls,
        condition: FewShot,
        generator: Generator,
        bank: LatentBank,
        prior: DiffusionPrior | None = None,
        strength: float = 1.0,
    ) -> "EditLabels":
        """Returns the moves of a condition from a bank.

        Raises:
            GeneratorMismatch: a condition, a bank or a prior of another generator.
            InvalidInput: too few latents of the bank show what is wanted, or do not.
        """
        if prior is not None:
            prior.check(generator)
        return cls(condition, bank_mean(bank, condition, generator), prior, strength)

    @property
    def looks(self) -> int:
        """The largest number of looks."""
        return 1 + self.move.ways * LABELS.rounds


@dataclass(frozen=True)
class LabelledEdit:
    """Edited samples.

    Attributes:
        latents: the results, those of the first image first.
        start: the latents of the images.
        name: name of what is wanted.
        reached: whether the condition sees what is wanted in each result, at strength 1.
    """

    latents: Latents
    start: Latents
    name: str
    reached: Bool[Tensor, " batch"]

    def summary(self) -> str:
        """Returns a line: how many of the samples show what is wanted."""
        return f"{self.name}: shown by {int(self.reached.sum())} of {len(self.reached)}"


@torch.no_grad()
def edited_by_labels(
    generator: Generator,
    images: Float[Tensor, "batch 3 height width"],
    plan: EditLabels,
    *,
    results: int = 1,
    seed: int,
    chunking: Chunking,
    device: torch.device,
    report: Callable[[int], None] = lambda done: None,
) -> LabelledEdit:
    """Returns images changed until they show a few-shot condition, as little else as possible.

    It is D2C's manipulation, `core.d2c.editing.edit_by_condition`, with the settings of its study.
    Several results take different ways, or another noise of the correction. A strength other than
    1 shortens or extends the way from each image's latent to the result.

    Args:
        generator: with an encoder.
        images: in [0, 1], of any size.
        plan: what to change.
        results: number of results of each image.
        seed: of the correction's noise.
        chunking: images at a time.
        device: where the networks are.
        report: called with the looks done; may raise to stop.

    Raises:
        GeneratorMismatch: a condition or a prior of another generator.
        InvalidInput: no image, no result, or a generator without an encoder.
    """
    found = edit_by_condition(
        images,
        generator,
        plan.condition,
        plan.prior,
        plan.move,
        replace(LABELS, results=results, certainty=plan.condition.threshold),
        seed=seed,
        chunking=chunking,
        device=device,
        report=report,
    )
    begun = encoded(generator, images, chunking=chunking, device=device)
    start = Latents.of(Start(begun, Identity(generator.source)), generator)
    latents = found.latents
    if plan.strength != 1:
        before = begun.repeat_interleave(results, dim=0)
        values = torch.lerp(before, latents.values, plan.strength)
        latents = latents.moved(generator.source.clamp(values))
    return LabelledEdit(latents, start, plan.condition.name, found.reached)
