"""Trains a D2C of the avatars jointly, with or without its contrastive term.

    python -m latentsteer.workflows.studies.training.train_avatars_d2c
        --data FOLDER --steps 4000 [--without-contrast] [--out DIR]

Run it twice with the same steps and seed for a comparison at equal steps. It prints the seconds
that a batch takes, so that the steps of equal time follow. The same command resumes an
interrupted run from its folder in FOLDER, to the bit; pictures and losses are there, too. It uses
one thread.
"""

import argparse
import json
import time
from dataclasses import replace
from pathlib import Path

import torch
from einops import rearrange

from ....core.d2c.training.configurations import configuration_named
from ....core.d2c.training.fitting import fit_d2c, save_d2c
from ....core.d2c.training.images import HeldImages
from ....core.d2c.training.loss_table import LossTable
from ....core.d2c.training.pictures import TrainingPictures
from ....core.d2c.training.settings import D2CConfiguration
from ....core.d2c.training.steps import Losses
from ....core.files import replacing
from ....core.translators.progress import TrainingFile
from .avatars_data import origin, split

BATCH, PICTURES, SAVE_SECONDS = 32, 250, 300.0


def avatars_configuration(
    steps: int, *, contrast: bool, batch: int = BATCH, bf16: bool = False
) -> D2CConfiguration:
    """Returns the configuration of the avatars.

    Avatars are not mirrored: their hair, winks and eyepatches have a side.

    Args:
        steps: batches.
        contrast: whether the encoder also learns from the contrastive term.
        batch: images of a batch.
        bf16: whether matrix products are in bfloat16.
    """
    small = configuration_named("small 64")
    own = small.training
    training = replace(
        own,
        steps=steps,
        batch_size=batch,
        parts=1 if batch < 32 else 2,
        contrastive_weight=own.contrastive_weight if contrast else 0.0,
        mirror=False,
        bf16=bf16,
    )
    return replace(small, what="Avatars.", training=training)


def main() -> None:
    """Trains for the given steps and writes the generator and its figures."""
    parser = argparse.ArgumentParser(description="Trains a D2C of the avatars.")
    parser.add_argument("--data", type=Path, required=True, help="folder of avatars_data")
    parser.add_argument("--steps", type=int, default=4000)
    parser.add_argument("--batch", type=int, default=BATCH)
    parser.add_argument("--without-contrast", action="store_true")
    parser.add_argument("--bf16", action="store_true")
    parser.add_argument("--out", type=Path, help="folder of the generator (default: FOLDER)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--limit", type=int, help="first avatars alone, to try the script out")
    options = parser.parse_args()
    torch.set_num_threads(1)
    contrast = not options.without_contrast
    configuration = avatars_configuration(
        options.steps, contrast=contrast, batch=options.batch, bf16=options.bf16
    )
    pixels = torch.from_numpy(split("generator", options.data).images[: options.limit])
    images = HeldImages(rearrange(pixels, "avatar h w colour -> avatar colour h w").contiguous())
    name = f"avatars-d2c{'' if contrast else '-without-contrast'}-{options.steps}"
    folder = options.data / name
    table = LossTable(folder / "losses.csv", every=50)
    started, first = time.process_time(), 0

    def report(done: int, losses: Losses) -> None:
        nonlocal first
        first = done if losses == Losses() else first
        table.add(done, losses)

    networks = fit_d2c(
        images,
        configuration,
        seed=options.seed,
        device=torch.device("cpu"),
        report=report,
        progress=TrainingFile(folder / "training.safetensors", SAVE_SECONDS),
        shown=TrainingPictures(folder, PICTURES),
    )
    table.close()
    path = (options.out or options.data) / f"{name}.safetensors"
    entry = origin("generator", "train_avatars_d2c")
    save_d2c(networks, configuration, path, licence=str(entry["licence"]))
    seconds = (time.process_time() - started) / max(1, options.steps - first)
    figures = {"steps": options.steps, "seconds_per_step": round(seconds, 3), "seed": options.seed}
    with replacing(folder / "figures.json") as temporary:
        temporary.write_text(json.dumps(figures) + "\n", encoding="utf-8")
    print(json.dumps(figures | {"file": str(path)}), flush=True)


if __name__ == "__main__":
    main()
