"""Goals of single samples against closed forms: latents and conditions with known covariances."""

import pytest
import torch
from latentsteer.core.condition import Condition
from latentsteer.core.errors import InvalidInput
from latentsteer.core.pairs.contrast import contrast_of
from latentsteer.core.pairs.directions import contrast_direction
from latentsteer.core.pairs.goals import contrast_goals
from latentsteer.core.pairs.pairs import Pairs
from latentsteer.core.spaces import Block, Space
from torch.nn import functional

from .toy import normal, of_space

COUNT = 40_000
PLAIN = Space((Block("z", (4,)),))
KINDS = Space((Block("y", (1,), role="class"), Block("z", (4,))))
COLOURS = ("green", "purple", "yellow")
ROWS = 2 * torch.eye(5)[:3]
"""Texts: the first three coordinates of a condition are colours."""


def text(*numbers):
    return Condition(ROWS[list(numbers)], tuple(COLOURS[n] for n in numbers), "f", "toy f")


def generator(space=PLAIN):
    return of_space(space)


def coloured(z):
    """Conditions: the colour is the largest of three coordinates, the rest is the last one."""
    colour = functional.one_hot(z[:, :3].argmax(dim=1), 3)
    return torch.cat([8.0 * colour, z[:, 3:], torch.full((len(z), 1), 8.0)], dim=1)


def drawn(mix=None, dim=4):
    z = normal(COUNT, dim)
    return z if mix is None else z @ mix.T


def goals(keep=1.0, z=None, space=PLAIN):
    z = drawn() if z is None else z
    pairs = Pairs(z, coloured(z[:, -4:]), "g", "f")
    return contrast_direction(
        pairs, generator(space), text(0), text(1, 2), scale=20.0, keep=keep
    ).goals


def towards(goal, z, start=None):
    shown, first = (coloured(one[None])[0] for one in (z, z if start is None else start))
    return goal.towards(goal.rest_of(first), shown).float()


def test_the_loose_move_leads_from_the_samples_own_value_to_the_wanted():
    z = drawn()
    loose, _ = goals(z=z)
    colour = z[:, :3].argmax(dim=1)
    means = torch.stack([z[colour == n].mean(dim=0) for n in range(3)])
    for own in (1, 2):
        found = towards(loose, 2 * torch.eye(4)[own])
        expected = functional.normalize(means[0] - means[own], dim=0)
        assert float(functional.normalize(found, dim=0) @ expected) > 0.9999
    # A single direction for all leads from the mean of both.
    shared = contrast_direction(
        Pairs(z, coloured(z), "g", "f"), generator(), text(0), text(1, 2), scale=20.0
    )
    assert float(shared.vector @ towards(loose, 2 * torch.eye(4)[1])) < 0.95
    assert shared.goals == ()


def test_without_a_weight_of_keeping_both_goals_are_the_loose_one():
    loose, kept = goals(keep=0.0)
    torch.testing.assert_close(loose.shares, kept.shares)
    assert not loose.rest.any()
    assert not kept.rest.any()


def test_the_move_leaves_a_nuisance_where_it_is():
    """Colour and nuisance depend on the same latent, and f sees the colour only in noise."""
    z = drawn()
    noise = normal(COUNT, 2, seed=3)
    # The attribute is z0 + z1, the nuisance z1: a move along both changes the nuisance too.
    attribute = z[:, 0] + z[:, 1] + 3 * noise[:, 0]
    constant = torch.full((COUNT,), 40.0)
    rows = torch.stack([attribute, z[:, 1] + 0.1 * noise[:, 1], constant], dim=1)
    pairs = Pairs(z, rows, "g", "f")
    wanted, instead = (
        Condition(torch.tensor([[side, 0.0, 0.0]]), (str(side),), "f", "toy f")
        for side in (2.0, -2.0)
    )
    found = contrast_direction(pairs, generator(), wanted, instead, scale=4.0, keep=300.0)
    loose, kept = (
        functional.normalize(goal.towards(goal.rest_of(rows[0]), rows[0]).float(), dim=0)
        for goal in found.goals
    )
    both = functional.normalize(torch.tensor([1.0, 1, 0, 0]), dim=0)
    assert float(found.vector @ both) > 0.99
    assert float(loose @ both) > 0.99
    # The score explains 1 / 11 of the nuisance: the rest is z1 - (z0 + z1) / 11, and stays.
    expected = functional.normalize(torch.tensor([10.0, 1, 0, 0]), dim=0)
    assert float(kept @ expected) > 0.99
    assert abs(float(kept[1] / kept[0])) < 0.2


