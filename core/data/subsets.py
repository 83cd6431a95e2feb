"""Subsets of a set of images: a part of an order drawn from a seed.

Two halves of one order share no image, so the data that moves samples and the data that measures
them can be separated.
"""

import random
from collections.abc import Hashable, Sequence
from typing import Literal, TypeAlias, get_args

from ..errors import InvalidInput
from ..rng import derive_seed

__all__ = ["ORDERS", "PARTS", "Order", "Portion", "chosen", "portion"]

Order: TypeAlias = Literal["as filed", "shuffled", "balanced"]
Portion: TypeAlias = Literal["all", "first half", "second half"]
ORDERS: tuple[Order, ...] = get_args(Order)
PARTS: tuple[Portion, ...] = get_args(Portion)


def portion(
    count: int,
    *,
    order: Order = "as filed",
    seed: int = 0,
    part: Portion = "all",
    labels: Sequence[Hashable] = (),
) -> list[int]:
    """Returns the indices of the images in a part, in order.

    `balanced` spreads the images of every label evenly over the order, shuffled within each label.
    Any stretch of it, and so each half, has the labels in their overall shares, to within one
    image of each label.

    Args:
        count: number of all images, indexed from 0 as filed.
        order: `as filed`, `shuffled` or `balanced` over the labels.
        seed: seed of the order; unused for `as filed`.
        part: `all`, or a half of the order; the second half of an odd number has one more.
        labels: one label per image, for `balanced`.

    Raises:
        InvalidInput: the order or part is unknown, or `balanced` has not one label per image.
    """
    if order not in ORDERS:
        raise InvalidInput(f"Order {order!r}; expected one of {', '.join(ORDERS)}.")
    if part not in PARTS:
        raise InvalidInput(f"Part {part!r}; expected one of {', '.join(PARTS)}.")
    numbers = list(range(count))
    if order == "balanced":
        if len(labels) != count:
            raise InvalidInput(
                f"The balanced order needs one label per picture; got {len(labels)} labels for "
                f"{count} pictures. Give labels, or use the order shuffled."
            )
        numbers = _spread(labels, seed)
    elif order == "shuffled":
        random.Random(derive_seed(seed, "order")).shuffle(numbers)
    middle = count // 2
    if part == "all":
        return numbers
    return numbers[:middle] if part == "first half" else numbers[middle:]


def chosen(numbers: Sequence[int], first: int, limit: int, what: str) -> list[int]:
    """Returns `limit` of these indices (0: all the rest), starting at position `first`.

    Raises:
        InvalidInput: none is left.
    """
    found = list(numbers[first : first + limit if limit else None])
    if not found:
        raise InvalidInput(f"{what} has {len(numbers)} pictures; {first} skipped leave none.")
    return found


def _spread(labels: Sequence[Hashable], seed: int) -> list[int]:
    """Places the j-th of a label's n images at a share of about (j + 1/2) / n of the order."""
    draw = random.Random(derive_seed(seed, "order"))
    members: dict[Hashable, list[int]] = {}
    for number, label in enumerate(labels):
        members.setdefault(label, []).append(number)
    placed: list[tuple[float, int]] = []
    for own in members.values():
        draw.shuffle(own)
        placed += [((j + draw.random()) / len(own), number) for j, number in enumerate(own)]
    return [number for _, number in sorted(placed)]
