"""Child of test_distributed, one of two processes of torchrun: shared trainings and synthesis.

Each process writes what it has seen to `RANK.json` in the folder.
"""

import contextlib
import json
import shutil
import sys
from dataclasses import replace
from pathlib import Path

import torch
from latentsteer.core.checkpoints import checkpoint as checkpoints
from latentsteer.core.errors import SteerError
from latentsteer.core.pairs.keeping import keep_pairs
from latentsteer.core.pairs.pairs import Pairs
from latentsteer.core.pairs.processes import ALONE, launched_together
from latentsteer.core.translators.progress import TrainingFile
from latentsteer.core.translators.training import Training, fit_translator
from latentsteer.core.translators.translator import translator_of

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parents[1] / "pairs"))
import made
import toy

PAIRS, PER_EPOCH = 305, 20
"""Nineteen batches of 16 and one of 1, which leaves a process without rows."""
TRAINING = Training(batch_size=16, condition_noise=0.1, initial_std="data", fused=True)
KINDS = {"mixture": 4, "deterministic": 1}
TYPES = {"float64": torch.float64, "float32": torch.float32}
RUNS = {("mixture", "float64"): 6, ("mixture", "float32"): 6, ("deterministic", "float64"): 2}
"""Epochs of the trainings that are compared. A deterministic translator has unused weights."""
STOP = 110
COUNT, SHARD, MORE = 70, 8, 100


class Stop(Exception):
    """An interrupt of the host."""


def trained(kind, dtype, processes=ALONE, *, seed=5, stop=None, progress=None):
    """Trains a translator; returns it and the losses that were reported."""
    stream = torch.Generator().manual_seed(0)
    z, noise = (torch.randn(PAIRS, 2, generator=stream) for _ in range(2))
    config = made.config(
        kind=kind, components=KINDS[kind], embed_dim=2, bounds=((0, 1, -4.0, 4.0),)
    )
    losses = []

    def report(done, loss):
        losses.append(loss)
        if done == stop:
            raise Stop

    training = replace(TRAINING, epochs=RUNS[kind, dtype])
    translator = translator_of(config, seed=3).to(TYPES[dtype])
    pairs = Pairs(z, made.GAINS * z + noise)
    fields = {"seed": seed, "report": report, "progress": progress, "processes": processes}
    with contextlib.suppress(Stop):
        fit_translator(translator, pairs, training, **fields)
    return translator, losses


def message(work):
    """Returns the kind and the text of the error of some work; empty if there is none."""
    try:
        work()
    except SteerError as error:
        return f"{type(error).__name__}: {error}"
    return ""


def failing(rank, processes):
    """Returns a callback with which one process fails at its second chunk."""

    def report(done):
        if processes.rank == rank and done > 2 * SHARD:
            raise SteerError("out of memory")

    return report


def main(folder, processes):
    """Does everything that processes share, in an order that all have."""
    found = {"rank": processes.rank, "size": processes.size}
    # A training that both processes stop leaves a file, which another number continues, too.
    file, copy = (folder / f"{name}.safetensors" for name in ("by-two", "by-two-again"))
    _, before = trained("mixture", "float64", processes, stop=STOP, progress=TrainingFile(file))
    if processes.rank == 0:
        shutil.copy(file, copy)
    processes.gathered({})  # waits for the copy
    for kind, dtype in RUNS:
        resumed = TrainingFile(copy) if (kind, dtype) == ("mixture", "float64") else None
        translator, losses = trained(kind, dtype, processes, progress=resumed)
        if resumed is not None:
            losses = before + losses[1:]
        found[f"{kind} {dtype}"] = losses
        path = folder / f"{kind}-{dtype}-{processes.rank}.safetensors"
        checkpoints.write(path, translator.state_dict())
    # Continued by two after one.
    file = TrainingFile(folder / "by-one.safetensors")
    found["continued"] = trained("mixture", "float64", processes, progress=file)[1][1:]
    file = TrainingFile(folder / f"own-{processes.rank}.safetensors")
    if processes.rank == 0:
        trained("mixture", "float64", stop=9, progress=file)
    found["messages"] = {
        "other seeds": message(
            lambda: trained("mixture", "float64", processes, seed=processes.rank)
        ),
        "other files": message(lambda: trained("mixture", "float64", processes, progress=file)),
    }
    keep_pairs(folder / "pairs", toy.source(), COUNT, shard=SHARD, processes=processes)
    keep_pairs(folder / "pairs", toy.source(), MORE, shard=SHARD, processes=processes)
    found["kept"] = len(keep_pairs(folder / "pairs", toy.source(), 10, processes=processes))
    found["messages"] |= {
        "other folders": message(
            lambda: keep_pairs(
                folder / f"apart-{processes.rank}", toy.source(), COUNT, processes=processes
            )
        ),
        "one fails": message(
            lambda: keep_pairs(
                folder / "failed",
                toy.source(),
                COUNT,
                shard=SHARD,
                processes=processes,
                report=failing(1, processes),
            )
        ),
        "dropped": message(
            lambda: keep_pairs(
                folder / "dropped",
                toy.source(spoilt=(2.2,)),
                300,
                shard=SHARD,
                processes=processes,
            )
        ),
    }
    (folder / f"{processes.rank}.json").write_text(json.dumps(found))


if __name__ == "__main__":
    torch.set_num_threads(1)
    with launched_together(gpu=False) as together:
        main(Path(sys.argv[1]), together)
