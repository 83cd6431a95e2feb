"""Directions that move the places of a grid one after the other."""

import pytest
import torch
from latentsteer.core.chunking import ALL_AT_ONCE
from latentsteer.core.errors import InvalidInput
from latentsteer.core.refine.first_order import FirstOrder
from latentsteer.core.refine.kernel import Gradient
from latentsteer.core.refine.ordered import ORDERS, Ordered, ordered_places
from latentsteer.core.refine.rules import Descent
from latentsteer.core.rng import SampleRng
from latentsteer.core.spaces import Block, Identity, Space

GRID = Space((Block("z", (2, 2, 3)),))
PLACES = 6


def moved_in(toys, order, at_once, steps):
    """The places that each step moves, of an energy that pulls at all."""
    energy = toys.energy_of(lambda v: v.sum(dim=1), GRID)
    direction = Ordered.on(GRID, Gradient(), order, at_once)
    refiner = FirstOrder(Descent(step_size=1.0), direction=direction)
    rng = SampleRng.of(0, 2)
    kernel = refiner.bind(energy, Identity(GRID), ALL_AT_ONCE)
    state, found = kernel.init(torch.zeros(2, GRID.dim)), []
    for _ in range(steps):
        following, _ = kernel.step(state, rng)
        change = (following.position - state.position).unflatten(1, (2, PLACES))
        assert torch.equal(change[0], change[1])
        assert torch.equal(change[0, 0], change[0, 1])
        found.append((change[0, 0] != 0).nonzero()[:, 0].tolist())
        state = following
    return found


def test_places_move_in_their_order_and_again_from_the_first(toys):
    assert moved_in(toys, "rows", 1, 8) == [[0], [1], [2], [3], [4], [5], [0], [1]]
    assert moved_in(toys, "rows", 4, 3) == [[0, 1, 2, 3], [4, 5], [0, 1, 2, 3]]


@pytest.mark.parametrize("order", ORDERS)
def test_an_order_has_every_place_once(order):
    assert sorted(ordered_places(order, 4, 5)) == list(range(20))


def test_the_centre_comes_first():
    assert ordered_places("centre first", 3, 3) == [4, 1, 3, 5, 7, 0, 2, 6, 8]
    assert ordered_places("random", 4, 5) == ordered_places("random", 4, 5) != list(range(20))


def test_what_it_cannot_order_is_refused(toys):
    with pytest.raises(InvalidInput, match="need latents on a grid"):
        Ordered.on(toys.vectors(6), Gradient())
    with pytest.raises(InvalidInput, match="0 places at once"):
        Ordered.on(GRID, Gradient(), at_once=0)
