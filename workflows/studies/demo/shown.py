"""What a part of the short demo shows: pictures in groups, and figures with intervals."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from jaxtyping import Float
from torch import Tensor

from ....core.metrics.intervals import Interval

__all__ = ["Figure", "Part", "Picture", "PictureGroup", "numbers_of"]


@dataclass(frozen=True)
class Picture:
    """A picture on the page.

    Attributes:
        image: in [0, 1].
        alt: what it is, for those who do not see it.
        caption: text below it; may be empty.
    """

    image: Float[Tensor, "3 height width"]
    alt: str
    caption: str = ""


@dataclass(frozen=True)
class PictureGroup:
    """Pictures under one heading."""

    heading: str
    pictures: tuple[Picture, ...]


@dataclass(frozen=True)
class Figure:
    """A figure with its interval, by its key among the numbers of a part.

    Attributes:
        key: the number's name; `KEY_low` and `KEY_high` are its interval.
        says: what it is, in words.
    """

    key: str
    says: str


@dataclass(frozen=True)
class Part:
    """A part of the demo.

    Attributes:
        about: what was done, in sentences.
        groups: its pictures.
        figures: the figures to show, the main one first.
        numbers: all numbers, by key.
    """

    about: str
    groups: tuple[PictureGroup, ...]
    figures: tuple[Figure, ...]
    numbers: Mapping[str, float] = field(default_factory=dict[str, float])


def numbers_of(key: str, found: Interval) -> dict[str, float]:
    """Returns an estimate and its interval under flat keys."""
    return {key: found.value, f"{key}_low": found.low, f"{key}_high": found.high}
