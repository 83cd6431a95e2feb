"""Child of test_shared, one of two processes of torchrun: a training that is stopped once."""

import contextlib
import json
import sys
from dataclasses import replace
from pathlib import Path

import torch
from latentsteer.core.checkpoints import checkpoint as checkpoints
from latentsteer.core.d2c.training.fitting import fit_d2c
from latentsteer.core.errors import InvalidInput
from latentsteer.core.pairs.processes import ALONE, launched_together
from latentsteer.core.translators.progress import TrainingFile

sys.path.insert(0, str(Path(__file__).parent))
import tiny

TRAINING = replace(tiny.TWO_STAGE, steps=2, diffusion_steps=2, parts=2, learning_rate=1e-4)


class Stop(Exception):
    """An interrupt of the host."""


def trained(processes=ALONE, *, stop=None, seed=3, **more):
    """Trains a D2C; returns its networks and losses."""
    losses = []

    def report(done, found):
        losses.append(vars(found))
        if done == stop:
            raise Stop

    made, device = None, torch.device("cpu")
    with contextlib.suppress(Stop):
        made = fit_d2c(
            *(tiny.images(), tiny.configuration(TRAINING)),
            **{"seed": seed, "device": device, "report": report, "processes": processes, **more},
        )
    return made, losses


def main(folder, processes):
    """Trains together, stops, resumes; then with seeds that differ."""
    file = TrainingFile(folder / "state.safetensors")
    _, losses = trained(processes, stop=1, progress=file)
    made, more = trained(processes, progress=file)
    rank = processes.rank
    checkpoints.write(folder / f"{rank}.safetensors", made.state_dict())
    said = ""
    try:
        trained(processes, seed=rank)
    except InvalidInput as error:
        said = str(error)
    found = {"losses": [*losses, *more[1:]], "said": said}
    (folder / f"{rank}.json").write_text(json.dumps(found))


if __name__ == "__main__":
    torch.set_num_threads(1)
    with launched_together(gpu=False) as together:
        main(Path(sys.argv[1]), together)
