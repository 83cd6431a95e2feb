"""`latentsteer bench pairs` with small settings, and its parts."""

import errno
import json
import shutil
from dataclasses import replace

import pytest
import torch
from latentsteer.core.checkpoints import checkpoint
from latentsteer.core.pairs.stored import StoredPairs
from latentsteer.nodes.cli.main import main
from latentsteer.workflows.studies.bench import pairs as bench
from latentsteer.workflows.studies.bench import pairs_million as million

SMALL = bench.QUICK.folder


def test_the_bench_prints_its_rows_and_writes_its_numbers(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    path = tmp_path / "pairs.json"
    assert main(["bench", "pairs", "--quick", "--json", str(path)]) == 0
    out = capsys.readouterr().out
    assert "600 pairs of 8 numbers" in out
    assert "digits: 16 pairs in" in out
    flat = json.loads(path.read_text())
    for name in ("nearest", "bare_64", "nearest_first", "open", "digits_fast", "digits_bare_16"):
        assert flat[f"{name}_seconds"] > 0
    assert flat["nearest_over_bare"] == flat["nearest_seconds"] / flat["bare_64_seconds"]
    bare = min(flat["digits_bare_4_seconds"], flat["digits_bare_16_seconds"])
    assert flat["digits_of_bare"] == bare / flat["digits_fast_seconds"]
    # A process with PyTorch, its libraries included, and 600 pairs.
    assert 0.16 < flat["training_gigabytes"] < 3
    assert flat["checks"] == {}
    assert not list(tmp_path.glob("latentsteer-*"))


def test_the_full_plan_checks_what_the_release_promises():
    folder = bench.FULL.folder
    assert (folder.pairs, folder.dim, folder.prompts, folder.hidden) == (1_000_000, 512, 8, 2048)
    assert set(bench.FULL.models) == {"avatars", "digits"}
    flat = {
        "pairs": 1_000_000,
        "avatars_of_bare": 0.91,
        "digits_of_bare": 0.89,
        "open_share": 0.02,
        "nearest_over_bare": 1.1,
        "training_gigabytes": 5.0,
    }
    checks = list(bench.checks_of(flat, ("avatars", "digits")))
    assert [check.holds for check in checks] == [True, False, False, True, True]
    del flat["open_share"]
    assert len(list(bench.checks_of(flat, ("avatars", "digits")))) == 4


@pytest.fixture
def pairs(tmp_path):
    million.write_pairs(tmp_path, SMALL)
    return StoredPairs(tmp_path)


def test_the_folder_has_pairs_that_can_be_read(pairs):
    assert len(pairs) == SMALL.pairs
    assert pairs.verify() == {}
    assert len(pairs.manifest.shards) == SMALL.pairs // SMALL.shard
    for drawn in (pairs.latents, pairs.conditions):
        assert drawn.shape == (SMALL.pairs, SMALL.dim)
        assert drawn.std() == pytest.approx(1, abs=0.05)


def test_a_small_part_of_the_folder_is_read_at_first(pairs):
    if (before := million.bytes_read()) is None:
        pytest.skip("the system does not report the bytes that a process reads")
    checkpoint._sha256.cache_clear()
    again = StoredPairs(pairs.folder)
    next(again.blocks(2))
    opened = million.bytes_read() - before
    list(again.blocks(64))
    whole = million.bytes_read() - before
    manifest = (pairs.folder / "pairs.json").stat().st_size
    assert manifest < opened < manifest + 2 * SMALL.shard * SMALL.dim * 6 + 2000
    assert whole > opened + 0.9 * SMALL.size


def test_the_bare_product_and_the_search_see_the_same_pairs(pairs):
    wanted = SMALL.wanted()
    found = million.nearest(pairs, wanted, 1)
    cosine = torch.nn.functional.cosine_similarity(
        pairs.conditions[:, None], wanted.embedding, dim=2
    )
    assert found.numbers[:, 0].tolist() == cosine.argmax(dim=0).tolist()
    for step in million.searches(pairs, SMALL).values():
        step()


def test_a_disk_without_space_is_noticed_before_the_first_shard(tmp_path, monkeypatch):
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: usage._replace(free=10))
    with pytest.raises(OSError, match="Set TMPDIR") as raised:
        million.write_pairs(tmp_path, replace(SMALL))
    assert raised.value.errno == errno.ENOSPC
    assert list(tmp_path.iterdir()) == []
