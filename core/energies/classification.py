"""Cross-entropy of a classifier with the target class."""

from functools import partial

import torch
from torch import Tensor

from ..auxiliary import Classifier
from ..condition import Condition
from ..energy import Energy
from ..errors import InvalidInput
from ..rng import SampleRng
from ..spaces import IMAGES
from ..terms import Measure, Term
from ..views.jitter import random_views
from .example import EnergyExample, toy_classifier

__all__ = ["EXAMPLE", "VIEWS_EXAMPLE", "classification"]


def classification(classifier: Classifier, condition: Condition, *, views: int = 0) -> Energy:
    """U_ent(f(x), c) = -sum_j c_j log f_j(x), TR0N eq. (2) with its section 5.1, on images.

    For a one-hot condition it is -log p(c given x), the second term of E_Bayes, eq. (6).

    Args:
        classifier: classifier f.
        condition: rows of class probabilities for this classifier.
        views: 0 for the image itself; otherwise the number of random views to average over, fresh
            at every evaluation, as in FuseDream's AugCLIP. The probability shown is then the
            geometric mean over the views.

    Raises:
        ConditionMismatch: the condition belongs to another auxiliary.
        InvalidInput: a negative number of views.
    """
    condition.check_auxiliary(classifier.id, classifier.name)
    if views < 0:
        raise InvalidInput(f"{views} views of an image; expected 0 (the image itself) or more.")

    def evaluate(images: Tensor, rng: SampleRng) -> Tensor:
        wanted = condition.at(rng.rows, images)
        if views == 0:
            return -(wanted * classifier.logits(images).log_softmax(dim=1)).sum(dim=1)
        seen = classifier.logits(random_views(images, rng, views).flatten(0, 1))
        logs = seen.log_softmax(dim=1).unflatten(0, (len(images), views)).mean(dim=1)
        return -(wanted * logs).sum(dim=1)

    label = classifier.name if views == 0 else f"{classifier.name}, {views} views"
    return Energy.of(
        Term(
            label=f"classifier({label})",
            domain=IMAGES,
            evaluate=evaluate,
            modules=classifier.modules,
            condition=condition,
            measure=Measure("probability", lambda values: (-values).exp()),
        )
    )


def _example(views: int) -> EnergyExample:
    classifier = toy_classifier()
    points = torch.rand(4, 3, 5, 5, generator=torch.Generator().manual_seed(0))
    condition = classifier.condition([0, 2, 1, 2])
    return EnergyExample(classification(classifier, condition, views=views), points)


EXAMPLE = partial(_example, 0)
VIEWS_EXAMPLE = partial(_example, 3)
