"""Distances between sets of images, seen through the features of a network."""

import torch
from jaxtyping import Float, Int
from torch import Tensor

from ..errors import InvalidInput

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
    """|m1 - m2|^2 + tr(S1 + S2 - 2 (S1 S2)^(1/2)) of two sets' features, in float64.

    The trace of the root is the sum of the singular values of R1 R2^T, where S = R^T R: no matrix
    root, and never a complex one. The distance of finite sets is biased upwards: compare sets of
    equal size.

    Raises:
        InvalidInput: sets of other widths, of fewer than two rows, or not finite.
    """
    if first.shape[1] != second.shape[1]:
        raise InvalidInput(f"Features of widths {first.shape[1]} and {second.shape[1]}.")
    for features in (first, second):
        if len(features) < 2:
            raise InvalidInput(f"{len(features)} rows of features; at least 2 needed.")
        if not bool(features.isfinite().all()):
            raise InvalidInput("Features that are not finite.")
    mean1, root1 = _moments(first.double())
    mean2, root2 = _moments(second.double())
    cross = torch.linalg.svdvals(root1 @ root2.T).sum()
    squares = root1.square().sum() + root2.square().sum()
    return float(((mean1 - mean2).square().sum() + squares - 2 * cross).clamp_min(0))


def _moments(features: Tensor) -> tuple[Tensor, Tensor]:
    """The mean, and a matrix R with R^T R the covariance."""
    mean = features.mean(dim=0)
    root = (features - mean) / (len(features) - 1) ** 0.5
    return mean, torch.linalg.qr(root, mode="r").R if len(root) > root.shape[1] else root


def diversity(features: Float[Tensor, "batch features"]) -> float:
    """The root mean square distance of two samples over sqrt(2); 0 when all are alike.

    It is sqrt(sum_i |f_i - m|^2 / (n - 1)), m the mean: its square is the trace of the unbiased
    covariance, and the mean of |f_i - f_j|^2 / 2 over pairs of different samples, so that it
    does not depend on how many samples there are.

    Raises:
        InvalidInput: fewer than two samples, which have no distance.
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
    """The mean of `diversity` within each class, over the classes with at least two samples.

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
    """The diversity, within classes where there are some; None where no two samples compare."""
    counts = torch.tensor([len(features)]) if classes is None else classes.bincount()
    if int(counts.max()) < 2:
        return None
    return diversity(features) if classes is None else within_class_diversity(features, classes)


def shown_spread(spread: float | None) -> str:
    """A diversity to display."""
    if spread is None:
        return (
            "diversity: none, for it compares at least 2 images, of one class where there are some"
        )
    return f"diversity {spread:.3f}"
