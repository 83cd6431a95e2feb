"""Child process of test_killed: a training of D2C that is killed, and one without."""

import json
import random
import sys
from dataclasses import replace
from pathlib import Path

import torch
from latentsteer.core.checkpoints import checkpoint as checkpoints
from latentsteer.core.d2c.training.fitting import fit_d2c
from latentsteer.core.translators.progress import TrainingFile

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parents[2] / "translators"))
import tiny
from killed import killed_after

TRAINING = replace(tiny.TWO_STAGE, steps=2, diffusion_steps=3)


def trained(progress=None, report=lambda done, losses: None):
    """Trains a D2C."""
    return fit_d2c(
        tiny.images(),
        tiny.configuration(TRAINING),
        seed=5,
        device=torch.device("cpu"),
        report=report,
        progress=progress,
    )


if __name__ == "__main__":
    torch.set_num_threads(1)
    torch.optim.Adam([torch.zeros(1, requires_grad=True)])  # imports a thousand modules once
    folder, draws = Path(sys.argv[1]), random.Random(int(sys.argv[2]))
    path, found = folder / "state.safetensors", []
    for _ in range(int(sys.argv[3])):
        code = killed_after(trained, path, 1, draws.random() * 2e-2)
        found.append((code, checkpoints.read(path).config["done"]))
    for name, networks in (("killed", trained(TrainingFile(path))), ("whole", trained())):
        checkpoints.write(folder / f"{name}.safetensors", networks.state_dict())
    sys.stdout.write(json.dumps(found))
