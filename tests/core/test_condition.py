"""Conditions: rows, their mixtures, and interpolation."""

import math

import pytest
import torch
from latentsteer.core.condition import Condition
from latentsteer.core.conditions.mixing import averaged, fractions, interpolated, mixed
from latentsteer.core.energies.example import toy_clip
from latentsteer.core.errors import ConditionMismatch, InvalidInput


def condition(rows, names=None, auxiliary="f"):
    rows = torch.tensor(rows)
    names = names or tuple("abcdef"[: len(rows)])
    return Condition(rows, tuple(names), auxiliary, f"model {auxiliary}")


EAST, NORTH = [[2.0, 0.0]], [[0.0, 4.0]]


def test_a_mixture_is_the_direction_of_the_weighted_units():
    row = mixed(torch.tensor([[2.0, 0.0], [0.0, 4.0]]), [1.0, 1.0])
    torch.testing.assert_close(row, torch.tensor([3.0, 3.0]) / math.sqrt(2))
    row = mixed(torch.tensor([[2.0, 0.0], [0.0, 4.0]]), [3.0, -1.0])
    torch.testing.assert_close(row, torch.tensor([3.0, -1.0]) / math.sqrt(10) * 2.5)


def test_a_mixture_of_one_is_itself_or_its_opposite(toys):
    row = toys.normal(1, 6)
    torch.testing.assert_close(mixed(row, [0.3]), row[0])
    torch.testing.assert_close(mixed(row, [-2.0]), -row[0])


@pytest.mark.parametrize(
    ("rows", "weights", "says"),
    [
        ([[1.0, 0.0], [3.0, 0.0]], [1.0, -1.0], "cancel"),
        ([[1.0, 0.0]], [0.0], "cancel"),
        ([[0.0, 0.0]], [1.0], "lengths above 0"),
        ([[1.0, 0.0]], [math.inf], "must be finite"),
        ([[1.0, 0.0]], [], "0 weights for 1"),
    ],
)
def test_a_mixture_of_nothing_is_refused(rows, weights, says):
    with pytest.raises(InvalidInput, match=says):
        mixed(torch.tensor(rows), weights)


def test_averages_pair_rows_and_share_a_single_one():
    both = averaged(condition(EAST), condition([*NORTH, [4.0, 0.0]], "xy"), second_weight=0.5)
    assert both.labels == ("1 a + 0.5 x", "1 a + 0.5 y")
    torch.testing.assert_close(both.embedding[1], torch.tensor([(2 + 0.5 * 4) / 1.5, 0.0]))
    with pytest.raises(InvalidInput, match="cancel"):
        averaged(condition(EAST), condition(EAST), second_weight=-1.0)


@pytest.mark.parametrize("t", [0.1, 0.25, 0.5, 0.9])
def test_slerp_is_that_of_the_released_code(t, toys):
    u, v = toys.normal(2, 8, seed=4) * 5
    found = interpolated(condition([u.tolist()]), condition([v.tolist()]), [t]).embedding[0]
    low, high = u / u.norm(), v / v.norm()
    omega = torch.acos((low * high).sum())
    so = torch.sin(omega)
    expected = (torch.sin((1.0 - t) * omega) / so) * u + (torch.sin(t * omega) / so) * v
    torch.testing.assert_close(found, expected)


def test_the_ways_begin_and_end_at_their_conditions_row_by_row():
    first = condition([[2.0, 0.0], [0.0, 1.0]], "ab")
    second = condition([[0.0, 4.0], [3.0, 3.0]], "cd")
    for way in ("slerp", "lerp"):
        found = interpolated(first, second, fractions(3, ends=True), way=way)
        assert found.labels == ("a 0 c", "a 0.5 c", "a 1 c", "b 0 d", "b 0.5 d", "b 1 d")
        torch.testing.assert_close(found.embedding[[0, 3]], first.embedding)
        torch.testing.assert_close(found.embedding[[2, 5]], second.embedding, atol=1e-6, rtol=0)
    torch.testing.assert_close(found.embedding[1], torch.tensor([1.0, 2.0]))


def test_frames_are_spaced_as_in_the_released_code_unless_ends_are_wanted():
    assert fractions(5, ends=False) == pytest.approx(torch.linspace(0.1, 0.9, 5).tolist())
    assert fractions(5, ends=True) == [0, 0.25, 0.5, 0.75, 1]
    assert fractions(1, ends=True) == fractions(1, ends=False) == [0.5]
    with pytest.raises(InvalidInput, match="0 frames"):
        fractions(0, ends=True)


def test_one_direction_is_interpolated_straight_and_opposite_ones_are_refused():
    found = interpolated(condition(EAST), condition([[6.0, 0.0]]), [0.25]).embedding
    torch.testing.assert_close(found, torch.tensor([[3.0, 0.0]]))
    with pytest.raises(InvalidInput, match="opposite directions"):
        interpolated(condition(EAST), condition([[-1.0, 0.0]]), [0.5])
    with pytest.raises(InvalidInput, match="0 everywhere"):
        interpolated(condition(EAST), condition([[0.0, 0.0]]), [0.5])
    with pytest.raises(InvalidInput, match="No frame"):
        interpolated(condition(EAST), condition(NORTH), [])


@pytest.mark.parametrize("make", [averaged, lambda a, b: interpolated(a, b, [0.5])])
def test_conditions_of_two_auxiliaries_are_refused_with_both_names(make):
    with pytest.raises(ConditionMismatch, match=r"made by 'model f', the second by 'model g'"):
        make(condition(EAST), condition(NORTH, auxiliary="g"))


@pytest.mark.parametrize("make", [averaged, lambda a, b: interpolated(a, b, [0.5])])
def test_rows_that_do_not_pair_are_refused(make):
    with pytest.raises(ConditionMismatch, match="of 2 and 3 rows cannot be paired"):
        make(condition(EAST * 2), condition(NORTH * 3))


def test_images_of_any_size_give_a_row_each():
    clip = toy_clip()
    images = torch.rand(3, 3, 9, 4, generator=torch.Generator().manual_seed(0))
    found = clip.image_condition(images)
    assert found.labels == ("image 0", "image 1", "image 2")
    torch.testing.assert_close(found.embedding, clip.embed(images))
    assert not found.embedding.requires_grad
    assert found.repeated(2).labels[:3] == ("image 0", "image 0", "image 1")
