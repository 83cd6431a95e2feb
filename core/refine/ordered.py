"""Directions that move the places of a grid one after the other."""

import math
from dataclasses import dataclass
from typing import Literal, TypeAlias, get_args

import torch
from einops import repeat
from torch import Tensor

from ..chunking import Chunking
from ..devices import placed
from ..energy import Energy
from ..errors import InvalidInput
from ..rng import SampleRng, stream_of
from ..spaces import Space
from .kernel import Annealed, Direction, Field, FieldValue

__all__ = ["ORDERS", "Ordered", "PlaceOrder", "ordered_places"]

PlaceOrder: TypeAlias = Literal["rows", "centre first", "random"]
ORDERS: tuple[PlaceOrder, ...] = get_args(PlaceOrder)


def ordered_places(order: PlaceOrder, rows: int, columns: int) -> list[int]:
    """The places of a grid, numbered row by row, in an order.

    Args:
        order: `rows` from the top left; `centre first` by the distance from the centre; `random`
            the same for every run.
        rows: rows of the grid.
        columns: columns of the grid.

    Raises:
        InvalidInput: an unknown order.
    """
    places = list(range(rows * columns))
    if order == "rows":
        return places
    if order == "random":
        return torch.randperm(len(places), generator=stream_of(0, "places")).tolist()
    if order == "centre first":

        def distance(place: int) -> float:
            row, column = divmod(place, columns)
            return (2 * row + 1 - rows) ** 2 + (2 * column + 1 - columns) ** 2

        return sorted(places, key=distance)
    raise InvalidInput(f"Order {order!r}; expected one of {', '.join(ORDERS)}.")


@dataclass(frozen=True)
class Ordered:
    """Moves the features at some places of a grid in each step, the others stay.

    The fine-tuning stage of the KRR flow for discrete latents (appendix): features are updated
    autoregressively in a fixed order. A step moves the next `at_once` places; after the last ones
    it begins again.

    Attributes:
        direction: direction of all features.
        grid: features, rows and columns of the latents.
        order: order of the places.
        at_once: number of places that a step moves.

    Raises:
        InvalidInput: an unknown order, or fewer than one place.
    """

    direction: Direction
    grid: tuple[int, int, int]
    order: PlaceOrder = "rows"
    at_once: int = 1

    def __post_init__(self) -> None:
        if self.at_once < 1:
            raise InvalidInput(f"{self.at_once} places at once; expected at least 1.")
        ordered_places(self.order, 1, 1)

    @classmethod
    def on(
        cls, space: Space, direction: Direction, order: PlaceOrder = "rows", at_once: int = 1
    ) -> "Ordered":
        """Returns the direction on latents of a space.

        Args:
            space: latents with a single block (features, rows, columns).
            direction: direction of all features.
            order: order of the places.
            at_once: number of places that a step moves.

        Raises:
            InvalidInput: latents of another form, an unknown order, or fewer than one place.
        """
        if len(space.blocks) != 1 or len(space.blocks[0].shape) != 3:
            raise InvalidInput(
                f"Places in an order need latents on a grid (features, rows, columns), such as "
                f"those of a discrete VAE; these are {space}."
            )
        features, rows, columns = space.blocks[0].shape
        return cls(direction, (features, rows, columns), order, at_once)

    def field(self, energy: Energy, chunking: Chunking) -> Annealed:
        """Returns the field of the direction at the places of each step; see `Direction`."""
        whole = self.direction.field(energy, chunking)
        features, rows, columns = self.grid
        places = ordered_places(self.order, rows, columns)

        def at(step: int) -> Field:
            inner = whole.at(step) if isinstance(whole, Annealed) else whole
            first = step % math.ceil(len(places) / self.at_once) * self.at_once
            moved = torch.zeros(len(places))
            moved[places[first : first + self.at_once]] = 1.0
            kept = repeat(moved, "places -> (features places)", features=features)

            def value(v: Tensor, rng: SampleRng) -> FieldValue:
                seen = inner(v, rng)
                found = seen if isinstance(seen, FieldValue) else FieldValue(seen[0], seen[1])
                return found._replace(vector=found.vector * placed(kept, v))

            return value

        return Annealed(at)
