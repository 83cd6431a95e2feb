"""Masked reconstruction: images match a source where it is known and are free elsewhere."""

import torch
from jaxtyping import Float
from torch import Tensor

from ..condition import Condition
from ..energy import Energy
from ..errors import DomainMismatch, InvalidInput
from ..features import Features, clip_features, feature_distance
from ..images import of_rows, resized
from ..rng import SampleRng
from ..spaces import IMAGES
from ..terms import Measure, Term
from .example import EnergyExample, toy_clip

__all__ = ["EXAMPLE", "PERCEPTUAL_EXAMPLE", "known_error", "masked"]

Images4 = Float[Tensor, "batch 3 height width"]
Sources = Float[Tensor, "sources 3 high wide"]
Masks = Float[Tensor, "masks rows columns"]
KNOWN = 0.999
"""Share of a pixel that must be known for it to count."""
GREY = 0.5
"""Grey value that fills the hole."""


def masked(
    sources: Sources,
    masks: Masks,
    *,
    features: Features | None = None,
    pixel_weight: float = 1.0,
    perceptual_weight: float = 1.0,
) -> Energy:
    """Difference of image and source where the mask is 0: -log p(c|x) of KRR flow's inpainting.

    Pixels are compared by the mean squared difference over the known ones, channels in [0, 1].
    With weight N / (2 s^2) and N known numbers, this is -log N(known; x, s^2) up to a constant.
    Features are compared with grey in the hole of both images, divided by the known share, so that
    an image with a large hole counts as much. The paper uses the discriminator of an inpainting
    network instead, which other generators lack.

    Args:
        sources: source images in [0, 1], of any size: one for all samples, or one each.
        masks: masks of the size of the sources, one for all or one each: 0 where the source is
            known, 1 where it is not, as in ComfyUI. Values in between count as unknown. For images
            of another size both are resampled, and only pixels from known ones count.
        features: features that are compared in addition; None for pixels alone.
        pixel_weight: weight of the pixels, at least 0.
        perceptual_weight: weight of the features, at least 0.

    Raises:
        DomainMismatch: masks of another size than the sources.
        InvalidInput: no source or mask; numbers of them that do not match; a mask with nothing
            unknown or nothing known; no effective weight above 0.
    """
    if min(pixel_weight, perceptual_weight) < 0:
        raise InvalidInput(
            f"Weights {pixel_weight} and {perceptual_weight}; both must be at least 0."
        )
    task = _Task(sources, masks)
    energy = Energy(())
    if features is not None and perceptual_weight > 0:
        energy = energy + perceptual_weight * Energy.of(_perceptual(task, features))
    if pixel_weight > 0:
        energy = energy + pixel_weight * Energy.of(_pixels(task))
    if not energy.terms:
        raise InvalidInput(
            "Nothing to compare the known region by: no weight above 0 counts. Raise the weight "
            "of the pixels, or give features to compare by."
        )
    return energy


def known_error(images: Images4, sources: Sources, masks: Masks) -> Float[Tensor, " batch"]:
    """Returns the root mean squared difference over the known region, channels in [0, 1].

    Args:
        images: images in [0, 1].
        sources: source images, one for all or one each, as the masks.
        masks: masks, 1 where the source is unknown.

    Raises:
        DomainMismatch: masks of another size than the sources.
        InvalidInput: as for `masked`.
    """
    task = _Task(sources, masks)
    return _squares(images, *task.at(range(len(images)), images)).sqrt()


class _Task:
    """Checked sources and their known regions.

    Args:
        sources: as for `masked`.
        masks: as for `masked`.
    """

    def __init__(self, sources: Tensor, masks: Tensor) -> None:
        _check(sources, masks)
        most = max(len(sources), len(masks))
        self.sources = sources.detach()
        self.known = (1 - masks.detach().float())[:, None]
        self._sizes: set[tuple[int, int]] = set()
        inside = (self.known >= KNOWN).flatten(1)
        flat = torch.cat(
            [
                self.sources.flatten(1).float().cpu().expand(most, -1),
                inside.cpu().float().expand(most, -1),
            ],
            dim=1,
        )
        labels = tuple(f"source {number}" for number in range(most))
        self.condition = Condition(
            flat, labels, "masked", "masked reconstruction", called="source images"
        )

    def at(self, rows: range | tuple[int, ...], images: Tensor) -> tuple[Tensor, Tensor]:
        """Returns sources and known regions of these samples, at the size of the images."""
        size = (images.shape[2], images.shape[3])
        source, known = (of_rows(own, rows, size, images) for own in (self.sources, self.known))
        self._check_size(size)
        return source, (known >= KNOWN).to(images)

    def _check_size(self, size: tuple[int, int]) -> None:
        """Checks, once per size, that images are large enough for known pixels to remain."""
        if size in self._sizes:
            return
        if not bool((resized(self.known, size) >= KNOWN).flatten(1).any(dim=1).all()):
            raise InvalidInput(
                f"At {size[1]} x {size[0]} pixels, the size of the generator's images, nothing of "
                "a source is known any more. Take a mask with larger known parts (black)."
            )
        self._sizes.add(size)


