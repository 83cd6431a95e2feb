"""A training of a prior that is killed with SIGKILL ends with the file of an undisturbed one."""

import json
import random
from itertools import pairwise
from pathlib import Path

import pytest

from ...forks import TRAINING, ran
from . import killed


@pytest.mark.bits
@pytest.mark.parametrize("kills", [3, pytest.param(20, marks=pytest.mark.slow)])
def test_a_killed_training_ends_with_the_same_file(kills, tmp_path):
    seed = random.SystemRandom().randrange(10**6)
    child = Path(__file__).parent / "killed.py"
    did = ran(TRAINING, child, tmp_path, seed, kills)
    assert did.returncode == 0, (seed, did.stderr)
    codes, done = zip(*json.loads(did.stdout), strict=True)
    assert codes == (-9,) * kills, seed
    assert all(0 < b <= a < killed.TRAINING.steps for b, a in pairwise(done)), (seed, done)
    ends = [(tmp_path / f"{name}.safetensors").read_bytes() for name in ("whole", "killed")]
    assert ends[0] == ends[1], seed
