"""Distance of images to reference images, by features of a network and by pixels."""

import torch
from jaxtyping import Float
from torch import Tensor

from ..condition import Condition
from ..devices import placed
from ..energy import Energy
from ..errors import InvalidInput
from ..features import Features, clip_features, feature_distance
from ..images import of_rows, resized
from ..rng import SampleRng
from ..spaces import IMAGES
from ..terms import Term
from .example import EnergyExample, toy_clip

__all__ = ["EXAMPLE", "PIXELS_EXAMPLE", "likeness", "perceptual", "pixels"]

Images4 = Float[Tensor, "references 3 height width"]
HELD = 16
"""Largest number of references whose features are cached; more are computed at each step."""


def perceptual(features: Features, references: Images4) -> Energy:
    """The energy LPIPS, or a similar distance, of each image to its reference; about 0 to 1.

    Args:
        features: features to compare.
        references: in [0, 1], of any size: one for all samples, or one each.

    Raises:
        InvalidInput: no reference.
    """
    condition = _references(references, features.id, features.name)
    held: dict[object, tuple[Tensor, ...]] = {}

    @torch.no_grad()
    def wanted(row: int, like: Tensor) -> tuple[Tensor, ...]:
        # One at a time, so that features do not depend on the other references.
        key = (row, like.shape[2:], like.device, like.dtype)
        if key in held:
            return held[key]
        # Resized like the images of the generator, so that equal images have distance 0.
        maps = features.maps(resized(placed(references[row : row + 1], like), _size(like)))
        if len(references) <= HELD:
            held[key] = maps
        return maps

    def evaluate(images: Tensor, rng: SampleRng) -> Tensor:
        seen = features.maps(images)
        if len(references) == 1:
            return feature_distance(features, seen, wanted(0, images))
        each = [wanted(row, images) for row in rng.rows]
        stacked = tuple(torch.cat(level) for level in zip(*each, strict=True))
        return feature_distance(features, seen, stacked)

    return Energy.of(
        Term(
            label=f"perceptual({features.name})",
            domain=IMAGES,
            evaluate=evaluate,
            modules=features.modules,
            condition=condition,
        )
    )


def pixels(references: Images4) -> Energy:
    """The energy of the mean squared difference of pixels to each image's reference, in [0, 1].

    Args:
        references: in [0, 1], of any size: one for all samples, or one each.

    Raises:
        InvalidInput: no reference.
    """
    condition = _references(references, "pixels", "pixels")

    def evaluate(images: Tensor, rng: SampleRng) -> Tensor:
        wanted = of_rows(references, rng.rows, _size(images), images)
        return (images - wanted).square().mean(dim=(1, 2, 3))

    return Energy.of(Term(label="pixels", domain=IMAGES, evaluate=evaluate, condition=condition))


def likeness(
    images: Images4,
    features: Features | None,
    *,
    perceptual_weight: float = 1.0,
    pixel_weight: float = 1.0,
) -> Energy:
    """The energy of an inversion: perceptual distance plus mean squared difference of pixels.

    Args:
        images: images in [0, 1], one per sample, of any size.
        features: features to compare; None for pixels alone.
        perceptual_weight: weight of the perceptual distance, at least 0.
        pixel_weight: weight of the pixels, at least 0.

    Raises:
        InvalidInput: no image, or no effective weight above 0.
    """
    if min(perceptual_weight, pixel_weight) < 0:
        raise InvalidInput(
            f"Weights {perceptual_weight} and {pixel_weight}; both must be at least 0."
        )
    energy = Energy(())
    if features is not None and perceptual_weight > 0:
        energy = energy + perceptual_weight * perceptual(features, images)
    if pixel_weight > 0:
        energy = energy + pixel_weight * pixels(images)
    if not energy.terms:
        raise InvalidInput(
            "Nothing to compare images by: no weight above 0 counts. Raise the weight of the "
            "pixels, or give features to compare by."
        )
    return energy


def _references(references: Tensor, auxiliary: str, name: str) -> Condition:
    if len(references) == 0:
        raise InvalidInput("No reference image given; at least one needed.")
    labels = tuple(f"reference {number}" for number in range(len(references)))
    flat = references.detach().flatten(1).cpu()
    return Condition(flat, labels, auxiliary, name, called="reference images")


def _size(images: Tensor) -> tuple[int, int]:
    return images.shape[2], images.shape[3]


def _pictures(count: int, side: int) -> Tensor:
    return torch.rand(count, 3, side, side, generator=torch.Generator().manual_seed(side))


def _example() -> EnergyExample:
    return EnergyExample(perceptual(clip_features(toy_clip()), _pictures(3, 7)), _pictures(3, 5))


def _pixels_example() -> EnergyExample:
    return EnergyExample(pixels(_pictures(3, 7)), _pictures(3, 5))


EXAMPLE = _example
PIXELS_EXAMPLE = _pixels_example
