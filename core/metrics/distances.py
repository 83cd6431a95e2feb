"""Distances between sets of images in the feature space of a network."""

import torch
from jaxtyping import Float, Int
from torch import Tensor

from ..errors import InvalidInput
from .moments import FeatureMoments, frechet_between

__all__ = [
    "diversity",
    "frechet_distance",
    "shown_spread",
    "spread_of",
    "within_class_diversity",
]


def frechet_distance(
    first: Float[Tensor, "first features"], second: Float[Tensor, "second others"]
) -> float:
    """The Frechet distance of two sets' features, see `frechet_between`, in float64.

    The distance between finite sets is biased upwards: compare sets of equal size.

    Raises:
        InvalidInput: widths differ, a set has fewer than two rows, or values are not finite.
    """
    if first.shape[1] != second.shape[1]:
        raise InvalidInput(f"Features of widths {first.shape[1]} and {second.shape[1]}.")
    return frechet_between(FeatureMoments.of(first), FeatureMoments.of(second))


def diversity(features: Float[Tensor, "batch features"]) -> float:
    """Root mean square distance between two samples over sqrt(2); 0 if all are equal.

    It is sqrt(sum_i |f_i - m|^2 / (n - 1)), m the mean. Its square is the trace of the unbiased
    covariance, and the mean of |f_i - f_j|^2 / 2 over pairs of different samples, so it does not
    depend on the number of samples.

    Raises:
        InvalidInput: there are fewer than two samples.
    """
    if len(features) < 2:
        raise InvalidInput(
            f"Diversity of {len(features)} samples: it is a distance between samples, and needs "
            "at least 2."
        )
    rows = features.double()
    return float(((rows - rows.mean(dim=0)).square().sum() / (len(rows) - 1)).sqrt())


def within_class_diversity(
    features: Float[Tensor, "batch features"], classes: Int[Tensor, " batch"]
) -> float:
    """Mean of `diversity` within each class, over the classes with at least two samples.

    Raises:
        InvalidInput: no class has two samples.
    """
    names, counts = classes.unique(return_counts=True)
    several = names[counts > 1]
    if len(several) == 0:
        raise InvalidInput(
            f"Diversity within {len(names)} classes of one sample each: at least one class needs "
            "2 samples."
        )
    return sum(diversity(features[classes == name]) for name in several) / len(several)


def spread_of(
    features: Float[Tensor, "batch features"], classes: Int[Tensor, " batch"] | None = None
) -> float | None:
    """Diversity, within classes if given; None if no two samples can be compared."""
    counts = torch.tensor([len(features)]) if classes is None else classes.bincount()
    if int(counts.max()) < 2:
        return None
    return diversity(features) if classes is None else within_class_diversity(features, classes)


def shown_spread(spread: float | None) -> str:
    """Formats a diversity for display."""
    if spread is None:
        return (
            "diversity: none; it needs at least 2 images, of the same class if classes are wanted"
        )
    return f"diversity {spread:.3f}"
