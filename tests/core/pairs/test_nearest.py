"""The nearest pairs: equal to a full sort, for any blocks and any other rows."""

import gc

import pytest
import torch
from latentsteer.core.condition import Condition
from latentsteer.core.errors import ConditionMismatch, InvalidInput
from latentsteer.core.pairs import nearest as nearest_module
from latentsteer.core.pairs.directions import contrast_direction
from latentsteer.core.pairs.keeping import keep_pairs
from latentsteer.core.pairs.nearest import nearest
from latentsteer.core.pairs.pairs import Pairs
from latentsteer.core.pairs.scores import score_kind
from torch.nn import functional

from . import toy


def normal(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def wanted(rows, auxiliary="f"):
    return Condition(rows, tuple(f"text {row}" for row in range(len(rows))), auxiliary, "toy f")


def pairs_of(conditions):
    return Pairs(normal(len(conditions), 2), conditions, "g", "f")


def by_hand(conditions, rows):
    """All pairs in the order of their scores in float64; ties by number."""
    if score_kind(wanted(rows)) == "probability":
        scores = rows.double() @ conditions.double().log().T
    else:
        unit = functional.normalize(conditions.double(), dim=1)
        scores = functional.normalize(rows.double(), dim=1) @ unit.T
    return scores.sort(dim=1, descending=True, stable=True)


@pytest.mark.parametrize("block", [1, 7, 100, 999])
@pytest.mark.parametrize("kind", ["cosine", "probability"])
@pytest.mark.parametrize("keep", [1, 9, 257])
def test_the_nearest_are_those_of_a_full_sort(kind, keep, block):
    conditions, rows = normal(257, 6), normal(5, 6, seed=1)
    if kind == "probability":
        conditions, rows = (3 * conditions).softmax(dim=1), rows.softmax(dim=1)
        rows[0] = torch.eye(6)[2]
    expected = by_hand(conditions, rows)
    found = nearest(pairs_of(conditions), wanted(rows), keep, block=block)
    assert torch.equal(found.numbers, expected.indices[:, :keep])
    torch.testing.assert_close(found.scores, expected.values[:, :keep], rtol=1e-12, atol=1e-12)


@pytest.mark.bits
@pytest.mark.parametrize("kind", ["cosine", "probability"])
def test_a_row_gets_the_same_bits_alone_in_any_batch_and_any_block(kind):
    conditions, rows = normal(300, 33), normal(6, 33, seed=1)
    if kind == "probability":
        conditions, rows = (9 * conditions).softmax(dim=1), torch.eye(33)[:6]
    together = nearest(pairs_of(conditions), wanted(rows), 12, among=40)
    for block in (1, 13, 64):
        for row in range(6):
            own = wanted(rows[row : row + 1])
            alone = nearest(pairs_of(conditions), own, 12, among=40, block=block)
            assert torch.equal(alone.numbers[0], together.numbers[row])
            assert torch.equal(alone.scores[0], together.scores[row])


@pytest.mark.parametrize("block", [1, 4, 50])
def test_equal_pairs_are_ranked_by_number(block):
    conditions = normal(1, 8).repeat(40, 1)
    conditions[7] = normal(8, seed=5)
    row = conditions[:1] + conditions[7:8]
    found = nearest(pairs_of(conditions), wanted(row), 39, block=block)
    others = [number for number in range(40) if number != 7]
    assert found.numbers[0].tolist() in ([7, *others][:39], others)


@pytest.mark.parametrize("precision", ["highest", "medium"])
def test_scores_that_differ_by_less_than_float32_resolves_are_ranked_by_float64(precision):
    conditions = torch.zeros(200, 3, dtype=torch.float64)
    # Cosines below 1 by 1e-12 to 2e-8, in a mixed order.
    angles = torch.arange(200).roll(77) * 1e-6 + 1e-6
    conditions[:, 0], conditions[:, 1] = angles.double().cos(), angles.double().sin()
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision(precision)
    try:
        found = nearest(pairs_of(conditions), wanted(torch.tensor([[1.0, 0, 0]])), 20, block=16)
    finally:
        torch.set_float32_matmul_precision(before)
    assert found.numbers[0].tolist() == angles.argsort()[:20].tolist()


@pytest.mark.bits
@pytest.mark.parametrize("block", [100, 8192])
def test_a_search_again_finds_the_same_with_the_norms_of_the_first(block):
    conditions = normal(3000, 6) * torch.linspace(0.01, 50, 3000)[:, None]
    pairs = pairs_of(conditions)
    first, again = (nearest(pairs, wanted(normal(5, 6, seed=1)), 9, block=block) for _ in range(2))
    assert torch.equal(first.numbers, again.numbers)
    assert torch.equal(first.scores, again.scores)
    (norms,) = nearest_module._NORMS[pairs].values()
    torch.testing.assert_close(norms, conditions.norm(dim=1))
    other = normal(4, 6, seed=2)
    expected = by_hand(conditions, other)
    assert torch.equal(nearest(pairs, wanted(other), 9).numbers, expected.indices[:, :9])


def test_norms_are_kept_as_long_as_their_pairs():
    pairs = pairs_of(normal(20, 6))
    before = len(nearest_module._NORMS)
    nearest(pairs, wanted(normal(1, 6)), 1)
    assert len(nearest_module._NORMS) == before + 1
    del pairs
    gc.collect()
    assert len(nearest_module._NORMS) <= before


def test_a_diverse_choice_takes_the_farthest_of_the_best():
    degrees = torch.tensor([0.0, 1, 2, 10, 20, 29, 30, 90]).deg2rad()
    conditions = torch.stack([degrees.cos(), degrees.sin()], dim=1)
    row = wanted(torch.tensor([[2.0, 0.0]]))
    plain = nearest(pairs_of(conditions), row, 4)
    assert plain.numbers.tolist() == [[0, 1, 2, 3]]
    # Among the seven best: 30 degrees is farthest from 0, then 10 and 20 lie apart.
    diverse = nearest(pairs_of(conditions), row, 4, among=7)
    assert diverse.numbers.tolist() == [[0, 6, 4, 3]]
    # The first ones do not depend on how many are chosen, and all of m is the whole set.
    assert nearest(pairs_of(conditions), row, 2, among=7).numbers.tolist() == [[0, 6]]
    everything = nearest(pairs_of(conditions), row, 7, among=7).numbers
    assert sorted(everything[0].tolist()) == list(range(7))


def test_copies_are_chosen_only_when_nothing_else_is_left():
    conditions = torch.eye(3)[[0, 0, 0, 1]] + 0.1
    found = nearest(pairs_of(conditions), wanted(conditions[:1]), 4, among=4).numbers
    assert found.tolist() == [[0, 3, 1, 2]]


def test_unusable_pairs_are_left_out_and_counted_up_to_one_in_a_hundred():
    conditions = normal(400, 5)
    row = conditions[3:4].clone()
    conditions[3], conditions[50], conditions[60, 2] = float("nan"), 0, float("inf")
    found = nearest(pairs_of(conditions), wanted(row), 397)
    assert found.unusable == 3
    assert not {3, 50, 60} & set(found.numbers[0].tolist())
    with pytest.raises(InvalidInput, match="only 397 have a condition"):
        nearest(pairs_of(conditions), wanted(row), 398)
    conditions[100:110] = float("nan")
    with pytest.raises(InvalidInput, match="13 of 400 pairs have conditions that are 0"):
        nearest(pairs_of(conditions), wanted(row), 1)


@pytest.mark.parametrize(
    ("count", "keep", "among", "message"),
    [
        (0, 1, 0, "There are no pairs"),
        (5, 6, 0, "nearest 6 of 5 pairs requested. Ask for 1 to 5"),
        (5, 0, 0, "nearest 0 of 5"),
        (5, 2, 6, "2 pairs chosen among the nearest 6 of 5"),
        (5, 3, 2, "3 pairs chosen among the nearest 2"),
    ],
)
def test_impossible_numbers_are_refused(count, keep, among, message):
    with pytest.raises(InvalidInput, match=message):
        nearest(pairs_of(normal(count, 4)), wanted(normal(1, 4)), keep, among=among)


def test_other_conditions_are_refused():
    pairs = pairs_of(normal(9, 4))
    with pytest.raises(ConditionMismatch, match=r"of another auxiliary .*Make pairs with 'toy f'"):
        nearest(pairs, wanted(normal(1, 4), "other"), 1)
    with pytest.raises(ConditionMismatch, match="have 4 numbers, the wanted one has 5"):
        nearest(pairs, wanted(normal(1, 5)), 1)
    rows = normal(3, 4)
    rows[1], rows[2, 0] = 0, float("nan")
    with pytest.raises(InvalidInput, match=r"0 or not finite: \['text 1', 'text 2'\]"):
        nearest(pairs, wanted(rows), 1)


@pytest.mark.bits
def test_stored_pairs_give_what_pairs_in_memory_do(tmp_path):
    kept = keep_pairs(tmp_path / "kept", toy.source(), 90, shard=16, latents="seed")
    whole = kept.loaded()
    rows = normal(2, 5, seed=3)
    condition = Condition(rows, ("a", "b"), kept.auxiliary, "toy f")
    stored, memory = (nearest(pairs, condition, 7, among=20) for pairs in (kept, whole))
    assert torch.equal(stored.numbers, memory.numbers)
    assert torch.equal(stored.scores, memory.scores)
    one = Condition(whole.conditions[:1], ("one",), kept.auxiliary, "toy f")
    first, second = (
        contrast_direction(pairs, toy.generator(), one, scale=3.0) for pairs in (kept, whole)
    )
    assert torch.equal(first.vector, second.vector)
    assert first.unit == second.unit
