"""Retrains the one-step generator of avatars by distillation of their diffusion prior.

    python -m latentsteer.workflows.studies.training.train_avatars_one_step
        --data FOLDER [--pairs 98304] [--steps 4000] [--out DIR]

The teacher is the shipped prior: DDIM of second order without randomness maps x_T to a latent. The
student learns that map from pairs (x_T, latent), in the encoder's coordinates, and takes the
shipped decoder as it is. Its matrices are written as 8-bit integers.

One thread. Pairs are kept in FOLDER/one-step-pairs, and the same command resumes an interrupted
training from FOLDER/unfinished-one-step.safetensors. `--measure` skips both and prints the figures
of the file in DIR.
"""

import argparse
import math
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from ....core.checkpoints.checkpoint import read, write
from ....core.checkpoints.quantised import to_int8
from ....core.checkpoints.undrawn import undrawn
from ....core.diffusion.ddim import ddim
from ....core.diffusion.layers import draw_weights
from ....core.diffusion.prior import DiffusionPrior
from ....core.diffusion.prior_files import load_prior
from ....core.generator import Generator
from ....core.generators import load_generator
from ....core.generators.avatars import AvatarDecoder
from ....core.generators.avatars_one_step import OneStepAvatars
from ....core.rng import stream_of
from ....core.translators.state import restore_training, training_tensors
from ....core.zoo.shipped import embedded
from .avatars_data import origin
from .avatars_one_step_figures import one_step_figures
from .training_kit import descend, list_file, set_rate

__all__ = ["distilled", "student_of", "teacher_pairs"]

ZOO = Path(__file__).resolve().parents[3] / "core" / "zoo"
FILE = "avatars-one-step.safetensors"
SEED = 0
CALLS = 16
"""Calls of the teacher's denoiser for a pair."""
SHARD, TAUGHT = 8192, 2048
"""Pairs of a file, and those that the teacher processes at a time."""
BATCH, RATE, WARM_UP = 256, 1e-3, 200
HELD_OUT = 2048
"""Pairs that take no part in the training; the last ones."""
SHARPNESS = 0.05
"""c of the pseudo-Huber loss sqrt(mean squared error + c^2) - c: one mode rather than a mean."""
SAVED_EVERY = 250
HALF = partial(torch.autocast, "cpu", torch.bfloat16)
"""Matrix products in bfloat16, whose error in a pair is a hundredth of the latents' deviation."""


def main() -> None:
    """Makes the pairs, trains, and updates the manifest; or measures the file that is there."""
    parser = argparse.ArgumentParser(description="Trains the avatars' one-step generator again.")
    parser.add_argument("--data", type=Path, required=True, help="folder of unfinished work")
    parser.add_argument("--pairs", type=int, default=12 * SHARD)
    parser.add_argument("--steps", type=int, default=4000)
    parser.add_argument("--out", type=Path, default=ZOO, help="folder of the weights")
    parser.add_argument("--measure", action="store_true", help="measure alone")
    options = parser.parse_args()
    torch.set_num_threads(1)  # the last bits depend on it
    prior = load_prior(embedded("avatars prior (embedded)"))
    teacher = load_generator(embedded("avatars (embedded)"))
    config: dict[str, Any] = {"architecture": "avatars-one-step"}
    if not options.measure:
        noise, clean = teacher_pairs(prior, options.pairs, options.data / "one-step-pairs")
        student = student_of(prior, teacher)
        unfinished = options.data / "unfinished-one-step.safetensors"
        distilled(student, noise, clean, options.steps, unfinished)
        config |= {"licence": teacher.licence, "prior": prior.id, "calls": CALLS}
        write(options.out / FILE, to_int8(student.state_dict()), config)
    figures = one_step_figures(load_generator(options.out / FILE), prior, teacher, CALLS)
    entry: dict[str, Any] = {
        "what": "one-step generator of avatars, from a grid of noise",
        "architecture": "avatars-one-step",
        "parameters": sum(w.numel() for w in student_of(prior, teacher).parameters()),
        **origin("generator", "train_avatars_one_step"),
        "trained_on": {"prior": "avatars-prior", "count": options.pairs - HELD_OUT},
        "source": "distilled by the project from the shipped prior, with the shipped decoder",
        "recipe": {"pairs": options.pairs, "steps": options.steps, "batch_size": BATCH,
                   "learning_rate": RATE, "calls": CALLS},
    }  # fmt: skip
    list_file(options.out, FILE, entry, figures)


