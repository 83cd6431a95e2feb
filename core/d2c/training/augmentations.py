"""The random views of MoCo v2: crop, colour jitter, grey, blur and flip, a stream per image."""

import math
from collections.abc import Iterator

import torch
from jaxtyping import Float
from torch import Tensor
from torchvision.transforms import functional as image

from ...errors import InvalidInput
from ...images import resized
from ...rng import SampleRng
from .settings import Views

__all__ = ["views_of"]

TRIALS = 10
"""Draws of a crop before the centre is taken, as in torchvision's RandomResizedCrop."""


def views_of(
    images: Float[Tensor, "batch 3 height width"], rng: SampleRng, views: Views
) -> Float[Tensor, "batch 3 height width"]:
    """Returns a random view of each image, of the same size.

    Each row draws from its own stream, so that a view depends on nothing else in the batch. The
    operations are torchvision's for tensors; the crop is resized with antialiasing.

    Args:
        images: images in [0, 1].
        rng: a stream per image.
        views: how views are made.
    """
    if len(rng) != len(images):
        raise InvalidInput(f"{len(rng)} random streams for {len(images)} images.")
    made = [
        _view(one, _uniforms(stream), views)
        for one, stream in zip(images.split(1), rng.streams, strict=True)
    ]
    return torch.cat(made) if made else images


def _uniforms(stream: torch.Generator) -> Iterator[float]:
    while True:
        yield from torch.rand(16, generator=stream).tolist()


def _between(low: float, high: float, draws: Iterator[float]) -> float:
    return low + (high - low) * next(draws)


def _view(one: Tensor, draws: Iterator[float], views: Views) -> Tensor:
    size = (one.shape[2], one.shape[3])
    top, left, height, width = _crop(size, draws, views)
    one = resized(one[:, :, top : top + height, left : left + width], size).clamp(0, 1)
    if next(draws) < views.jitter_share:
        one = _jittered(one, draws, views.jitter)
    if next(draws) < views.grey_share:
        one = image.rgb_to_grayscale(one, num_output_channels=3)
    if next(draws) < views.blur_share:
        sigma = _between(*views.blur, draws)
        reach = min(math.ceil(3 * views.blur[1]), min(size) - 1)
        one = image.gaussian_blur(one, [2 * reach + 1] * 2, [sigma, sigma])
    return one.flip(3) if next(draws) < views.flip_share else one


def _crop(
    size: tuple[int, int], draws: Iterator[float], views: Views
) -> tuple[int, int, int, int]:
    """Draws a crop's top, left, height and width."""
    high, wide = size
    for _ in range(TRIALS):
        area = high * wide * _between(*views.area, draws)
        ratio = math.exp(_between(math.log(views.ratio[0]), math.log(views.ratio[1]), draws))
        width, height = round(math.sqrt(area * ratio)), round(math.sqrt(area / ratio))
        if 0 < width <= wide and 0 < height <= high:
            top = int(next(draws) * (high - height + 1))
            left = int(next(draws) * (wide - width + 1))
            return top, left, height, width
    ratio = min(max(wide / high, views.ratio[0]), views.ratio[1])
    width, height = min(wide, round(high * ratio)), min(high, round(wide / ratio))
    return (high - height) // 2, (wide - width) // 2, height, width


def _jittered(
    one: Tensor, draws: Iterator[float], ranges: tuple[float, float, float, float]
) -> Tensor:
    changes = (
        image.adjust_brightness,
        image.adjust_contrast,
        image.adjust_saturation,
        image.adjust_hue,
    )
    centres = (1.0, 1.0, 1.0, 0.0)
    amounts = [
        centre + _between(-reach, reach, draws)
        for centre, reach in zip(centres, ranges, strict=True)
    ]
    keys = [next(draws) for _ in changes]
    for number in sorted(range(len(changes)), key=keys.__getitem__):
        if ranges[number]:
            one = changes[number](one, amounts[number])
    return one
