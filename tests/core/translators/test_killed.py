"""A training that is killed with SIGKILL ends with the weights of an undisturbed one."""

import json
import random
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import pytest
import torch
from latentsteer.core.checkpoints import checkpoint as checkpoints

from .killed import PAIRS, TRAINING

BATCHES = -(-PAIRS // TRAINING.batch_size) * TRAINING.epochs


@pytest.mark.bits
@pytest.mark.parametrize("kills", [4, pytest.param(20, marks=pytest.mark.slow)])
def test_a_killed_training_ends_with_the_same_weights(kills, tmp_path):
    seed = random.SystemRandom().randrange(10**6)
    child = Path(__file__).parent / "killed.py"
    command = [sys.executable, *map(str, (child, tmp_path, seed, kills))]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, (seed, ran.stderr)
    codes, done = zip(*json.loads(ran.stdout), strict=True)
    assert codes == (-9,) * kills, seed
    assert all(0 < before <= after < BATCHES for before, after in pairwise(done)), (seed, done)
    whole, killed = (
        checkpoints.read(tmp_path / f"{name}.safetensors").tensors for name in ("whole", "killed")
    )
    assert sorted(whole) == sorted(killed)
    assert all(torch.equal(whole[name], killed[name]) for name in whole), seed
