"""Figures of images by their attributes: the share of constraints that are satisfied."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import torch
from jaxtyping import Float
from torch import Tensor

from ..auxiliary import AttributeJudge
from ..chunking import Chunking
from ..errors import InvalidInput
from .distances import frechet_distance, shown_spread, spread_of
from .intervals import Interval, bootstrap

__all__ = ["AttributeEvaluation", "evaluate_attributes"]


@dataclass(frozen=True)
class AttributeEvaluation:
    """Figures of a set of images, by one judge of attributes.

    Attributes:
        images: how many.
        satisfied: share of all constraints that are satisfied, with its bootstrap interval over
            the images; None where none is stated.
        by_attribute: the share of each attribute's constraints.
        frechet: Frechet distance to the reference images.
        spread: diversity of the features; None for a single image.
    """

    images: int
    satisfied: Interval | None
    frechet: float | None
    spread: float | None
    by_attribute: Mapping[str, float] = field(default_factory=dict[str, float])

    @property
    def headline(self) -> float:
        """The one figure: the share satisfied, 0 where nothing is stated."""
        return 0.0 if self.satisfied is None else self.satisfied.value

    def numbers(self) -> dict[str, float]:
        """The figures under flat names."""
        found: dict[str, float] = {"images": self.images}
        if self.spread is not None:
            found["diversity"] = self.spread
        if self.satisfied is not None:
            found["satisfied"] = self.satisfied.value
            found["satisfied_low"] = self.satisfied.low
            found["satisfied_high"] = self.satisfied.high
        found |= {f"satisfied_{name}": share for name, share in self.by_attribute.items()}
        if self.frechet is not None:
            found["frechet_distance"] = self.frechet
        return found

    def __str__(self) -> str:
        lines = [f"{self.images} images", shown_spread(self.spread)]
        if self.satisfied is not None:
            lines.append(f"satisfied constraints {self.satisfied}")
            lines += [f"  {name}: {share:.2f}" for name, share in self.by_attribute.items()]
        if self.frechet is not None:
            lines.append(f"Frechet distance {self.frechet:.2f}")
        return "\n".join(lines)


@torch.no_grad()
def evaluate_attributes(
    judge: AttributeJudge,
    images: Float[Tensor, "batch 3 height width"],
    *,
    texts: Sequence[str] = (),
    reference: Float[Tensor, "real 3 height2 width2"] | None = None,
    chunking: Chunking,
    device: torch.device,
    seed: int = 0,
) -> AttributeEvaluation:
    """The figures of images.

    Args:
        judge: it took no part in the steering.
        images: in [0, 1].
        texts: what every image should show, in words; none, one for all, or one each.
        reference: real images that the judge was not trained on.
        chunking: images at a time.
        device: where the judge is.
        seed: of the bootstrap.

    Raises:
        InvalidInput: no image, or another number of texts.
    """
    if len(images) == 0:
        raise InvalidInput("No image to evaluate.")
    if len(texts) not in (0, 1, len(images)):
        raise InvalidInput(
            f"{len(texts)} texts for {len(images)} images; give one for all or each."
        )
    wanted = [judge.stated_in(text) for text in texts]
    wanted = wanted * (len(images) // len(wanted)) if wanted else [{} for _ in images]
    satisfied: list[dict[str, bool]] = []
    for first, last in chunking.spans(len(images)):
        satisfied += judge.satisfied(images[first:last].to(device), wanted[first:last])
    features = _features(judge, images, chunking, device)
    frechet = None
    if reference is not None and len(images) > 1:
        real = _features(judge, reference, chunking, device)
        frechet = frechet_distance(features, real)
    names = dict.fromkeys(name for one in satisfied for name in one)
    by_attribute = {
        name: sum(flags) / len(flags)
        for name in names
        if (flags := [one[name] for one in satisfied if name in one])
    }
    return AttributeEvaluation(
        len(images), _satisfied(satisfied, seed), frechet, spread_of(features), by_attribute
    )


def _satisfied(satisfied: Sequence[Mapping[str, bool]], seed: int) -> Interval | None:
    counts = torch.tensor([[sum(one.values()), len(one)] for one in satisfied if one]).double()
    if len(counts) == 0:
        return None
    return bootstrap(lambda rows: float(rows[:, 0].sum() / rows[:, 1].sum()), counts, seed=seed)


def _features(
    judge: AttributeJudge, images: Tensor, chunking: Chunking, device: torch.device
) -> Tensor:
    return chunking.apply(lambda part: judge.features(part.to(device)).cpu(), images)
