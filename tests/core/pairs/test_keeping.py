"""Pairs in a folder are made once, resumed, extended, repaired, locked and saved."""

import errno
import json
import os
import random
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from latentsteer.core.chunking import Chunking
from latentsteer.core.errors import (
    CheckpointError,
    ConditionMismatch,
    GeneratorMismatch,
    InvalidInput,
    ResumeMismatch,
)
from latentsteer.core.identity import ModelId
from latentsteer.core.pairs import making
from latentsteer.core.pairs.in_memory import synthetic_pairs
from latentsteer.core.pairs.keeping import keep_pairs, save_pairs
from latentsteer.core.pairs.lock import LOCK, writing
from latentsteer.core.pairs.pairs import Pairs
from latentsteer.core.pairs.stored import StoredPairs

from ...forks import PLAIN, ran
from . import toy
from .killed import SHARD, count


class Stop(Exception):
    """An interrupt of the host."""


def files(folder):
    """Every file of the pairs by name, without the lock."""
    return {p.name: p.read_bytes() for p in Path(folder).iterdir() if p.name != LOCK}


def same(one, other):
    assert torch.equal(one.latents, other.latents)
    assert torch.equal(one.conditions, other.conditions)


def stopping_at(step):
    def report(done):
        if done >= step:
            raise Stop

    return report


@pytest.mark.bits
def test_kept_pairs_are_those_in_memory(tmp_path):
    source = toy.source()
    kept = keep_pairs(tmp_path / "p", source, 21, shard=8)
    settings = {"seed": 7, "chunking": toy.FIXED, "device": toy.CPU}
    same(kept, synthetic_pairs(source.generator, toy.Seen(), 21, **settings))
    assert (kept.generator, kept.auxiliary) == ("toy-id", "toy f-id")
    kept.check_generator("toy-id", "toy", against="the translator is for")
    with pytest.raises(GeneratorMismatch, match="another generator"):
        kept.check_generator("else", "other", against="the translator is for")
    with pytest.raises(ConditionMismatch, match="another auxiliary"):
        kept.check_auxiliary("else", "other", against="the translator is for")


@pytest.mark.bits
@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs os.fork")
@pytest.mark.parametrize("kills", [4, pytest.param(20, marks=pytest.mark.slow)])
def test_a_killed_synthesis_goes_on_to_the_same_files(kills, tmp_path):
    seed = random.SystemRandom().randrange(10**6)
    child = Path(__file__).parent / "killed.py"
    did = ran(PLAIN, child, tmp_path / "a", seed, kills)
    assert did.returncode == 0, (seed, did.stderr)
    codes, drawn = zip(*json.loads(did.stdout), strict=True)
    assert codes == (-9,) * kills, seed
    assert list(drawn) == sorted(drawn), (seed, drawn)
    assert 0 < drawn[-1] < count(kills), (seed, drawn)
    keep_pairs(tmp_path / "a", toy.source(), count(kills), shard=SHARD)
    keep_pairs(tmp_path / "b", toy.source(), count(kills), shard=SHARD)
    assert files(tmp_path / "a") == files(tmp_path / "b"), seed


@pytest.mark.bits
def test_an_interrupt_keeps_finished_shards_and_the_rest_follows(tmp_path):
    with pytest.raises(Stop):
        keep_pairs(tmp_path / "a", toy.source(), 30, shard=8, report=stopping_at(20))
    kept = StoredPairs(tmp_path / "a")
    assert len(kept) == 16
    seen = []
    keep_pairs(tmp_path / "a", toy.source(), 30, shard=8, report=seen.append)
    assert seen == [16, 20, 24, 28, 30]
    keep_pairs(tmp_path / "b", toy.source(), 30, shard=8)
    assert files(tmp_path / "a") == files(tmp_path / "b")


@pytest.mark.bits
def test_more_pairs_later_are_those_of_one_run(tmp_path):
    first = keep_pairs(tmp_path / "a", toy.source(), 13, shard=8)
    before = (first.latents, first.conditions)
    longer = keep_pairs(tmp_path / "a", toy.source(), 40, shard=8)
    same(longer, keep_pairs(tmp_path / "b", toy.source(), 40, shard=16))
    assert [len(s) for s in longer._shards] == [8, 5, 3, 8, 8, 8]
    few = keep_pairs(tmp_path / "a", toy.source(), 13)
    assert len(few) == 13
    assert torch.equal(few.latents, before[0])
    assert torch.equal(few.conditions, before[1])


def test_complete_pairs_are_opened_without_any_work(tmp_path):
    keep_pairs(tmp_path, toy.source(), 10)
    calls = []
    keep_pairs(tmp_path, toy.source(calls=calls), 10)
    assert calls == []


def test_no_pairs_are_refused(tmp_path):
    with pytest.raises(InvalidInput, match="0 synthetic pairs requested; at least 1"):
        keep_pairs(tmp_path / "a", toy.source(), 0)
    with pytest.raises(InvalidInput, match="No auxiliary"):
        toy.Synthesis(toy.generator(), (), 0, toy.FIXED, toy.CPU)
    assert not (tmp_path / "a").exists()