def test_what_changed_by_mistake_moves_back():
    _, kept = goals(keep=10.0)
    start = torch.tensor([0.1, 2.0, 0.3, -0.4])
    there = start + torch.tensor([0.0, 0.0, 0.0, 1.0])
    assert abs(float(towards(kept, start)[3])) < 0.05
    assert float(towards(kept, there, start)[3]) < -0.2
    assert float(towards(kept, start, there)[3]) > 0.2


def test_a_move_is_one_deviation_of_the_latents_along_it():
    mix = torch.diag(torch.tensor([3.0, 1.0, 0.5, 0.1]))
    for goal in goals(z=drawn(mix)):
        found = towards(goal, torch.tensor([0.0, 1.5, 0.3, 0.0]))
        along = functional.normalize(found, dim=0)
        assert float(found.norm()) == pytest.approx(float((mix.T @ along).norm()), rel=0.02)


def test_classes_stay():
    for goal in goals(z=drawn(dim=5), space=KINDS):
        move = towards(goal, torch.tensor([0.1, 2.0, 0.3, -0.4]))
        assert move[0] == 0
        assert move[1:].norm() > 0.5


def test_class_probabilities_have_goals_too():
    z = drawn()
    pairs = Pairs(z, (3 * z[:, :3]).softmax(dim=1), "g", "f")
    one, others = (
        Condition(torch.eye(3)[rows], tuple(COLOURS[n] for n in rows), "f", "toy f")
        for rows in ([0], [1, 2])
    )
    found = contrast_direction(pairs, generator(), one, others, scale=1.0, keep=1.0)
    shown = (3 * torch.tensor([0.0, 2.0, 0.0])).softmax(dim=0)
    for goal in found.goals:
        move = functional.normalize(goal.towards(goal.rest_of(shown), shown), dim=0)
        # From class 1 to class 0; class 2 and what f does not see stay.
        expected = functional.normalize(torch.tensor([1.0, -1.0, 0.0, 0.0]).double(), dim=0)
        assert float(move @ expected) > 0.97


def test_unusable_pairs_are_left_out_and_an_unusable_condition_does_not_move():
    z = normal(2000, 4)
    conditions = coloured(z)
    moving = torch.ones(4, dtype=torch.float64)
    contrast = contrast_of(Pairs(z, conditions, "g", "f"), text(0), text(1, 2), scale=20.0)
    spoilt = conditions.clone()
    spoilt[3], spoilt[700, 1] = 0, torch.nan
    kept = torch.ones(2000, dtype=torch.bool)
    kept[[3, 700]] = False
    _, found = contrast_goals([(z, spoilt)], contrast, moving, 1.0)
    _, expected = contrast_goals([(z[kept], conditions[kept])], contrast, moving, 1.0)
    torch.testing.assert_close(found.shares, expected.shares, rtol=1e-9, atol=1e-9)
    torch.testing.assert_close(found.rest, expected.rest, rtol=1e-9, atol=1e-9)
    rest = found.rest_of(conditions[0])
    for lost in (torch.zeros(5), torch.full((5,), torch.nan)):
        assert not found.towards(rest, lost).any()


def test_values_on_both_sides_of_the_wanted_have_goals_and_no_direction():
    """Of three values along a line the middle one is wanted: the means of both sides are equal."""
    z = drawn()
    place = 1 + (z[:, 0] > 0.43).long() - (z[:, 0] < -0.43).long()
    rows = 8.0 * functional.one_hot(place, 3).float()
    pairs = Pairs(z, rows + 1, "g", "f")
    left, middle, right = (
        Condition(2 * torch.eye(3)[[n]], (str(n),), "f", "toy f") for n in range(3)
    )
    instead = Condition(torch.cat([left.embedding, right.embedding]), ("0", "2"), "f", "toy f")
    with pytest.raises(InvalidInput, match="do not differ more than by chance"):
        contrast_direction(pairs, generator(), middle, instead, scale=20.0)
    found = contrast_direction(pairs, generator(), middle, instead, scale=20.0, keep=1.0)
    assert found.unit == found.distance == 0
    assert not found.vector.any()
    for side in (0, 2):
        shown = 8.0 * torch.eye(3)[side] + 1
        for goal in found.goals:
            move = goal.towards(goal.rest_of(shown), shown)
            assert float(move[0]) * (side - 1) < -0.9


def test_latents_that_do_not_depend_on_the_texts_are_refused():
    pairs = Pairs(normal(3000, 4), coloured(normal(3000, 4, seed=5)), "g", "f")
    texts = (generator(), text(0), text(1, 2))
    with pytest.raises(InvalidInput, match="green - purple, yellow: the latents do not depend"):
        contrast_direction(pairs, *texts, scale=20.0, keep=1.0)


def test_a_negative_weight_is_refused():
    with pytest.raises(InvalidInput, match="keeping of -1; expected a number of at least 0"):
        goals(-1.0)
