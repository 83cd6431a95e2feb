"""Figures of images: a classifier's probabilities, and distances in its features."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from ..auxiliary import Classifier
from ..chunking import Chunking
from ..condition import Condition
from ..devices import threads_for
from ..errors import ConditionMismatch, InvalidInput
from .distances import frechet_distance, shown_spread, spread_of
from .intervals import Interval, bootstrap

__all__ = ["ClassifierOutputs", "Evaluation", "classifier_outputs", "evaluate", "wanted_classes"]


@dataclass(frozen=True)
class ClassifierOutputs:
    """Outputs of a classifier for images.

    Attributes:
        probabilities: of every class.
        features: its penultimate layer.
    """

    probabilities: Float[Tensor, "batch classes"]
    features: Float[Tensor, "batch features"]


@dataclass(frozen=True)
class Evaluation:
    """Figures of a set of images by one classifier.

    Attributes:
        images: how many.
        probability: mean probability of the wanted class, with its bootstrap interval.
        agreement: share of images whose likeliest class is the wanted one.
        frechet: Frechet distance to the reference images.
        spread: diversity of the features, within classes when there are wanted ones; None where
            there are no two images to compare.
    """

    images: int
    probability: Interval | None
    agreement: float | None
    frechet: float | None
    spread: float | None

    @property
    def headline(self) -> float:
        """The one figure: the probability, 0 where no class is wanted."""
        return 0.0 if self.probability is None else self.probability.value

    def numbers(self) -> dict[str, float]:
        """The figures under flat names."""
        found: dict[str, float] = {"images": self.images}
        if self.spread is not None:
            found["diversity"] = self.spread
        if self.probability is not None:
            found["probability"] = self.probability.value
            found["probability_low"] = self.probability.low
            found["probability_high"] = self.probability.high
        if self.agreement is not None:
            found["agreement"] = self.agreement
        if self.frechet is not None:
            found["frechet_distance"] = self.frechet
        return found

    def __str__(self) -> str:
        lines = [f"{self.images} images", shown_spread(self.spread)]
        if self.probability is not None:
            lines.append(f"probability of the wanted class {self.probability}")
            lines.append(f"agreement {self.agreement:.3f}")
        if self.frechet is not None:
            lines.append(f"Frechet distance {self.frechet:.2f}")
        return "\n".join(lines)


@torch.no_grad()
def classifier_outputs(
    classifier: Classifier,
    images: Float[Tensor, "batch 3 height width"],
    chunking: Chunking,
    device: torch.device,
) -> ClassifierOutputs:
    """Probabilities and features of images, on the CPU.

    Raises:
        InvalidInput: no image.
    """
    if len(images) == 0:
        raise InvalidInput("No image to evaluate.")

    def computed(function: Callable[[Tensor], Tensor]) -> Tensor:
        return chunking.apply(lambda part: function(part.to(device)).cpu(), images)

    size = (images.shape[2], images.shape[3])
    with threads_for(classifier.modules, rows=chunking.size, device=device, image_size=size):
        return ClassifierOutputs(computed(classifier.embed), computed(classifier.features))


def wanted_classes(
    classifier: Classifier, condition: Condition, count: int
) -> Int[Tensor, " batch"]:
    """The numbers that a condition's classes have in a classifier, found by name.

    Raises:
        ConditionMismatch: a class that the classifier does not have, or rows that do not fit.
    """
    condition.check_batch(count)
    unknown = sorted(set(condition.labels) - set(classifier.classes))
    if unknown:
        raise ConditionMismatch(
            f"{classifier.name!r} does not know the classes {', '.join(unknown)}; it knows "
            f"{', '.join(classifier.classes[:20])}."
        )
    labels: Sequence[str] = condition.labels * (count if len(condition) == 1 else 1)
    return torch.tensor([classifier.classes.index(label) for label in labels])


def evaluate(
    outputs: ClassifierOutputs,
    *,
    wanted: Int[Tensor, " batch"] | None = None,
    reference: Float[Tensor, "real features"] | None = None,
    seed: int = 0,
) -> Evaluation:
    """The figures of a classifier's outputs for images.

    Args:
        outputs: of a classifier that was trained on none of the images.
        wanted: the class that each image should show.
        reference: the classifier's features of real images that it was not trained on.
        seed: of the bootstrap.

    Raises:
        InvalidInput: no image, or wanted classes for another number of images.
    """
    count = len(outputs.features)
    if count == 0:
        raise InvalidInput("No image to evaluate.")
    if wanted is not None and len(wanted) != count:
        raise InvalidInput(f"{len(wanted)} wanted classes for {count} images.")
    probability = agreement = None
    if wanted is not None:
        chosen = outputs.probabilities[torch.arange(count), wanted]
        probability = bootstrap(lambda rows: float(rows.mean()), chosen, seed=seed)
        agreement = float((outputs.probabilities.argmax(dim=1) == wanted).double().mean())
    frechet = None
    if reference is not None and count > 1:
        frechet = frechet_distance(outputs.features, reference)
    return Evaluation(count, probability, agreement, frechet, spread_of(outputs.features, wanted))
