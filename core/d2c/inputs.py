"""Latents and labels as a few-shot condition is trained on them, checked and standardised."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from ..errors import DomainMismatch, InvalidInput
from ..generator import Generator
from .coordinates import LatentCoordinates
from .logistic import RIDGES, Logistic

__all__ = [
    "LEAST_POSITIVES",
    "Inputs",
    "check_few_shot",
    "check_labels",
    "check_number",
    "check_share",
    "ridges_of",
]

LEAST_POSITIVES = 5
"""Fewest samples of a class: one for each fold."""


@dataclass(frozen=True)
class Inputs:
    """Standardised latents, in coordinates of their span where they are fewer than coordinates.

    The ridge keeps weights in the span of the latents, so nothing is lost.

    Attributes:
        x: (z - mean) / std, or its products with the rows of the basis.
        mean: mean of each coordinate of the latents.
        std: standard deviation of each; 1 where it never changes, and x is 0.
        basis: orthonormal rows of the span, or the matrix of given coordinates; None for x as it
            is.
    """

    x: Float[Tensor, "n size"]
    mean: Float[Tensor, " dim"]
    std: Float[Tensor, " dim"]
    basis: Float[Tensor, "size dim"] | None

    @classmethod
    def of(
        cls, latents: Float[Tensor, "n dim"], coordinates: LatentCoordinates | None = None
    ) -> "Inputs":
        """Standardises latents by their own moments, in float64 on the CPU.

        Args:
            latents: the latents.
            coordinates: coordinates to take instead.
        """
        z = latents.detach().double().cpu()
        if coordinates is not None:
            ones = torch.ones_like(coordinates.mean)
            return cls(coordinates(z), coordinates.mean, ones, coordinates.matrix)
        mean, std = z.mean(dim=0), z.std(dim=0, correction=0)
        # A coordinate that never changes gets the weight 0.
        constant = std <= torch.finfo(torch.float32).eps * mean.abs().clamp_min(1e-30)
        std = torch.where(constant, torch.ones_like(std), std)
        x = torch.where(constant, torch.zeros_like(z), (z - mean) / std)
        if len(x) >= x.shape[1]:
            return cls(x, mean, std, None)
        basis = torch.linalg.svd(x, full_matrices=False).Vh
        return cls(x @ basis.T, mean, std, basis)

    def weight(self, classifier: Logistic) -> Float[Tensor, "rows dim"]:
        """Returns the weights of a classifier of x for the standardised latents."""
        return classifier.weight if self.basis is None else classifier.weight @ self.basis


def ridges_of(ridge: float | None) -> Sequence[float]:
    """Returns the ridges to choose from: the given one, or all.

    Raises:
        InvalidInput: it is not above 0.
    """
    if ridge is None:
        return RIDGES
    if not 0 < ridge < float("inf"):
        raise InvalidInput(f"A ridge of {ridge:g}; expected a number above 0.")
    return (ridge,)


def check_share(share: float | None) -> None:
    """Checks a share of the wanted class.

    Raises:
        InvalidInput: it is not between 0 and 1.
    """
    if share is not None and not 0 < share < 1:
        raise InvalidInput(
            f"A share of {share:g} of what is wanted; expected a number above 0 and below 1."
        )


def check_few_shot(latents: Tensor, generator: Generator, what: str) -> None:
    """Checks that latents are finite, and of a generator by their length.

    Raises:
        DomainMismatch: they have another length.
        InvalidInput: a latent is not finite.
    """
    if latents.ndim != 2 or latents.shape[1] != generator.source.dim:
        raise DomainMismatch(
            f"The {what} latents have the shape {tuple(latents.shape)}; generator "
            f"{generator.name!r} has latents {generator.source}, (batch, {generator.source.dim})."
        )
    wrong = (~latents.isfinite().all(dim=1)).nonzero()[:, 0].tolist()
    if wrong:
        shown = ", ".join(map(str, wrong[:8])) + (" ..." if len(wrong) > 8 else "")
        raise InvalidInput(
            f"The {what} latents {shown}, counted from 0, are not finite. Remove their images."
        )


def check_number(number: int, what: str) -> None:
    """Checks that positives, or unlabelled images, are enough.

    Raises:
        InvalidInput: otherwise.
    """
    if number < LEAST_POSITIVES:
        raise InvalidInput(
            f"{number} {what} images; at least {LEAST_POSITIVES} are needed, and 50 or more are "
            "better."
        )


def check_labels(images: int, labels: Tensor, names: tuple[str, ...], wanted: int) -> None:
    """Checks that there is a label per image, and enough of each class.

    Raises:
        InvalidInput: otherwise.
    """
    if len(labels) != images:
        raise InvalidInput(
            f"{len(labels)} labels for {images} images; expected one label per image."
        )
    if len(names) < 2:
        raise InvalidInput(
            f"All labels are {names[0]!r}: nothing to distinguish. Give images of another class, "
            "or unlabelled images."
            if names
            else "There are no labels. Give images of at least two classes."
        )
    if not 0 <= wanted < len(names):
        raise InvalidInput(f"Wanted class {wanted}; there are {len(names)}, counted from 0.")
    counts = torch.bincount(labels.long().cpu(), minlength=len(names)).tolist()
    few = [
        f"{name!r}: {count}"
        for name, count in zip(names, counts, strict=False)
        if count < LEAST_POSITIVES
    ]
    if len(counts) > len(names) or few:
        raise InvalidInput(
            f"Too few images of some classes ({', '.join(few)}); at least {LEAST_POSITIVES} of "
            "each are needed, and 50 are better."
            if few
            else f"Labels up to {len(counts) - 1} for {len(names)} classes, counted from 0."
        )