# Another origin


def with_options(**options):
    made = toy.generator()
    object.__setattr__(made, "id", ModelId("toy-id", options))
    return made


@pytest.mark.parametrize(
    ("changed", "error", "message"),
    [
        (toy.source(name="other"), GeneratorMismatch, "'other'"),
        (toy.source(generator=with_options(psi=0.5)), GeneratorMismatch, "psi 1.*psi 0.5"),
        (toy.source(toy.Seen("else")), ConditionMismatch, "'toy f'.*got 'else'"),
        (toy.source(toy.Seen(), toy.Seen("else")), ConditionMismatch, "'toy f'.* and 'else'"),
        (toy.source(seed=8), ResumeMismatch, "seed 7 then, 8 now"),
        (toy.source(noise=0.2), ResumeMismatch, "noise 0.0 then, 0.2 now"),
        (toy.source(chunking=Chunking(4, padded=False)), ResumeMismatch, "padded True then"),
    ],
    ids=["generator", "options", "auxiliary", "two auxiliaries", "seed", "noise", "chunk"],
)
def test_pairs_of_another_origin_are_not_extended(changed, error, message, tmp_path):
    old = with_options(psi=1.0) if "psi" in message else toy.generator()
    keep_pairs(tmp_path, toy.source(generator=old), 10)
    before = files(tmp_path)
    with pytest.raises(error, match=message):
        keep_pairs(tmp_path, changed, 20)
    assert files(tmp_path) == before


def test_another_storage_is_refused(tmp_path):
    keep_pairs(tmp_path, toy.source(), 10)
    with pytest.raises(ResumeMismatch, match=r"conditions as fp32, .* got .* as int8"):
        keep_pairs(tmp_path, toy.source(), 20, precision="int8")


# Locks, damage, and a full disk


def test_two_writers_are_refused_and_the_error_names_the_first(tmp_path):
    keep_pairs(tmp_path, toy.source(), 10)
    with writing(tmp_path):
        with pytest.raises(InvalidInput, match=f"being written by process {os.getpid()} on "):
            keep_pairs(tmp_path, toy.source(), 20)
        assert len(keep_pairs(tmp_path, toy.source(), 10)) == 10
    assert len(keep_pairs(tmp_path, toy.source(), 20)) == 20


def test_the_lock_of_a_dead_process_holds_nothing(tmp_path):
    (tmp_path / LOCK).write_text(json.dumps({"pid": 999_999_999, "host": "elsewhere"}))
    assert len(keep_pairs(tmp_path, toy.source(), 10)) == 10
    assert json.loads((tmp_path / LOCK).read_text())["pid"] == os.getpid()


def second_shard(folder):
    return sorted(folder.glob("*.safetensors"))[1]


@pytest.mark.bits
@pytest.mark.parametrize("damage", ["spoilt", "removed"])
def test_a_damaged_shard_is_named_and_made_again_on_request(damage, tmp_path):
    keep_pairs(tmp_path, toy.source(), 20, shard=8)
    before, path = files(tmp_path), second_shard(tmp_path)
    if damage == "spoilt":
        contents = bytearray(path.read_bytes())
        contents[-1] ^= 1
        path.write_bytes(contents)
    else:
        path.unlink()
    kept = StoredPairs(tmp_path)
    word = "damaged" if damage == "spoilt" else "missing"
    assert list(kept.verify()) == [path.name]
    assert kept.latents_of(torch.arange(8)).shape == (8, 3)
    with pytest.raises(CheckpointError, match=rf"{path.name}.*{word}.*`repair`"):
        kept.latents_of(torch.tensor([9]))
    calls = []
    fixed = keep_pairs(tmp_path, toy.source(calls=calls), 20, repair=True)
    assert calls == [4, 4]
    assert fixed.verify() == {}
    assert files(tmp_path) == before


def test_files_of_others_are_left_alone(tmp_path):
    other = tmp_path / "model.safetensors"
    other.write_text("kept")
    stray = tmp_path / "0000000000-0000000099.safetensors"
    stray.write_text("left by a killed process")
    keep_pairs(tmp_path, toy.source(), 10)
    assert other.read_text() == "kept"
    assert not stray.exists()


def test_a_full_disk_keeps_finished_shards(tmp_path, monkeypatch):
    whole, calls = making.write_shard, []

    def full(*given):
        calls.append(given)
        if len(calls) == 3:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "shard")
        return whole(*given)

    monkeypatch.setattr(making, "write_shard", full)
    with pytest.raises(OSError, match=r"No space left.* after 16 pairs, which are kept") as caught:
        keep_pairs(tmp_path, toy.source(), 30, shard=8)
    assert caught.value.errno == errno.ENOSPC
    assert len(StoredPairs(tmp_path)) == 16
    assert len(keep_pairs(tmp_path, toy.source(), 30, shard=8)) == 30


