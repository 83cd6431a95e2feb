"""Placement of a smaller image on a larger one: FuseDream's parameter {alpha, t}."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias, get_args

from ..errors import InvalidInput
from ..images import Box
from ..rng import derive_seed

__all__ = ["ALL_PLACES", "PLACES", "SCALES", "Column", "Placement", "Row", "placements"]

Row: TypeAlias = Literal["top", "centre", "bottom"]
Column: TypeAlias = Literal["left", "centre", "right"]
SCALES: Final = (0.65, 0.5)
"""Scales of the paper."""
ALL_PLACES: Final = "all nine"


@dataclass(frozen=True)
class Placement:
    """Scale and place of a foreground, alpha and t in FuseDream section 3.3.

    The paper only states t in {left, center, right}^2. Here `left`, `top`, `right` and `bottom`
    touch the edge of the background, and `centre` leaves equal margins (one pixel less before than
    after where the sum is odd).

    Attributes:
        scale: factor on the sides of the foreground, above 0 and below 1.
        row: vertical place: top, centre or bottom.
        column: horizontal place: left, centre or right.

    Raises:
        InvalidInput: a scale out of range or an unknown place.
    """

    scale: float
    row: Row
    column: Column

    def __post_init__(self) -> None:
        if not 0 < self.scale < 1:
            raise InvalidInput(
                f"Scale {self.scale:g} of the foreground; expected a number above 0 and below 1: "
                "the foreground must be smaller than the background that it is pasted on. The "
                f"paper takes {' and '.join(f'{scale:g}' for scale in SCALES)}."
            )
        if self.row not in get_args(Row) or self.column not in get_args(Column):
            raise InvalidInput(
                f"Place {self.row!r} {self.column!r}; rows are {', '.join(get_args(Row))}, "
                f"columns {', '.join(get_args(Column))}."
            )

    def __str__(self) -> str:
        return f"{self.scale:g} {self.place}"

    @property
    def number(self) -> int:
        """A number that identifies the placement: 0 to 17 for the paper's scales."""
        if self.scale in SCALES:
            scale = SCALES.index(self.scale)
        else:
            scale = derive_seed("scale", self.scale)
        return len(PLACES) * scale + PLACES.index(self.place)

    @property
    def place(self) -> str:
        """The name of the place, such as `top left`; `centre` for the middle of both."""
        if self.row == self.column == "centre":
            return "centre"
        return f"{self.row} {self.column}"

    def box(self, size: tuple[int, int]) -> Box:
        """Returns its box on a background of this (height, width): sides rounded, at least 1.

        Raises:
            InvalidInput: it would cover the whole background.
        """
        height, width = (max(1, round(self.scale * side)) for side in size)
        if (height, width) == size:
            raise InvalidInput(
                f"Scale {self.scale:g} of a {size[1]} x {size[0]} foreground covers the whole "
                "background, once rounded to pixels. Choose a smaller one."
            )
        down, right = size[0] - height, size[1] - width
        top = {"top": 0, "centre": down // 2, "bottom": down}[self.row]
        left = {"left": 0, "centre": right // 2, "right": right}[self.column]
        return Box(top, left, height, width)


def _at(scale: float) -> list[Placement]:
    return [Placement(scale, row, column) for row in get_args(Row) for column in get_args(Column)]


PLACES: Final = tuple(placement.place for placement in _at(SCALES[0]))
"""The nine places, row by row."""


def placements(
    scales: Iterable[float] = SCALES, places: str = ALL_PLACES
) -> tuple[Placement, ...]:
    """Returns the placements to try: each scale at each place; the paper's 18 by default.

    Args:
        scales: each above 0 and below 1; repeated ones count once.
        places: `all nine`, or one of PLACES.

    Raises:
        InvalidInput: no scale, one out of range, or an unknown place.
    """
    wanted = tuple(dict.fromkeys(scales))
    if not wanted:
        raise InvalidInput(
            "No scale of the foreground given; expected at least one number above 0 and below 1, "
            "such as 0.65, 0.5."
        )
    if places != ALL_PLACES and places not in PLACES:
        raise InvalidInput(
            f"Places {places!r}; expected one of {ALL_PLACES}, {', '.join(PLACES)}."
        )
    return tuple(
        placement
        for scale in wanted
        for placement in _at(scale)
        if places in (ALL_PLACES, placement.place)
    )
