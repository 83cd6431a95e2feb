"""Labels of images as classes: those of a file, or what captions contain."""

from collections.abc import Sequence

import torch
from jaxtyping import Int
from torch import Tensor

from ..errors import InvalidInput

__all__ = ["labelled", "other_class"]

SHOWN = 8
"""Most labels in a message."""


def labelled(
    lines: Sequence[str], wanted: str, images: int
) -> tuple[Int[Tensor, " n"], tuple[str, ...], int]:
    """Returns the class of each image, the names of the classes, and the index of the wanted one.

    If what is wanted is one of the lines, every different line is a class; of two, the first is
    the other one. Otherwise the lines are captions, and those that contain what is wanted, in
    upper or lower case, are of its class and all others of the rest.

    Args:
        lines: a label or a caption per image.
        wanted: the wanted label, or a text in captions.
        images: number of images.

    Raises:
        InvalidInput: not a line per image, or no line is or contains what is wanted.
    """
    if len(lines) != images:
        raise InvalidInput(
            f"{len(lines)} labels for {images} images; expected a line per image. Connect "
            "`images` and `labels` of the same Load Image Set."
        )
    found = sorted(set(lines))
    if wanted in found:
        names = (*(name for name in found if name != wanted), wanted)
        if len(names) > 2:
            names = tuple(found)
        numbers = [names.index(line) for line in lines]
        return torch.tensor(numbers), names, names.index(wanted)
    shown = [wanted.lower() in line.lower() for line in lines]
    if not any(shown):
        more = f" and {len(found) - SHOWN} more" if len(found) > SHOWN else ""
        raise InvalidInput(
            f"No label is or contains {wanted!r}. There are: {', '.join(found[:SHOWN])}{more}. "
            "Set `wanted` to one of them, or to a text that those of the wanted images contain."
        )
    return torch.tensor(shown).long(), (other_class(wanted), wanted), 1


def other_class(wanted: str) -> str:
    """Returns the name of the class that is not wanted, of two."""
    return "rest" if wanted != "rest" else "others"
