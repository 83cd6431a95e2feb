"""Reading stored pairs: precisions, memory mapping, several auxiliaries, latents by their seed."""

import os

import pytest
import torch
from latentsteer.core.errors import CheckpointError, ConditionMismatch, InvalidInput
from latentsteer.core.pairs import shards, stored
from latentsteer.core.pairs.keeping import keep_pairs
from latentsteer.core.pairs.precision import packed, unpacked
from latentsteer.core.pairs.shards import shard_fault
from latentsteer.core.pairs.stored import StoredPairs
from latentsteer.core.translators.loading import loaded
from latentsteer.core.translators.translator import TranslatorConfig

from . import toy


@pytest.fixture
def kept(tmp_path):
    """30 pairs in shards of 8."""
    return keep_pairs(tmp_path / "kept", toy.source(), 30, shard=8)


@pytest.mark.bits
@pytest.mark.parametrize("size", [1, 5, 8, 16, 100])
def test_blocks_follow_one_another_in_any_size(size, kept):
    whole = kept.loaded()
    blocks = list(kept.blocks(size))
    assert [first for first, _ in blocks] == list(range(0, 30, size))
    for (first, rows), (expected, own) in zip(blocks, whole.blocks(size), strict=True):
        assert first == expected
        assert torch.equal(rows, own)


@pytest.mark.bits
@pytest.mark.parametrize("precision", ["fp32", "fp16", "int8"])
def test_pieces_follow_one_another_and_end_with_their_file(precision, tmp_path):
    kept = keep_pairs(tmp_path / "kept", toy.source(), 30, shard=8, precision=precision)
    pieces = list(kept.pieces(3, 26, 6))
    assert [len(piece) for piece in pieces] == [5, 6, 2, 6, 2, 2]
    assert torch.equal(torch.cat(pieces), kept.conditions[3:26])
    shared = [piece.clone() for piece in kept.pieces(3, 26, 6, shared=True)]
    assert all(torch.equal(piece, own) for piece, own in zip(shared, pieces, strict=True))
    assert [len(piece) for piece in kept.loaded().pieces(3, 26, 6)] == [6, 6, 6, 5]
    numbers = torch.tensor([29, 3, 3, 8, -1])
    assert torch.equal(kept.conditions_of(numbers), kept.conditions[numbers])


@pytest.mark.bits
def test_latents_are_found_in_any_order(kept):
    numbers = torch.tensor([29, 3, 3, 8, 7, 0, 16])
    assert torch.equal(kept.latents_of(numbers), kept.loaded().latents_of(numbers))
    assert kept.latents_of(torch.tensor([], dtype=torch.long)).shape == (0, 3)
    with pytest.raises(IndexError, match=r"\[30\] of 30"):
        kept.latents_of(torch.tensor([30]))


def test_opening_and_a_first_block_read_no_other_shard(kept):
    for path in sorted(kept.folder.glob("*.safetensors"))[1:]:
        path.unlink()
    again = StoredPairs(kept.folder)
    assert len(again) == 30
    assert next(again.blocks(8))[1].shape == (8, 5)
    with pytest.raises(CheckpointError, match=r"0000000008-0000000016.*is missing"):
        list(again.blocks(8))


def test_conditions_in_fp32_are_mapped_and_not_copied(kept):
    shard = kept._shards[0]
    one, two = (shard.conditions(0, 2, 6) for _ in range(2))
    assert one.data_ptr() == two.data_ptr()


@pytest.mark.bits
def test_consecutive_latents_are_those_of_any_order(kept):
    numbers = torch.arange(3, 27)
    back = numbers.flip(0)
    assert torch.equal(kept.latents_of(numbers), kept.latents_of(back).flip(0))
    assert torch.equal(kept.latents_of(torch.tensor([-1])), kept.latents_of(torch.tensor([29])))
    # A copy, also of rows of a single shard: the file is never written to.
    kept.latents_of(torch.arange(2, 5)).zero_()
    assert bool((kept.latents_of(torch.arange(2, 5)) != 0).all())


def test_released_shards_are_mapped_again_and_hashed_once(kept, monkeypatch):
    hashed = []

    def counted(folder, record):
        hashed.append(record.first)
        return shard_fault(folder, record)

    monkeypatch.setattr(shards, "shard_fault", counted)
    pairs = StoredPairs(kept.folder)
    first = pairs.conditions
    assert [shard.is_mapped for shard in pairs._shards] == [True] * 4
    pairs.release()
    assert [shard.is_mapped for shard in pairs._shards] == [False] * 4
    assert torch.equal(pairs.conditions, first)
    assert hashed == [0, 8, 16, 24]
    pairs.release()
    path = kept.folder / kept.manifest.shards[1].file
    path.write_bytes(path.read_bytes()[:-1] + b"!")
    os.utime(path, ns=(1, 1))
    with pytest.raises(CheckpointError, match="is damaged"):
        list(pairs.blocks(8))


def test_a_training_maps_no_more_than_it_reads(kept):
    # Mapped pages count as memory of the process, next to the copies of all pairs.
    config = TranslatorConfig("mixture", 5, 3, 2, 4, 1.0, "", "", "", "")
    latents, conditions = loaded(kept, config)
    assert torch.equal(latents, kept.latents)
    assert torch.equal(conditions, kept.conditions)
    loaded(kept, config)
    assert not any(shard.is_mapped for shard in kept._shards)


