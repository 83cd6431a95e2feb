"""Image preprocessing and options shared by all classifiers."""

import copy
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from jaxtyping import Float
from torch import Tensor, nn

from ...checkpoints.options import Option
from ...devices import constants
from ...errors import CheckpointError, InvalidInput
from ...identity import ModelId, written
from ...images import resized

__all__ = [
    "CLASSIFIER_OPTIONS",
    "IMAGENET",
    "Colours",
    "Preparation",
    "checked_classes",
    "chosen_colours",
    "chosen_side",
    "model_id",
    "usual",
    "without",
]

Colours: TypeAlias = tuple[float, float, float]
IMAGENET: tuple[Colours, Colours] = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
"""Mean and standard deviation of ImageNet's colour channels, in [0, 1]."""
CLASSIFIER_OPTIONS = (
    Option("classes", "Names of the classes, one for each logit."),
    Option("mean", "The mean of red, green and blue that is subtracted from images in [0, 1]."),
    Option("std", "The standard deviation of red, green and blue that images are divided by."),
    Option("max_pool", "Whether a max-pool follows the first convolution of a ResNet."),
    Option("image_size", "The side in pixels of the squares that the network looks at."),
)
"""Options of a classifier besides its file; only ResNets take `max_pool`."""


@dataclass(frozen=True)
class Preparation:
    """Preprocessing of a classifier's images; differentiable, in the images' precision.

    Attributes:
        scaled: shorter side after resizing, or (height, width) for any aspect ratio.
        size: (height, width) of the centre crop that follows.
        mean: channel means, in [0, 1].
        std: channel standard deviations; the network receives (image - mean) / std.
        reversed_channels: whether the channel order is blue, green, red.
    """

    scaled: int | tuple[int, int]
    size: tuple[int, int]
    mean: Colours
    std: Colours
    reversed_channels: bool = False

    def __call__(
        self, images: Float[Tensor, "batch 3 height width"]
    ) -> Float[Tensor, "batch 3 high wide"]:
        """Prepares images in [0, 1], resized by antialiased bilinear resampling."""
        high, wide = self.size
        images = resized(images, self._scaled(images.shape[2], images.shape[3]))
        # Rounds like torchvision, half to even.
        top = round((images.shape[2] - high) / 2)
        left = round((images.shape[3] - wide) / 2)
        images = images[:, :, top : top + high, left : left + wide]
        mean, std = (constants(row, images)[:, None, None] for row in (self.mean, self.std))
        if self.reversed_channels:
            images = images.flip(1)
        return (images - mean) / std

    def _scaled(self, height: int, width: int) -> tuple[int, int]:
        if isinstance(self.scaled, tuple):
            return self.scaled
        short, long = min(height, width), max(height, width)
        longer = int(self.scaled * long / short)
        return (self.scaled, longer) if height <= width else (longer, self.scaled)


def chosen_colours(
    options: Mapping[str, object], default: tuple[Colours, Colours]
) -> tuple[Colours, Colours]:
    """Returns the options `mean` and `std`, or the defaults.

    Raises:
        InvalidInput: not three numbers, a mean outside [0, 1], or a std that is not positive.
    """
    mean = _three("mean", options.get("mean", default[0]))
    std = _three("std", options.get("std", default[1]))
    if "mean" in options and not all(0 <= number <= 1 for number in mean):
        raise InvalidInput(
            f"mean {_shown(mean)}; expected numbers in [0, 1], for images in [0, 1]. Divide mean "
            "and std for images in [0, 255] by 255."
        )
    if "std" in options and not all(number > 0 for number in std):
        raise InvalidInput(f"std {_shown(std)}; expected numbers above 0, to divide images by.")
    return mean, std


def _three(name: str, value: object) -> Colours:
    numbers: list[Any] = list(value) if isinstance(value, list | tuple) else [value]
    fine = all(isinstance(n, int | float) and math.isfinite(n) for n in numbers)
    if not fine or len(numbers) != 3:
        raise InvalidInput(
            f"{name} {_shown(numbers)} has {len(numbers)} entries; expected 3 numbers, of red, "
            "green and blue."
        )
    red, green, blue = (float(number) for number in numbers)
    return red, green, blue


def _shown(values: Sequence[object]) -> str:
    return ", ".join(map(str, values)) or "of nothing"


def chosen_side(options: Mapping[str, object]) -> int | None:
    """Returns the option `image_size`, the side of a network's square input.

    Raises:
        InvalidInput: it is not an integer from 8 to 4096.
    """
    side = options.get("image_size")
    if side is None:
        return None
    if isinstance(side, bool) or not isinstance(side, int) or not 8 <= side <= 4096:
        raise InvalidInput(f"image_size {side!r}; expected a whole number from 8 to 4096.")
    return side


def model_id(sha256: str, options: Mapping[str, object], own: Mapping[str, object]) -> ModelId:
    """Returns the weights' sha256 with the options, which make the weights a different model.

    Class names do not affect the outputs and are left out, as are options equal to the model's
    defaults.

    Args:
        sha256: sha256 of the weights.
        options: chosen options.
        own: values that options have by default.
    """
    chosen = {name: value for name, value in options.items() if name != "classes"}
    resolved = {name: written(value) for name, value in {**own, **chosen}.items()}
    differing = [n for n in sorted(chosen) if resolved[n] != written(own.get(n))]
    ending = "".join(f"-{name}={options[name]}" for name in differing)
    return ModelId(sha256 + ending, resolved)


def usual(prepared: Preparation) -> dict[str, object]:
    """Returns the options that reproduce a preparation, as the model's defaults.

    `image_size` resizes without cropping, so a preparation that crops has none.
    """
    high, wide = prepared.size
    side = high if high == wide and prepared.scaled == high else None
    return {"mean": prepared.mean, "std": prepared.std, "image_size": side}


def checked_classes(model: str, count: int) -> int:
    """Validates and returns a number of classes.

    Raises:
        CheckpointError: it is zero or one.
    """
    if count < 2:
        why = "a regression, or a binary choice in one number" if count else "no last layer"
        raise CheckpointError(
            f"{model} has {count} output{'s' * (count != 1)}: {why}. A classifier has a logit for "
            "each of two classes or more."
        )
    return count


def without(module: nn.Module, *names: str) -> Any:  # noqa: ANN401 - a module of the same class
    """Returns the module with submodules replaced by identities; everything else is shared."""
    for name in names:
        first, _, rest = name.partition(".")
        copied = copy.copy(module)
        inner: nn.Module = module.get_submodule(first)
        replaced = without(inner, rest) if rest else nn.Identity()
        vars(copied)["_modules"] = {**vars(module)["_modules"], first: replaced}
        module = copied
    return module
