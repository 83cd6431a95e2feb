"""Child process of test_keeping: pairs whose synthesis is killed at random moments."""

import json
import os
import random
import signal
import sys
import time
from pathlib import Path

import torch
from latentsteer.core.pairs.keeping import keep_pairs
from latentsteer.core.pairs.manifest import read_manifest

sys.path.insert(0, str(Path(__file__).parent))
import toy

SHARD, PER_KILL = 8, 40
"""Pairs per shard, of two chunks, and pairs per kill: a life draws at most 28."""


def count(kills):
    """Returns how many pairs leave work after every kill."""
    return PER_KILL * kills


def synthesis(folder, pairs, tokens, done):
    """Makes the pairs; before each chunk but the first it waits for a token."""

    def report(_):
        os.write(done, b"x")
        os.read(tokens, 1)

    keep_pairs(folder, toy.source(), pairs, shard=SHARD, report=report)


def killed(folder, pairs, draws):
    """Runs the synthesis in a fork and kills it somewhere between two chunks.

    The fork has no token to go beyond the second one, however late the kill. Three chunks or more
    are done in a life. Returns the exit code and the number of listed pairs.
    """
    (tokens, give), (seen, done) = os.pipe(), os.pipe()
    if not (child := os.fork()):
        os.close(give)
        os.close(seen)
        synthesis(folder, pairs, tokens, done)
        os._exit(0)
    os.close(tokens)
    os.close(done)
    took = []
    for _ in range(draws.randint(3, 6)):
        begun = time.perf_counter()
        os.read(seen, 1)
        took.append(time.perf_counter() - begun)
        os.write(give, b"x")
    time.sleep(draws.random() * max(took[1:]))
    os.kill(child, signal.SIGKILL)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    os.close(give)
    os.close(seen)
    return code, read_manifest(folder).drawn


if __name__ == "__main__":
    torch.set_num_threads(1)
    folder, kills = Path(sys.argv[1]), int(sys.argv[3])
    draws = random.Random(int(sys.argv[2]))
    found = [killed(folder, count(kills), draws) for _ in range(kills)]
    sys.stdout.write(json.dumps(found))
