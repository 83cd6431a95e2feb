"""The commands `pairs` and `train`: alone, and as torchrun starts them."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from latentsteer.core.checkpoints import checkpoint as checkpoints
from latentsteer.core.pairs.lock import LOCK
from latentsteer.core.pairs.stored import StoredPairs
from latentsteer.nodes.cli.main import main
from torch import distributed

MODELS = ("--generator", "digits (embedded)", "--auxiliary", "digits classifier (embedded)")
COUNT = 24
SMALL = ("epochs=2", "batch_size=8", "hidden=8", "components=2", "initial_std=0.5")
TRAIN = (
    *("train", *MODELS, "--pairs", "mine", "--count", str(COUNT), "--name", "small"),
    *(text for one in SMALL for text in ("--set", f"Train Translator.{one}")),
)
BATCHES = 6
DISTRIBUTED = [sys.executable, "-m", "torch.distributed.run", "--standalone"]


def placed(folder):
    return ["--base", str(folder), "--device", "cpu", "--threads", "1"]


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A folder in which the command has trained alone."""
    folder = tmp_path_factory.mktemp("whole")
    before = torch.get_num_threads()
    try:
        assert main([*TRAIN, *placed(folder)]) == 0
    finally:
        torch.set_num_threads(before)
    return folder


def pairs_of(folder):
    return StoredPairs(folder / "models" / "latentsteer_pairs" / "mine")


def weights_of(folder):
    path = folder / "models" / "latentsteer_translators" / "small.safetensors"
    return checkpoints.read(path)


def test_it_makes_pairs_and_trains_on_them(whole):
    assert len(pairs_of(whole)) == COUNT
    held = weights_of(whole)
    assert held.config["generator_name"].startswith("digits")
    assert held.config["hidden"] == 8


@pytest.mark.bits
def test_pairs_that_are_there_are_opened(whole, tmp_path, capsys):
    """The command `pairs` has made those of `train`, or a part of them."""
    command = ["pairs", *MODELS, "--name", "mine"]
    assert main([*command, "--count", "7", *placed(tmp_path)]) == 0
    assert "7 pairs in " in capsys.readouterr().out
    assert main([*command, "--count", str(COUNT), *placed(tmp_path)]) == 0
    assert torch.equal(pairs_of(tmp_path).conditions, pairs_of(whole).conditions)
    assert main([*TRAIN, *placed(tmp_path)]) == 0
    assert f"{BATCHES} batches, loss " in capsys.readouterr().out
    one, two = (weights_of(folder).tensors for folder in (whole, tmp_path))
    assert all(torch.equal(one[name], two[name]) for name in one)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        (("--generator", "none.pth"), "none.pth"),
        (("--name", "../x"), "../x"),
        (("--set", "Train Translator.epoch=3"), "its widgets are"),
        (("--captioner", "none"), "none"),
        (("--count", "0"), "count"),
    ],
)
def test_bad_command_lines_are_one_sentence_before_any_work(changed, message, tmp_path, capsys):
    assert main([*TRAIN, *placed(tmp_path), *changed]) == 2
    said = capsys.readouterr().err
    assert said.startswith("latentsteer: ")
    assert message in said
    assert not (tmp_path / "models").exists()


@pytest.mark.slow  # three starts; by default two processes share all of this in test_distributed
@pytest.mark.skipif(
    not distributed.is_available() or sys.platform == "win32", reason="needs torch.distributed"
)
def test_torchrun_starts_it_and_the_result_is_that_of_one_process(whole, tmp_path):
    command = [*DISTRIBUTED, "--nproc-per-node", "2", "-m", "latentsteer.nodes.cli", *TRAIN]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    ran = subprocess.run(
        [*command, *placed(tmp_path)], capture_output=True, text=True, env=environment, check=False
    )
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.count(f"{BATCHES} batches, loss ") == 1
    folder = Path("models", "latentsteer_pairs", "mine")
    one, two = (
        {path.name: path.read_bytes() for path in (root / folder).iterdir() if path.name != LOCK}
        for root in (whole, tmp_path)
    )
    assert one == two
    expected, found = weights_of(whole), weights_of(tmp_path)
    assert expected.config == found.config
    for name, weight in expected.tensors.items():
        torch.testing.assert_close(found.tensors[name], weight, rtol=1e-3, atol=1e-5)
