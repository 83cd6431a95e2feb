"""Retrains the diffusion prior of the avatars' latents, and measures its samples.

    python -m latentsteer.workflows.studies.training.train_avatars_prior
        --data FOLDER [--steps 10000] [--out DIR]

The latents are the encoder's means of the generator's 60,000 avatars, in the encoder's own
coordinates. The generator's are whitened: there, the third of the directions that have less than a
hundredth of the mean variance count as much as those that decide the attributes.

One thread. The same command resumes an interrupted run from FOLDER/unfinished-prior.safetensors.
`--measure` skips the training and prints the figures of the file in DIR.
"""

import argparse
import time
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from ....core.checkpoints.checkpoint import read, write
from ....core.diffusion.fitting import fit_prior, owner_of
from ....core.diffusion.prior import DiffusionPrior
from ....core.diffusion.prior_files import load_prior, save_prior
from ....core.diffusion.recipe import DenoiserSizes, PriorTraining
from ....core.diffusion.schedule import NoiseSchedule
from ....core.diffusion.whitening import Whitening
from ....core.generator import Generator
from ....core.generators import load_generator
from ....core.generators.avatars import AvatarDecoder
from ....core.translators.progress import TrainingFile
from ....core.zoo.shipped import embedded
from .avatars_data import origin, split
from .avatars_prior_figures import prior_figures
from .training_kit import list_file

ZOO = Path(__file__).resolve().parents[3] / "core" / "zoo"
FILE = "avatars-prior.safetensors"
SEED = 0
CHUNK = 30
"""Images that the encoder processes at a time."""
SIZES = DenoiserSizes("residual", width=416, depth=4, time=64)
TRAINING = PriorTraining(
    steps=10_000,
    batch_size=512,
    learning_rate=2e-3,
    predicts="velocity",
    times="stratified",
    whitening="none",  # the latents that it gets are whitened already
    held_out=0.0,  # the errors are measured on other avatars
)


def main() -> None:
    """Trains the prior and updates the manifest, or measures the prior that is there."""
    parser = argparse.ArgumentParser(description="Trains the avatars' diffusion prior again.")
    parser.add_argument("--data", type=Path, required=True, help="folder of avatars_data")
    parser.add_argument("--steps", type=int, default=TRAINING.steps)
    parser.add_argument("--out", type=Path, default=ZOO, help="folder of the weights")
    parser.add_argument("--measure", action="store_true", help="measure alone")
    options = parser.parse_args()
    torch.set_num_threads(1)  # the last bits depend on it
    generator = load_generator(embedded("avatars (embedded)"))
    images = torch.from_numpy(split("generator", options.data).images).permute(0, 3, 1, 2)
    latents = kept_latents(generator, images, options.data)
    training = replace(TRAINING, steps=options.steps)
    if not options.measure:
        started = time.process_time()
        prior = train(latents, generator, training, options.data / "unfinished-prior.safetensors")
        print(
            f"{(time.process_time() - started) / 60:.1f} CPU minutes in this process", flush=True
        )
        save_prior(prior, options.out / FILE, half=True)
    figures = prior_figures(load_prior(options.out / FILE), latents, images)
    publish_prior(options.out, training, figures)


def kept_latents(
    generator: Generator, images: UInt8[Tensor, "images 3 height width"], folder: Path
) -> Float[Tensor, "images dim"]:
    """Returns the latents of the split's images, which are encoded at the first call."""
    path = folder / "avatars-latents.safetensors"
    if path.exists() and (held := read(path)).config["generator"] == generator.id:
        return held.tensors["latents"]
    latents = encoded_avatars(generator, images)
    write(path, {"latents": latents}, {"generator": generator.id})
    return latents


@torch.no_grad()
def encoded_avatars(
    generator: Generator, images: UInt8[Tensor, "images 3 height width"]
) -> Float[Tensor, "images dim"]:
    """Encodes images as latents of the generator."""
    assert generator.encode is not None
    rows: list[Tensor] = []
    for part in images.split(CHUNK):
        shown = part.float().div(255).contiguous(memory_format=torch.channels_last)
        rows.append(generator.encode(shown))
        if len(rows) % 200 == 0:
            print(f"{CHUNK * len(rows)} avatars encoded", flush=True)
    return torch.cat(rows)


def encoder_coordinates(decoder: AvatarDecoder, latents: Float[Tensor, "rows dim"]) -> Whitening:
    """Returns the map to the encoder's coordinates, moved to mean 0 and mean variance 1.

    With the decoder's Cholesky factor L, encoder coordinates are L z and a shift.
    """
    z, factor = latents.double(), decoder.scale.double()
    mean = z.mean(dim=0)
    deviation = ((z - mean) @ factor.mT).square().mean().sqrt()
    inverse = torch.linalg.solve_triangular(
        factor, torch.eye(len(factor), dtype=factor.dtype), upper=False
    )
    return Whitening(mean.float(), (deviation * inverse).float())


def train(
    latents: Float[Tensor, "rows dim"],
    generator: Generator,
    training: PriorTraining,
    path: Path,
    sizes: DenoiserSizes = SIZES,
) -> DiffusionPrior:
    """Trains the prior on latents of the generator.

    Args:
        latents: latents of the generator.
        generator: the avatars' generator.
        training: hyperparameters, without whitening.
        path: file of the unfinished training.
        sizes: the network.
    """
    decoder = generator.module
    assert isinstance(decoder, AvatarDecoder)
    whitening = encoder_coordinates(decoder, latents)
    recent: list[float] = []

    def report(done: int, loss: float) -> None:
        recent.append(loss)
        if done % 200 == 0:
            print(f"step {done} loss {sum(recent) / len(recent):.4f}", flush=True)
            recent.clear()

    prior, errors = fit_prior(
        whitening.to_white(latents),
        owner_of(generator),
        training,
        sizes=sizes,
        schedule=NoiseSchedule.cosine(),
        name="avatars prior",
        seed=SEED,
        report=report,
        progress=TrainingFile(path),
    )
    print(errors, flush=True)
    return replace(prior, whitening=whitening).identified()


def publish_prior(out: Path, training: PriorTraining, figures: dict[str, Any]) -> None:
    """Writes the entry of the manifest.

    Args:
        out: folder of the prior and the manifest.
        training: the hyperparameters it was trained with.
        figures: measured figures.
    """
    found = load_prior(out / FILE)
    entry: dict[str, Any] = {
        "what": "diffusion prior of the latents of avatars (embedded)",
        "parameters": sum(weight.numel() for weight in found.network.parameters()),
        **origin("generator", "train_avatars_prior"),
        "recipe": asdict(training),
    }
    list_file(out, FILE, entry, figures)


if __name__ == "__main__":
    main()
