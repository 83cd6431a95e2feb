"""The script of the shipped pairs and translators, on few digits."""

import json
from dataclasses import replace

import pytest
import torch
from latentsteer.core.checkpoints.checkpoint import read
from latentsteer.core.translators.training import Training
from latentsteer.core.translators.translator import Translator
from latentsteer.workflows.studies.training.train_translators import SETS, make_pairs, train

(DIGITS,) = (one for one in SETS if one.name == "digits")
FEW = replace(
    DIGITS, count=40, held=8, trained=32, hidden=4, training=Training(epochs=1, batch_size=16)
)


def made(folder):
    train(FEW, make_pairs(FEW, folder), folder)
    return {e["file"]: e for e in json.loads((folder / "manifest.json").read_text("utf-8"))}


@pytest.mark.bits
def test_it_makes_the_same_files_again_and_lists_them(tmp_path):
    one, other = made(tmp_path / "one"), made(tmp_path / "other")
    assert one == other
    files = ["digits-pairs/0000000000-0000000040.safetensors", "digits-translator.safetensors"]
    assert list(one) == files
    assert one[files[1]]["trained_on"] == {"pairs": "digits-pairs", "count": 32}
    assert {e["script"].split()[-2:] == ["--only", "digits"] for e in one.values()} == {True}
    there = {p.relative_to(tmp_path / "one").as_posix() for p in (tmp_path / "one").rglob("*.*")}
    assert there == {*files, "digits-pairs/pairs.json", "manifest.json"}


def test_weights_are_stored_in_half_precision(tmp_path):
    made(tmp_path)
    checkpoint = read(tmp_path / "digits-translator.safetensors")
    assert {v.dtype for v in checkpoint.tensors.values()} == {torch.float16}
    assert Translator.from_checkpoint(checkpoint).like.dtype == torch.float32