@pytest.mark.parametrize("scale", [1e-3, 1.0, 300.0])
def test_precisions_keep_their_bounds(scale, toys):
    c = toys.normal(200, 16) * scale
    c[0] = 0

    def back(precision):
        parts = packed(c, precision)
        return unpacked(parts["values"], parts.get("scale"))

    assert torch.equal(back("fp32"), c)
    assert bool(((back("fp16") - c).abs() <= (c.abs() * 2**-11).clamp_min(2**-25)).all())
    bound = c.abs().amax(dim=1, keepdim=True) / 254 * (1 + 1e-5)
    assert bool(((back("int8") - c).abs() <= bound).all())
    assert not torch.equal(back("fp16"), c)


@pytest.mark.parametrize(("precision", "numbers"), [("fp16", 2), ("int8", 1)])
def test_stored_conditions_are_those_of_their_precision(precision, numbers, kept, tmp_path):
    small = keep_pairs(tmp_path / precision, toy.source(), 30, shard=8, precision=precision)
    parts = packed(kept.conditions, precision)
    assert torch.equal(small.conditions, unpacked(parts["values"], parts.get("scale")))
    assert small.manifest.pair_bytes == 4 * 3 + numbers * 5 + (4 if precision == "int8" else 0)
    assert torch.equal(small.latents, kept.latents)


def test_numbers_beyond_fp16_are_refused(tmp_path):
    large = toy.source(toy.Seen(factor=1e5))
    with pytest.raises(InvalidInput, match="exceed the range of fp16"):
        keep_pairs(tmp_path / "a", large, 4, precision="fp16")


@pytest.mark.bits
def test_latents_by_their_seed_are_drawn_again(kept, tmp_path):
    small = keep_pairs(tmp_path / "seed", toy.source(), 30, shard=8, latents="seed")
    assert torch.equal(small.latents, kept.latents)
    numbers = torch.tensor([29, 3, 8])
    assert torch.equal(small.latents_of(numbers), kept.latents_of(numbers))
    size = {p.folder: sum(f.stat().st_size for f in p.folder.iterdir()) for p in (small, kept)}
    assert size[kept.folder] - size[small.folder] >= 30 * 3 * 4


@pytest.mark.bits
def test_few_latents_by_their_seed_are_drawn_once_until_they_are_released(
    kept, tmp_path, monkeypatch
):
    small = keep_pairs(tmp_path / "seed", toy.source(), 30, shard=8, latents="seed")
    monkeypatch.setattr(stored, "REDRAWN", 4)
    drawn, redrawn = [], StoredPairs._redrawn

    def counted(self, rows):
        drawn.append(len(rows))
        return redrawn(self, rows)

    monkeypatch.setattr(StoredPairs, "_redrawn", counted)
    for first, last in ((3, 13), (0, 30), (25, 30), (6, 7)):
        numbers = torch.arange(first, last)
        assert torch.equal(small.latents_of(numbers), kept.latents_of(numbers))
    # Whole pieces of four, the last of two; a few rows alone are drawn by themselves.
    assert drawn == [4, 4, 4, 4, 4, 4, 4, 2, 1]
    small.release()
    small.latents_of(torch.arange(4))
    assert drawn[9:] == [4]
    monkeypatch.setattr(stored, "HELD", 30 * 3 - 1)
    small.release()
    small.latents_of(torch.arange(30))
    small.latents_of(torch.arange(30))
    assert drawn[10:] == [30, 30]


def test_latents_as_fp16_are_rounded_once(kept, tmp_path):
    small = keep_pairs(tmp_path / "half", toy.source(), 30, shard=8, latents="half")
    assert small.manifest.pair_bytes == kept.manifest.pair_bytes - 3 * 2
    assert torch.equal(small.conditions, kept.conditions)
    rounded = kept.latents.half().float()
    assert small.latents.dtype == torch.float32
    assert torch.equal(small.latents, rounded)
    numbers = torch.tensor([29, 3, 8])
    assert torch.equal(small.latents_of(numbers), rounded[numbers])


def test_latents_of_other_priors_are_stored(tmp_path):
    source = toy.source(prior=Uniform())
    with pytest.raises(InvalidInput, match="cannot be stored by their seed"):
        keep_pairs(tmp_path, source, 4, latents="seed")


class Uniform:
    """A prior that a manifest cannot describe."""

    log_density = None

    def sample(self, rng, like):
        return rng.uniform(toy.DIM, like=like)


@pytest.mark.bits
def test_several_auxiliaries_share_the_images_and_equal_single_ones(tmp_path):
    first, second = toy.Seen(), toy.Seen("second", 7)
    calls = []
    both = keep_pairs(tmp_path / "both", toy.source(first, second, calls=calls), 20, shard=8)
    assert calls == [4] * 5
    for f in (first, second):
        alone = keep_pairs(tmp_path / f.name, toy.source(f), 20)
        own = both.of_auxiliary(f)
        assert own.auxiliary == alone.auxiliary == f.id
        assert torch.equal(own.conditions, alone.conditions)
        assert torch.equal(own.latents, alone.latents)
        assert own.origin == alone.origin
    with pytest.raises(ConditionMismatch, match=r"no conditions of 'third'.*'toy f', 'second'"):
        both.of_auxiliary(toy.Seen("third"))


def test_auxiliaries_out_of_range_and_empty_pairs_are_refused(kept):
    with pytest.raises(InvalidInput, match=r"Auxiliary 1 .* there are 1"):
        StoredPairs(kept.folder, place=1)
    kept.manifest.with_shards([]).write(kept.folder)
    with pytest.raises(InvalidInput, match="are empty; at least 1"):
        StoredPairs(kept.folder)


def test_a_folder_without_a_manifest_holds_no_pairs(tmp_path):
    with pytest.raises(CheckpointError, match=r"holds no pairs: it has no pairs\.json"):
        StoredPairs(tmp_path)
