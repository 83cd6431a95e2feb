"""Child process of test_keeping: pairs whose synthesis is killed at two random moments."""

import os
import random
import signal
import sys
from pathlib import Path

import torch
from latentsteer.core.pairs.keeping import keep_pairs

sys.path.insert(0, str(Path(__file__).parent))
import toy

COUNT, SHARD = 50, 8


def synthesis(folder, pipe):
    """Makes the pairs, and writes a byte for each chunk."""
    keep_pairs(
        folder, toy.source(), COUNT, shard=SHARD, report=lambda done: os.write(pipe, b"x") and None
    )


def killed_after(folder, chunks):
    """Runs the synthesis in a fork and kills it after some chunks."""
    read, write = os.pipe()
    if not (child := os.fork()):
        synthesis(folder, write)
        os._exit(0)
    os.close(write)
    for _ in range(chunks):
        os.read(read, 1)
    os.kill(child, signal.SIGKILL)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


if __name__ == "__main__":
    torch.set_num_threads(1)
    draws = random.Random(int(sys.argv[2]))
    codes = [killed_after(Path(sys.argv[1]), draws.randint(2, 6)) for _ in range(2)]
    sys.stdout.write(f"{codes}\n")
