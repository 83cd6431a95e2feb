"""Each row has its place in its chunk, by its name, in as few chunks as can be."""

from collections import Counter

import pytest
import torch
from latentsteer.core.chunking import ONE_BY_ONE, Chunking
from latentsteer.core.rng import SampleRng

from .places import BATCHES, FIXED, placed, telling

pytestmark = pytest.mark.bits


@pytest.mark.parametrize("size", [1, 3, 4, 8])
@pytest.mark.parametrize("rows", [1, 7, 8, 9, 24, 25])
def test_rows_in_order_make_the_chunks_that_they_did(size, rows):
    spans = [list(range(i, j)) for i, j in Chunking(size, padded=True).spans(rows)]
    groups = Chunking(size, padded=True).groups(range(rows))
    assert [[row for row in group if row is not None] for group in groups] == spans
    assert all(len(group) == size for group in groups)
    assert [list(group) for group in Chunking(size, padded=False).groups(range(rows))] == spans


@pytest.mark.parametrize(
    "names",
    [
        [5],
        [0, 8, 16],
        [9, 3, 11, 1],
        [7, 7, 7],
        [1 << 62, 3, -1, -9],
        [name * name for name in range(40)],
        list(range(100, 119)),
    ],
    ids=str,
)
def test_every_row_stands_at_its_place_in_as_few_chunks_as_can_be(names):
    groups = FIXED.groups(names)
    seen = [row for group in groups for row in group if row is not None]
    assert sorted(seen) == list(range(len(names)))
    for group in groups:
        assert len(group) == 8
        assert all(row is None or names[row] % 8 == place for place, row in enumerate(group))
    assert len(groups) == max(Counter(name % 8 for name in names).values())


@pytest.mark.parametrize("samples", BATCHES, ids=str)
def test_values_come_back_in_the_rows_order_and_draws_from_the_rows_streams(samples, toys):
    v, reports = toys.normal(len(samples), 3), []

    def function(part, rng):
        assert len(part) == len(rng) == 8
        told = torch.tensor(rng.rows, dtype=part.dtype)
        return part + rng.normal(3, like=part), placed(part), told

    rng = SampleRng.of(0, samples)
    moved, places, rows = FIXED.apply_random(function, v, rng, reports.append)
    assert torch.equal(moved, v + SampleRng.of(0, samples).normal(3, like=v))
    expected = [0.01 * (name % 8) + 0.8 for name in samples]
    torch.testing.assert_close(places, torch.tensor(expected))
    assert rows.tolist() == list(range(len(samples)))
    assert reports[-1] == len(samples)
    plain = FIXED.apply(lambda part: placed(part)[:, None] + part, v, rng.names)
    assert torch.equal(plain, places[:, None] + v)


def test_streams_are_called_by_their_names_through_parts_and_restoring():
    rng = SampleRng.of(0, [4, 9, 2])
    assert rng.names == (4, 9, 2)
    assert rng.part(1, 3).names == (9, 2)
    assert rng.restored(rng.state()).names == (4, 9, 2)
    assert rng.taken([2, None, 0]).names == (2, 4, 4)
    assert rng.named([1, 2, 3]).streams == rng.streams
    assert SampleRng(rng.streams, rng.rows).names == (0, 1, 2)
    assert telling().repeated(2).terms


def test_one_by_one_no_row_sees_another(toys):
    v = toys.normal(4, 3)
    seen = []
    assert torch.equal(ONE_BY_ONE.apply(lambda part: seen.append(len(part)) or 2 * part, v), 2 * v)
    assert seen == [1] * 4


@pytest.mark.parametrize("padded", [True, False])
@pytest.mark.parametrize("rows", [[0, 1, 2], [2, 0]])
def test_rows_begin_at_the_same_place_in_memory_wherever_they_come_from(rows, padded, toys):
    """Tensors read from a file are not aligned: a resumed run would use other kernels."""
    stored = toys.normal(4 * 5 + 1)
    v = stored[1 : 1 + len(rows) * 5].view(len(rows), 5)
    assert v.data_ptr() % 64

    def function(part):
        assert part.data_ptr() % 64 == 0
        assert part.is_contiguous()
        return 2 * part

    found = Chunking(4, padded).apply(function, v, rows)
    assert torch.equal(found, 2 * v)
