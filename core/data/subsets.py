"""Some of a set of pictures: an order, drawn by a seed, and a part of it.

Two halves of one order share no picture, so what moves samples and what measures them can be
kept apart.
"""

import random
from collections.abc import Hashable, Sequence
from typing import Literal, TypeAlias, get_args

from ..errors import InvalidInput
from ..rng import derive_seed

__all__ = ["ORDERS", "PARTS", "Order", "Part", "chosen", "portion"]

Order: TypeAlias = Literal["as filed", "shuffled", "balanced"]
Part: TypeAlias = Literal["all", "first half", "second half"]
ORDERS: tuple[Order, ...] = get_args(Order)
PARTS: tuple[Part, ...] = get_args(Part)


def portion(
    count: int,
    *,
    order: Order = "as filed",
    seed: int = 0,
    part: Part = "all",
    labels: Sequence[Hashable] = (),
) -> list[int]:
    """The numbers of the pictures of a part, in their order.

    `balanced` spreads the pictures of every label evenly over the order, each label's shuffled:
    any stretch of it holds the labels in the shares that they have in the whole, to one picture
    of each, and so do both halves.

    Args:
        count: of all pictures, numbered from 0 as they are filed.
        order: `as filed`, `shuffled` or `balanced` over the labels.
        seed: of the order, without effect as filed.
        part: `all`, or a half of the order; of an odd number the second half has one more.
        labels: one per picture, for `balanced`.

    Raises:
        InvalidInput: an unknown order or part; no label for every picture where they are needed.
    """
    if order not in ORDERS:
        raise InvalidInput(f"Order {order!r}; there are {', '.join(ORDERS)}.")
    if part not in PARTS:
        raise InvalidInput(f"Part {part!r}; there are {', '.join(PARTS)}.")
    numbers = list(range(count))
    if order == "balanced":
        if len(labels) != count:
            raise InvalidInput(
                f"The order balanced needs a label of each picture; {len(labels)} labels for "
                f"{count} pictures. Give labels, or take the order shuffled."
            )
        numbers = _spread(labels, seed)
    elif order == "shuffled":
        random.Random(derive_seed(seed, "order")).shuffle(numbers)
    middle = count // 2
    if part == "all":
        return numbers
    return numbers[:middle] if part == "first half" else numbers[middle:]


def chosen(numbers: Sequence[int], first: int, limit: int, what: str) -> list[int]:
    """Some of these numbers: `limit` of them (0: all that follow) from place `first` on.

    Raises:
        InvalidInput: none is left.
    """
    found = list(numbers[first : first + limit if limit else None])
    if not found:
        raise InvalidInput(f"{what} has {len(numbers)} pictures; {first} skipped leave none.")
    return found


def _spread(labels: Sequence[Hashable], seed: int) -> list[int]:
    """The j-th of a label's n pictures stands about the share (j + 1/2) / n of the way."""
    draw = random.Random(derive_seed(seed, "order"))
    members: dict[Hashable, list[int]] = {}
    for number, label in enumerate(labels):
        members.setdefault(label, []).append(number)
    placed: list[tuple[float, int]] = []
    for own in members.values():
        draw.shuffle(own)
        placed += [((j + draw.random()) / len(own), number) for j, number in enumerate(own)]
    return [number for _, number in sorted(placed)]
