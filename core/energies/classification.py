"""Cross-entropy of a classifier with the wanted class."""

import torch
from torch import Tensor

from ..auxiliary import Classifier
from ..conditions import Condition
from ..energy import Energy, Measure, Term
from ..rng import SampleRng
from ..spaces import IMAGES
from .example import EnergyExample, toy_classifier

__all__ = ["EXAMPLE", "classification"]


def classification(classifier: Classifier, condition: Condition) -> Energy:
    """U_ent(f(x), c) = -sum_j c_j log f_j(x), TR0N eq. (2) with its section 5.1, on images.

    For a one-hot condition it is -log p(c given x), the second term of E_Bayes, eq. (6).

    Args:
        classifier: f.
        condition: rows of probabilities, of this classifier.

    Raises:
        ConditionMismatch: the condition is another auxiliary's.
    """
    condition.check_auxiliary(classifier.id, classifier.name)

    def evaluate(images: Tensor, rng: SampleRng) -> Tensor:
        wanted = condition.at(rng.rows, images)
        return -(wanted * classifier.logits(images).log_softmax(dim=1)).sum(dim=1)

    return Energy.of(
        Term(
            label=f"classifier({classifier.name})",
            domain=IMAGES,
            evaluate=evaluate,
            modules=classifier.modules,
            condition=condition,
            measure=Measure("probability", lambda values: (-values).exp()),
        )
    )


def _example() -> EnergyExample:
    classifier = toy_classifier()
    points = torch.rand(4, 3, 5, 5, generator=torch.Generator().manual_seed(0))
    return EnergyExample(classification(classifier, classifier.condition([0, 2, 1, 2])), points)


EXAMPLE = _example