def test_too_little_space_is_refused_before_any_work(tmp_path, monkeypatch):
    monkeypatch.setattr(making.shutil, "disk_usage", lambda path: SimpleNamespace(free=100))
    calls = []
    with pytest.raises(OSError, match=r"the pairs take 0\.3 MB more") as caught:
        keep_pairs(tmp_path, toy.source(calls=calls), 10_000)
    assert caught.value.errno == errno.ENOSPC
    assert calls == []


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "is damaged"),
        ("[]", "is damaged"),
        ('{"what": "latents", "version": 1}', "holds 'latents'"),
        ('{"what": "pairs", "version": 99}', "of version 99"),
        ('{"what": "pairs", "version": 1, "shards": []}', "is damaged"),
    ],
)
def test_a_damaged_manifest_is_refused(text, message, tmp_path):
    (tmp_path / "pairs.json").write_text(text)
    with pytest.raises(CheckpointError, match=message):
        StoredPairs(tmp_path)


def test_a_shard_outside_of_the_folder_is_refused(tmp_path):
    keep_pairs(tmp_path / "a", toy.source(), 10)
    path = tmp_path / "a" / "pairs.json"
    record = json.loads(path.read_text())
    record["shards"][0]["file"] = "../elsewhere.safetensors"
    path.write_text(json.dumps(record))
    with pytest.raises(CheckpointError, match="outside of the folder"):
        StoredPairs(tmp_path / "a")


@pytest.mark.parametrize("entry", ["precision", "latents"])
def test_an_unknown_storage_in_a_manifest_is_refused(entry, tmp_path):
    keep_pairs(tmp_path, toy.source(), 10)
    path = tmp_path / "pairs.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {entry: "fp8"}))
    with pytest.raises(CheckpointError, match=r"is damaged: [\s\S]*'fp8'"):
        StoredPairs(tmp_path)


# Pairs that are not finite

SPOILT = 2.2
"""P(z > 2.2) is 0.014: more than 1 in 100 pairs are not finite."""


def spoilt_numbers(count):
    clean = toy.source().drawn(0, count)
    return [number for number in range(count) if clean.latents[number, 0] > SPOILT]


@pytest.mark.bits
def test_pairs_that_are_not_finite_are_dropped_and_counted(tmp_path, monkeypatch):
    monkeypatch.setattr("latentsteer.core.pairs.synthesis.MOST_DROPPED", 0.1)
    gone = spoilt_numbers(300)
    assert gone
    broken = toy.source(spoilt=(SPOILT,))
    kept = keep_pairs(tmp_path / "a", broken, 300, shard=64)
    assert kept.dropped == tuple(gone)
    assert kept.manifest.dropped == len(gone)
    assert len(kept) == 300 - len(gone)
    whole = toy.source().drawn(0, 300)
    left = torch.tensor([number for number in range(300) if number not in gone])
    assert torch.equal(kept.latents, whole.latents[left])
    assert torch.equal(kept.conditions, whole.conditions[0][left])
    redrawn = keep_pairs(tmp_path / "b", broken, 300, shard=64, latents="seed")
    same(redrawn, kept)
    memory = synthetic_pairs(
        broken.generator, toy.Seen(), 300, seed=7, chunking=toy.FIXED, device=toy.CPU
    )
    same(memory, kept)
    saved = save_pairs(tmp_path / "c", memory)
    same(saved, kept)
    assert saved.dropped == kept.dropped


def test_more_than_one_percent_is_an_error_and_finished_shards_are_kept(tmp_path):
    gone = spoilt_numbers(300)
    assert len(gone) > 3
    broken = toy.source(spoilt=(SPOILT,))
    with pytest.raises(InvalidInput, match=r"pairs are not finite.*at most 1 in 100"):
        keep_pairs(tmp_path, broken, 300, shard=8)
    first = min(gone) // 8 * 8
    assert len(StoredPairs(tmp_path)) == first if first else not (tmp_path / "pairs.json").exists()
    with pytest.raises(InvalidInput, match=rf"{len(gone)} of 300 pairs are not finite"):
        synthetic_pairs(
            broken.generator, toy.Seen(), 300, seed=7, chunking=toy.FIXED, device=toy.CPU
        )


# Saving


@pytest.mark.bits
def test_saved_pairs_can_be_extended_and_saved_again(tmp_path):
    source = toy.source()
    memory = synthetic_pairs(
        source.generator, toy.Seen(), 10, seed=7, chunking=toy.FIXED, device=toy.CPU
    )
    saved = save_pairs(tmp_path / "a", memory)
    same(saved, memory)
    same(save_pairs(tmp_path / "a", memory), memory)
    same(keep_pairs(tmp_path / "a", source, 30), keep_pairs(tmp_path / "b", source, 30))
    with pytest.raises(InvalidInput, match="exists and has 30 pairs; got 10"):
        save_pairs(tmp_path / "a", memory)
    copied = save_pairs(tmp_path / "c", StoredPairs(tmp_path / "a"), precision="fp16")
    assert copied.manifest.precision == "fp16"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a", "b", "c"]


def test_pairs_of_unknown_origin_are_not_saved(tmp_path):
    with pytest.raises(InvalidInput, match="cannot be saved"):
        save_pairs(tmp_path / "a", Pairs(torch.zeros(2, 3), torch.zeros(2, 5)))
    assert list(tmp_path.iterdir()) == []
