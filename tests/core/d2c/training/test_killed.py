"""A training of D2C that is killed with SIGKILL ends with the weights of an undisturbed one."""

import json
import random
from itertools import pairwise
from pathlib import Path

import pytest
import torch
from latentsteer.core.checkpoints import checkpoint as checkpoints

from ....forks import TRAINING, ran


@pytest.mark.bits
def test_a_killed_training_ends_with_the_same_weights(tmp_path):
    kills = 2
    seed = random.SystemRandom().randrange(10**6)
    child = Path(__file__).parent / "killed.py"
    did = ran(TRAINING, child, tmp_path, seed, kills)
    assert did.returncode == 0, (seed, did.stderr)
    codes, done = zip(*json.loads(did.stdout), strict=True)
    assert codes == (-9,) * kills, seed
    assert all(0 < before <= after for before, after in pairwise(done)), (seed, done)
    whole, killed = (
        checkpoints.read(tmp_path / f"{name}.safetensors").tensors for name in ("whole", "killed")
    )
    assert sorted(whole) == sorted(killed)
    assert all(torch.equal(whole[name], killed[name]) for name in whole), seed
