"""Random streams: one per sample."""

import pytest
import torch
from latentsteer.core.errors import InvalidInput
from latentsteer.core.rng import SampleRng, derive_seed

LIKE = torch.empty(0)
SEED = 4861167067270750669
"""The 63 leading bits of blake2b-64 of "0", "3" and "prior", joined by the unit separator."""


@pytest.mark.bits
def test_a_sample_draws_the_same_alone_moved_or_in_a_batch():
    together = SampleRng.of(5, 6, "x").normal(7, like=LIKE)
    moved = SampleRng.of(5, [4, 1], "x").normal(7, like=LIKE)
    assert torch.equal(moved, together[[4, 1]])
    assert len({tuple(row.tolist()) for row in together}) == 6


def test_seed_and_purpose_make_other_draws():
    draws = [SampleRng.of(*which).normal(4, like=LIKE) for which in ((1, 1), (2, 1), (1, 1, "p"))]
    assert not torch.equal(draws[0], draws[1])
    assert not torch.equal(draws[0], draws[2])


def test_a_derived_seed_is_the_same_on_every_machine():
    assert derive_seed(0, 3, "prior") == SEED
    assert derive_seed("0", "3", "prior") == SEED
    assert derive_seed(0, 3, "langevin") != SEED
    assert derive_seed(1, 23) != derive_seed(12, 3)
    assert all(0 <= derive_seed(n) < 2**63 for n in range(200))


def test_a_float64_run_sees_the_same_noise():
    narrow = SampleRng.of(0, 2).normal(3, like=LIKE)
    wide = SampleRng.of(0, 2).normal(3, like=LIKE.double())
    assert wide.dtype == torch.float64
    assert torch.equal(wide, narrow.double())


def test_draws_have_the_moments_of_their_laws():
    rng, count = SampleRng.of(0, 50), 50 * 2000
    normal, uniform = rng.normal(2000, like=LIKE), rng.uniform(2000, like=LIKE)
    assert abs(normal.mean()) < 4 / count**0.5
    assert abs(normal.var() - 1) < 4 * (2 / count) ** 0.5
    assert abs(uniform.mean() - 0.5) < 4 / (12 * count) ** 0.5
    assert uniform.min() >= 0
    assert uniform.max() < 1


@pytest.mark.bits
def test_a_part_draws_from_the_streams_of_its_rows():
    whole = SampleRng.of(3, 5).normal(4, like=LIKE)
    rng = SampleRng.of(3, 5)
    first, last = rng.part(0, 3), rng.part(3, 5)
    assert last.rows == (3, 4)
    drawn = torch.cat([first.normal(4, like=LIKE), last.normal(4, like=LIKE)])
    assert torch.equal(drawn, whole)


@pytest.mark.bits
def test_padding_repeats_the_last_row_and_leaves_the_streams_alone():
    rng = SampleRng.of(3, 5)
    padded = rng.part(3, 5, 8)
    assert len(padded) == 8
    assert padded.rows == (3, 4, 4, 4, 4, 4, 4, 4)
    padded.normal(4, like=LIKE)
    fresh = SampleRng.of(3, 5)
    fresh.part(3, 5).normal(4, like=LIKE)
    assert torch.equal(rng.state(), fresh.state())


@pytest.mark.bits
@pytest.mark.parametrize("samples", [1, 2, 3, 9])
def test_restored_streams_go_on_where_they_were(samples):
    rng = SampleRng.of(3, samples)
    rng.normal(5, like=LIKE)
    state = rng.state()
    following = [rng.normal(5, like=LIKE), rng.uniform(3, like=LIKE)]
    again = rng.restored(state)
    assert torch.equal(again.state(), state)
    assert torch.equal(again.normal(5, like=LIKE), following[0])
    assert torch.equal(again.uniform(3, like=LIKE), following[1])
    assert again.rows == rng.rows


def test_a_state_is_restored_for_as_many_samples_alone():
    with pytest.raises(InvalidInput, match="Random state of 2 samples for 3 rows"):
        SampleRng.of(0, 3).restored(SampleRng.of(0, 2).state())


def test_streams_and_rows_are_as_many():
    with pytest.raises(InvalidInput, match="1 random streams for 2 rows"):
        SampleRng([torch.Generator()], [0, 1])


def test_no_row_draws_nothing():
    assert SampleRng.of(0, 0).normal(3, like=LIKE).shape == (0, 3)


def test_the_global_random_state_is_left_alone():
    before = torch.get_rng_state()
    rng = SampleRng.of(0, 3)
    rng.normal(3, like=LIKE)
    rng.restored(rng.state()).part(0, 2, 4).uniform(3, like=LIKE)
    assert torch.equal(torch.get_rng_state(), before)