def teacher_pairs(
    prior: DiffusionPrior, count: int, folder: Path
) -> tuple[Float[Tensor, "pairs dim"], Float[Tensor, "pairs dim"]]:
    """Returns x_T and the teacher's whitened latents, made in shards that are kept in a folder.

    Args:
        prior: the teacher.
        count: number of pairs, rounded up to whole shards.
        folder: folder of the shards.
    """
    noise: list[Tensor] = []
    clean: list[Tensor] = []
    times = prior.schedule.times(CALLS)
    for number in range(math.ceil(count / SHARD)):
        x = torch.randn(SHARD, prior.space.dim, generator=stream_of(SEED, f"pairs {number}"))
        path = folder / f"{number:04}.safetensors"
        if not path.exists():
            with torch.no_grad(), HALF():
                latents = torch.cat([_taught(prior, part, times) for part in x.split(TAUGHT)])
            write(path, {"clean": latents}, {"prior": prior.id, "calls": CALLS})
            print(f"{(number + 1) * SHARD} pairs, {time.process_time():.0f} CPU s", flush=True)
        noise.append(x)
        clean.append(read(path).tensors["clean"])
    return torch.cat(noise), torch.cat(clean)


def _taught(prior: DiffusionPrior, x: Tensor, times: Sequence[int]) -> Tensor:
    return ddim(prior.noise_of, prior.schedule, x, times, order=2)


def student_of(prior: DiffusionPrior, teacher: Generator) -> OneStepAvatars:
    """Returns the untrained student, with the teacher's decoder in the encoder's coordinates."""
    decoder = teacher.module
    assert isinstance(decoder, AvatarDecoder)
    dim = prior.space.dim
    held = decoder.state_dict()
    widths = tuple(held[f"mixes.{number}.norm.weight"].shape[0] for number in range(5))
    with undrawn():
        student = OneStepAvatars(dim // 16, widths=widths)
    draw_weights(student, SEED, "one step")
    student.decoder.load_state_dict(decoder.state_dict())
    origin_of = prior.whitening.from_white(torch.zeros(1, dim))
    axes = prior.whitening.from_white(torch.eye(dim)) - origin_of
    student.decoder.shift.copy_((decoder.shift + origin_of @ decoder.scale.mT)[0])
    student.decoder.scale.copy_((axes @ decoder.scale.mT).mT)
    return student


def distilled(
    student: OneStepAvatars,
    noise: Float[Tensor, "pairs dim"],
    clean: Float[Tensor, "pairs dim"],
    steps: int,
    path: Path,
) -> OneStepAvatars:
    """Trains the student's denoiser in place on pairs, without the last `HELD_OUT`.

    Args:
        student: the student.
        noise: x_T of the pairs.
        clean: the teacher's whitened latents.
        steps: number of updates.
        path: file of the unfinished training.
    """
    student.decoder.requires_grad_(False)
    own = [weight for weight in student.parameters() if weight.requires_grad]
    optimiser = torch.optim.Adam(own, lr=RATE, fused=True)
    draws, done = stream_of(SEED, "distillation"), 0
    trained = len(noise) - HELD_OUT
    if path.exists():
        held = read(path)
        restore_training(student, optimiser, held.tensors)
        draws.set_state(held.tensors["draws"])
        done = int(held.config["done"])
        print(f"resumes at step {done}", flush=True)
    recent: list[float] = []
    while done < steps:
        rising = min(1.0, (done + 1) / WARM_UP)
        set_rate(optimiser, RATE * rising * 0.5 * (1 + math.cos(math.pi * done / steps)))
        pick = torch.randint(trained, (BATCH,), generator=draws)
        with HALF():
            loss = _loss(student, noise[pick], clean[pick])
        descend(optimiser, loss, clip=1.0)
        recent.append(float(loss.detach()))
        done += 1
        if done % SAVED_EVERY == 0 or done == steps:
            with torch.no_grad():
                unseen = float(_loss(student, noise[-HELD_OUT:], clean[-HELD_OUT:]))
            mean, spent = sum(recent) / len(recent), time.process_time()
            print(
                f"step {done} loss {mean:.4f} held out {unseen:.4f}, {spent:.0f} CPU s", flush=True
            )
            recent.clear()
            tensors = training_tensors(student, optimiser) | {"draws": draws.get_state()}
            write(path, tensors, {"done": done})
    return student


def _loss(student: OneStepAvatars, noise: Tensor, clean: Tensor) -> Tensor:
    found = student.denoise(noise.reshape(len(noise), -1, 4, 4)).float()
    error = (found - clean).square().mean(dim=1)
    return ((error + SHARPNESS**2).sqrt() - SHARPNESS).mean()


if __name__ == "__main__":
    main()
