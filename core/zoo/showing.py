"""Which of the shipped real pictures show what a text states."""

import torch
from jaxtyping import Bool, Int
from torch import Tensor

from ..errors import InvalidInput
from .avatar_words import stated_in
from .avatars import ATTRIBUTES, visible

__all__ = ["NOT", "pictures_showing"]

NOT = "not "
"""Start of a text that states what pictures do not show."""


def pictures_showing(labels: Int[Tensor, "pictures ..."], text: str) -> Bool[Tensor, " pictures"]:
    """Returns which pictures show what a text states.

    Args:
        labels: a class per picture, or a value number per attribute of the avatars.
        text: a class by its number, or values of avatars in words, all of which are visible; after
            `not`, the pictures are those that do not show all of it.

    Raises:
        InvalidInput: a text that states nothing.
    """
    stated = text.strip().lower()
    plain = stated.removeprefix(NOT)
    found = _of_class(labels, plain) if labels.ndim == 1 else _with_values(labels, plain)
    return found if plain == stated else ~found


def _of_class(labels: Tensor, text: str) -> Tensor:
    classes = sorted(set(labels.tolist()))
    if text not in map(str, classes):
        raise InvalidInput(
            f"No picture is of the class {text!r}; there are {', '.join(map(str, classes))}."
        )
    return labels == int(text)


def _with_values(labels: Tensor, text: str) -> Tensor:
    wanted = stated_in(text)
    if not wanted:
        raise InvalidInput(
            f"{text!r} states nothing that avatars show. Write values such as sunglasses, beard "
            "or blue background; docs/models.md lists the words."
        )
    names = list(ATTRIBUTES.items())
    shown = [
        visible({name: of[int(number)] for (name, of), number in zip(names, row, strict=True)})
        for row in labels.tolist()
    ]
    return torch.tensor([wanted.items() <= one.items() for one in shown])
