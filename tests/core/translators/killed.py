"""Child process of test_killed: a training that is killed at random moments, and one without."""

import json
import os
import random
import signal
import sys
import time
from dataclasses import replace
from pathlib import Path

import torch
from latentsteer.core.checkpoints import checkpoint as checkpoints
from latentsteer.core.pairs.pairs import Pairs
from latentsteer.core.translators.progress import TrainingFile
from latentsteer.core.translators.training import FAST, fit_translator
from latentsteer.core.translators.translator import translator_of

sys.path.insert(0, str(Path(__file__).parent))
import made

PAIRS, TRAINING = 300, replace(FAST, epochs=20, batch_size=16, condition_noise=0.1)


def trained(progress=None, report=lambda done, loss: None):
    """Trains a translator."""
    stream = torch.Generator().manual_seed(0)
    z, noise = (torch.randn(PAIRS, 2, generator=stream) for _ in range(2))
    translator = translator_of(made.config(embed_dim=2), seed=3)
    pairs = Pairs(z, made.GAINS * z + noise)
    return fit_translator(translator, pairs, TRAINING, seed=5, report=report, progress=progress)


def killed_after(train, path, batches, wait):
    """Trains in a fork and kills it some batches and seconds later; returns the exit code.

    The file is written after every batch.
    """
    read, write = os.pipe()
    if not (child := os.fork()):
        train(TrainingFile(path, seconds=0), lambda done, loss: os.write(write, b"x") and None)
        os._exit(0)
    os.close(write)
    for _ in range(batches):
        os.read(read, 1)
    time.sleep(wait)
    os.kill(child, signal.SIGKILL)
    os.close(read)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


if __name__ == "__main__":
    torch.set_num_threads(1)
    torch.optim.Adam([torch.zeros(1, requires_grad=True)])  # imports a thousand modules once
    folder, draws = Path(sys.argv[1]), random.Random(int(sys.argv[2]))
    path, found = folder / "state.safetensors", []
    for _ in range(int(sys.argv[3])):
        code = killed_after(trained, path, draws.randint(1, 8), draws.random() * 5e-3)
        found.append((code, checkpoints.read(path).config["done"]))
    for name, translator in (("killed", trained(TrainingFile(path))), ("whole", trained())):
        checkpoints.write(folder / f"{name}.safetensors", translator.state_dict())
    sys.stdout.write(json.dumps(found))
