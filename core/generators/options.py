"""Options that several families of generators share."""

from typing import Final

from ..checkpoints.options import ChoiceOption, RealOption, WholeOption
from ..checkpoints.record import Checkpoint
from ..errors import InvalidInput

__all__ = [
    "NOISES",
    "PIXELS",
    "chosen_text",
    "image_size",
    "latent",
    "noise",
    "pixel_law",
    "truncation",
]

NOISES: Final = ("const", "random", "none")
PIXELS: Final = ("mean", "sample")


def latent(detail: str) -> ChoiceOption:
    """The space that is steered.

    Args:
        detail: the family's spaces and its default, in a sentence.
    """
    return ChoiceOption(
        "latent",
        "The space that is steered.",
        place=0,
        detail=detail,
        choices=("z", "w", "w+", "noise", "clean", "z+"),
    )


def truncation(detail: str) -> RealOption:
    """The truncation psi.

    Args:
        detail: how the family truncates, in a sentence.
    """
    return RealOption(
        "psi",
        "Psi (0 to 1): less is more typical and less diverse. 0: none, psi = 1.",
        place=1,
        label="truncation",
        detail=detail,
        low=0.0,
        high=1.0,
        step=0.05,
    )


def image_size(detail: str) -> WholeOption:
    """The side of the images, for families whose files do not say it.

    Args:
        detail: the family's sizes and its default, in a sentence.
    """
    return WholeOption(
        "image_size",
        "The side of the images in pixels (0 to 1024), where the file does not say it.",
        place=8,
        detail=detail,
        low=0,
        high=1024,
    )


def noise(detail: str) -> ChoiceOption:
    """The noise that layers add to their maps.

    Args:
        detail: where the family's constant noise comes from, in a sentence.
    """
    return ChoiceOption(
        "noise",
        "The noise of every layer: const, the same for every image; random, drawn again for every "
        "image; or none. auto: const, so that a latent is one image.",
        place=3,
        detail=detail,
        choices=NOISES,
    )


def pixel_law(detail: str) -> ChoiceOption:
    """What is shown of the law of the pixels.

    Args:
        detail: the family's departures, in a sentence.
    """
    return ChoiceOption(
        "pixels",
        "For D2C and NVAE: what to show of the law of the pixels. mean: its expectation; sample: "
        "a draw, as in the authors' code, with new noise for every image. auto: mean.",
        place=7,
        detail=detail,
        choices=PIXELS,
    )


def chosen_text(checkpoint: Checkpoint, name: str, known: tuple[str, ...]) -> str:
    """Value of an option with a fixed set of names, the first by default.

    Raises:
        InvalidInput: the value is none of them.
    """
    value = checkpoint.options.get(name, known[0])
    if value not in known:
        raise InvalidInput(f"{name} is {value!r}; expected one of {', '.join(known)}.")
    return str(value)