def _check(sources: Tensor, masks: Tensor) -> None:
    if len(sources) == 0 or len(masks) == 0:
        raise InvalidInput(
            f"{len(sources)} source images and {len(masks)} masks; at least one of each needed."
        )
    if len(sources) != len(masks) and 1 not in (len(sources), len(masks)):
        raise InvalidInput(
            f"{len(masks)} masks for {len(sources)} source images. Give one for all, or one each."
        )
    if masks.shape[1:] != sources.shape[2:]:
        high, wide = masks.shape[1:]
        raise DomainMismatch(
            f"The mask is {wide} x {high} pixels and the source image {sources.shape[3]} x "
            f"{sources.shape[2]}. Give a mask of the image's size. (Load Image gives an empty one "
            "of 64 x 64 for a picture without transparency.)"
        )
    if not bool(masks.isfinite().all() and sources.isfinite().all()):
        raise InvalidInput("A mask or a source image contains values that are not finite.")
    inside = (1 - masks >= KNOWN).flatten(1)
    for found, what, cure in (
        (
            inside.all(dim=1),
            "is empty: all of its image is known",
            "Mark the region to inpaint with 1 (white).",
        ),
        (
            ~inside.any(dim=1),
            "is full: nothing of its image is known",
            "Leave the known region 0 (black).",
        ),
    ):
        rows = found.nonzero()[:, 0].tolist()
        if rows:
            raise InvalidInput(f"Mask {rows[0]} {what}. {cure}")


def _squares(images: Tensor, source: Tensor, inside: Tensor) -> Float[Tensor, " batch"]:
    squares = (images - source).square().mean(dim=1, keepdim=True) * inside
    return squares.sum(dim=(1, 2, 3)) / inside.sum(dim=(1, 2, 3))


def _pixels(task: _Task) -> Term:
    def evaluate(images: Tensor, rng: SampleRng) -> Tensor:
        return _squares(images, *task.at(rng.rows, images))

    return Term(
        label="known pixels",
        domain=IMAGES,
        evaluate=evaluate,
        condition=task.condition,
        measure=Measure("error", lambda values: values.sqrt()),
    )


def _perceptual(task: _Task, features: Features) -> Term:
    def evaluate(images: Tensor, rng: SampleRng) -> Tensor:
        source, inside = task.at(rng.rows, images)
        with torch.no_grad():
            wanted = features.maps(source * inside + GREY * (1 - inside))
        seen = features.maps(images * inside + GREY * (1 - inside))
        share = inside.mean(dim=(1, 2, 3))
        return feature_distance(features, seen, wanted) / share

    return Term(
        label=f"known region({features.name})",
        domain=IMAGES,
        evaluate=evaluate,
        modules=features.modules,
        condition=task.condition,
    )


def _pictures(count: int, side: int) -> Tensor:
    return torch.rand(count, 3, side, side, generator=torch.Generator().manual_seed(side))


def _mask(side: int) -> Tensor:
    mask = torch.zeros(1, side, side)
    mask[:, : side // 2, : side // 2] = 1
    return mask


def _example() -> EnergyExample:
    return EnergyExample(masked(_pictures(3, 10), _mask(10)), _pictures(3, 5))


def _perceptual_example() -> EnergyExample:
    energy = masked(_pictures(1, 5), _mask(5), features=clip_features(toy_clip()), pixel_weight=0)
    return EnergyExample(energy, _pictures(3, 5))


EXAMPLE = _example
PERCEPTUAL_EXAMPLE = _perceptual_example
