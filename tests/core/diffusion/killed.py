"""Child process of test_killed: a training of a prior that is killed at random moments."""

import json
import random
import sys
from pathlib import Path

import torch
from latentsteer.core.checkpoints import checkpoint as checkpoints
from latentsteer.core.diffusion.fitting import LatentOwner, fit_prior
from latentsteer.core.diffusion.prior_files import save_prior
from latentsteer.core.diffusion.recipe import DenoiserSizes, PriorTraining
from latentsteer.core.spaces import Block, Space
from latentsteer.core.translators.progress import TrainingFile

sys.path.insert(0, str(Path(__file__).parents[1] / "translators"))
from killed import killed_after

TRAINING = PriorTraining(steps=80, batch_size=16, warm_up=10)
SIZES = DenoiserSizes("residual", 8, 1, 0, 4, 4)
OWNER = LatentOwner("b" * 64, "base", Space((Block("z", (3,)),)))


def trained(progress=None, report=lambda done, loss: None):
    """Trains a prior."""
    latents = torch.randn(100, 3, generator=torch.Generator().manual_seed(0))
    fitted, _ = fit_prior(
        latents, OWNER, TRAINING, sizes=SIZES, seed=5, report=report, progress=progress
    )
    return fitted


if __name__ == "__main__":
    torch.set_num_threads(1)
    torch.optim.Adam([torch.zeros(1, requires_grad=True)])  # imports a thousand modules once
    folder, draws = Path(sys.argv[1]), random.Random(int(sys.argv[2]))
    path, found = folder / "state.safetensors", []
    for _ in range(int(sys.argv[3])):
        code = killed_after(trained, path, draws.randint(1, 8), draws.random() * 5e-3)
        found.append((code, checkpoints.read(path).config["done"]))
    save_prior(trained(TrainingFile(path)), folder / "killed.safetensors")
    save_prior(trained(), folder / "whole.safetensors")
    sys.stdout.write(json.dumps(found))
