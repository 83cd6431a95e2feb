"""What the study of D2C asks of avatars: attributes to generate, and edits."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from jaxtyping import Bool
from torch import Tensor

from ....core.zoo.avatars import ATTRIBUTES

__all__ = ["EDITS", "EVERYTHING", "MOMENTS", "TASKS", "WantedValue", "shows"]

MOMENTS = Path(__file__).parents[1] / "results" / "avatars_moments.safetensors"
"""Moments of the judge's features of avatars that no model was trained on."""
EVERYTHING = "all"
"""Name of the moments of all these avatars; the others are of those that show a task's value."""


@dataclass(frozen=True)
class WantedValue:
    """A value of an attribute that images are to show.

    Attributes:
        text: the value in words, as a caption states it.
        attribute: the attribute.
        value: its value.
        instead: other texts of the attribute, for contrasts of words; none for the average image.
        context: what images show besides, for contrasts of words.
    """

    text: str
    attribute: str
    value: str
    instead: tuple[str, ...] = ()
    context: str = ""

    @property
    def key(self) -> str:
        """The text as a part of a figure's name."""
        return self.text.replace(" ", "_")

    @property
    def sets(self) -> Mapping[str, str]:
        """The value by its attribute."""
        return {self.attribute: self.value}


def _of(*wanted: WantedValue) -> Mapping[str, WantedValue]:
    return {one.key: one for one in wanted}


def _background(colour: str) -> WantedValue:
    return WantedValue(
        f"{colour} background",
        "background",
        colour,
        tuple(f"{c} background" for c in ATTRIBUTES["background"] if c != colour),
    )


SUNGLASSES = WantedValue("sunglasses", "accessory", "sunglasses", ("glasses", "eyepatch"))
BEARD = WantedValue("beard", "facial_hair", "beard")
BLUE = _background("blue")
TASKS = _of(SUNGLASSES, WantedValue("hijab", "top", "hijab"), BEARD, BLUE)
"""Attributes of the few-shot generation."""
EDITS = _of(
    SUNGLASSES,
    WantedValue("glasses", "accessory", "glasses", ("sunglasses", "eyepatch")),
    WantedValue("eyepatch", "accessory", "eyepatch", ("glasses", "sunglasses")),
    _background("yellow"),
    WantedValue("hat", "top", "hat"),
    WantedValue("turban", "top", "turban"),
    BEARD,
    BLUE,
)
"""Edits of the manipulation."""


def shows(values: Tensor, wanted: WantedValue) -> Bool[Tensor, " images"]:
    """Returns which images show a value.

    Args:
        values: value number of each attribute, in the order of `ATTRIBUTES`, (images, attributes).
        wanted: the value.
    """
    names = list(ATTRIBUTES)
    number = ATTRIBUTES[wanted.attribute].index(wanted.value)
    return values[:, names.index(wanted.attribute)] == number
