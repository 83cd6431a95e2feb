"""Attributes of the avatars, their values, and the rules of what is visible.

An avatar has one value per attribute. The values that a caption states are its constraints, so an
attribute judge can count how many of them an image satisfies.
"""

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

__all__ = [
    "ATTRIBUTES",
    "COLOURS",
    "HAIR",
    "HAIR_COLOURS",
    "HEADGEAR",
    "Avatar",
    "Constraints",
    "constraint_matrix",
    "draw",
    "sibling",
    "visible",
]

Avatar = dict[str, str]
Constraints = dict[str, str]

COLOURS: Final = ("red", "orange", "yellow", "green", "blue", "purple", "pink", "white", "black")
HAIR_COLOURS: Final = ("black", "brown", "blonde", "red", "pink", "grey")
HEADGEAR: Final = ("hat", "beanie", "hijab", "turban")
HAIR: Final = ("short", "long", "bob", "bun", "curly", "wavy", "afro", "dreads", "mohawk")

ATTRIBUTES: Final[Mapping[str, tuple[str, ...]]] = {
    "top": (*HAIR, "bald", *HEADGEAR),
    "hair_colour": HAIR_COLOURS,
    "hat_colour": COLOURS,
    "clothes": ("shirt", "hoodie", "blazer", "sweater", "overalls"),
    "clothes_colour": COLOURS,
    "background": ("white", "grey", "pink", "yellow", "green", "blue", "purple", "orange"),
    "skin": ("light", "tan", "brown", "dark", "yellow"),
    "mouth": ("smile", "serious", "sad", "scream", "tongue", "grimace"),
    "eyes": ("plain", "hearts", "closed", "wide", "wink", "dizzy"),
    "accessory": ("none", "glasses", "sunglasses", "eyepatch"),
    "facial_hair": ("none", "beard", "moustache"),
    "facial_hair_colour": HAIR_COLOURS,
}
"""Attribute to its values. A judge has one head per attribute."""

_CHANCES: Final[Mapping[str, tuple[float, ...]]] = {
    "eyes": (0.4, 0.12, 0.12, 0.12, 0.12, 0.12),
    "accessory": (0.58, 0.15, 0.15, 0.12),
    "facial_hair": (0.64, 0.2, 0.16),
}
"""Probabilities of attributes whose values are not equally likely."""


def draw(rng: Generator) -> Avatar:
    """Draws an avatar, each attribute independently; a hijab excludes facial hair."""
    avatar = {name: str(rng.choice(values, p=_CHANCES.get(name))) for name, values in _items()}
    if avatar["top"] == "hijab":
        avatar["facial_hair"] = "none"
    return avatar


def sibling(avatar: Avatar, rng: Generator) -> Avatar:
    """Returns the avatar with one to three visible attributes changed.

    If hat (or hair) and clothes can have each other's colours, those are swapped instead in half
    of the cases.
    """
    other = dict(avatar)
    above = "hat_colour" if avatar["top"] in HEADGEAR else "hair_colour"
    first, second = avatar[above], avatar["clothes_colour"]
    swap = second in ATTRIBUTES[above] and first in COLOURS and first != second
    if swap and rng.random() < 0.5:
        other[above], other["clothes_colour"] = second, first
        return other
    fresh = draw(rng)
    names = [name for name in visible(avatar) if fresh[name] != avatar[name]]
    if avatar["top"] == "hijab":
        names = [name for name in names if name != "facial_hair"]
    for name in rng.choice(names, size=min(len(names), int(rng.integers(1, 4))), replace=False):
        other[str(name)] = fresh[str(name)]
    if other["top"] == "hijab":
        other["facial_hair"] = "none"
    return other


def visible(avatar: Mapping[str, str]) -> dict[str, str]:
    """Returns the visible attributes: no hair colour without hair, and so on."""
    hidden: set[str] = set()
    top = avatar.get("top")
    if top not in HAIR:
        hidden.add("hair_colour")
    if top not in HEADGEAR:
        hidden.add("hat_colour")
    if avatar.get("facial_hair") == "none":
        hidden.add("facial_hair_colour")
    if avatar.get("accessory") in ("sunglasses", "eyepatch"):
        hidden.add("eyes")
    return {name: value for name, value in avatar.items() if name not in hidden}


def constraint_matrix(captions: Sequence[Mapping[str, str]]) -> NDArray[np.int8]:
    """Encodes captions as (captions, attributes) value indices, -1 where nothing is stated."""
    table = np.full((len(captions), len(ATTRIBUTES)), -1, dtype=np.int8)
    for row, stated in enumerate(captions):
        for column, (name, values) in enumerate(_items()):
            if name in stated:
                table[row, column] = values.index(stated[name])
    return table


def _items() -> Sequence[tuple[str, tuple[str, ...]]]:
    return tuple(ATTRIBUTES.items())
