"""Trains D2Cs of the avatars with the contrastive term and without it, for `reproduce d2c`.

    python -m latentsteer.workflows.studies.training.train_avatars_contrast
        --data FOLDER --steps 420 --seeds 0 1 2

Each seed has three arms, equal in all but what they compare: with the term, without it at as many
steps, and without it at as many more steps as its batches are cheaper. The last is the second,
trained on. The seconds that a batch takes are measured at the start and kept in FOLDER. Only the
encoders are written, their kernels in int8: the study asks what few labels find in their latents.
The same command resumes an interrupted run to the bit. It uses one thread.
"""

import argparse
import json
import math
import time
from collections.abc import Mapping
from pathlib import Path

import torch
from einops import rearrange
from torch import Tensor

from ....core.checkpoints.checkpoint import fingerprint, read, write
from ....core.d2c.training.images import HeldImages
from ....core.d2c.training.loop import D2CLoop
from ....core.d2c.training.loss_table import LossTable
from ....core.d2c.training.pictures import TrainingPictures
from ....core.d2c.training.steps import Losses
from ....core.files import replacing
from ....core.translators.progress import TrainingFile, carry_out
from ..d2c.contrast_encoders import (
    ARMS,
    BATCH,
    ENCODERS,
    contrast_configuration,
    small_encoder,
    smaller,
)
from .avatars_data import origin, split

__all__ = ["encoder_tensors", "seconds_of_batches"]

CPU = torch.device("cpu")
MEASURED, PICTURES, SAVE_SECONDS = 12, 500, 120.0


def seconds_of_batches(images: HeldImages, count: int = MEASURED) -> dict[str, float]:
    """Returns the CPU seconds of a batch with the contrastive term and without it, in turns."""
    loops = {
        name: D2CLoop(images, contrast_configuration(count + 1, contrast=contrast), 0, device=CPU)
        for name, contrast in (("on", True), ("off", False))
    }
    batches = {name: loop.batches_left() for name, loop in loops.items()}
    seconds = dict.fromkeys(loops, 0.0)
    for number in range(count + 1):
        for name in loops:
            begun = time.process_time()
            next(batches[name])
            seconds[name] += (time.process_time() - begun) * (number > 0)
    return {name: total / count for name, total in seconds.items()}


def encoder_tensors(autoencoder: torch.nn.Module) -> dict[str, Tensor]:
    """Returns the tensors of the encoder of an autoencoder, alone."""
    parts = ("stem.", "pre_process.", "enc_tower.", "enc0.", "enc_sampler.")
    return {
        key: tensor for key, tensor in autoencoder.state_dict().items() if key.startswith(parts)
    }


def main() -> None:
    """Trains all arms of all seeds and writes their encoders."""
    parser = argparse.ArgumentParser(description="Compares D2Cs with and without L_C.")
    parser.add_argument("--data", type=Path, required=True, help="folder of avatars_data")
    parser.add_argument("--steps", type=int, default=420)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--out", type=Path, default=ENCODERS, help="file of the encoders")
    options = parser.parse_args()
    torch.set_num_threads(1)
    images = _images(options.data)
    folder = options.data / f"avatars-contrast-{options.steps}"
    folder.mkdir(exist_ok=True)
    seconds = _kept_seconds(folder / "seconds.json", images)
    longer = round(options.steps * seconds["on"] / seconds["off"])
    steps = dict(zip(ARMS, (options.steps, options.steps, longer), strict=True))
    print(json.dumps({"seconds": seconds, "steps": steps}), flush=True)
    tensors: dict[str, Tensor] = {}
    runs: dict[str, object] = {}
    for seed in options.seeds:
        for arms in (ARMS[:1], ARMS[1:]):
            own = {arm: steps[arm] for arm in arms}
            for arm, path in _trained(images, folder / f"{arms[0]}-{seed}", own, seed).items():
                held = read(path)
                tensors |= small_encoder(held.tensors, f"{arm} {seed}")
                runs[f"{arm} {seed}"] = held.config
                print(arm, seed, json.dumps(held.config), flush=True)
        entry = origin("generator", "train_avatars_contrast")
        write(options.out, tensors, entry | {"runs": runs, "seconds": seconds, "batch": BATCH})
    print(f"{options.out}, {options.out.stat().st_size} bytes, {fingerprint(options.out)}")


def _images(data: Path) -> HeldImages:
    pixels = torch.from_numpy(split("generator", data).images)
    parts = [
        smaller(rearrange(part, "image h w colour -> image colour h w"))
        for part in pixels.split(2000)
    ]
    return HeldImages(torch.cat(parts))


def _kept_seconds(path: Path, images: HeldImages) -> dict[str, float]:
    if not path.is_file():
        found = seconds_of_batches(images)
        with replacing(path) as temporary:
            temporary.write_text(json.dumps(found) + "\n", encoding="utf-8")
    return json.loads(path.read_text(encoding="utf-8"))


def _trained(
    images: HeldImages, folder: Path, steps: Mapping[str, int], seed: int
) -> dict[str, Path]:
    """Trains for the most of some numbers of steps; returns the file of the encoder at each."""
    contrast, most = "on" in steps, max(steps.values())
    paths = {arm: folder / f"encoder-{count}.safetensors" for arm, count in steps.items()}
    if all(path.is_file() for path in paths.values()):
        return paths
    folder.mkdir(exist_ok=True)
    table = LossTable(folder / "losses.csv", every=50)
    loop = D2CLoop(images, contrast_configuration(most, contrast=contrast), seed, device=CPU)
    shown = TrainingPictures(folder, PICTURES)

    def report(done: int, loss: float) -> None:
        table.add(done, Losses() if math.isnan(loss) else loop.losses)
        shown(loop)
        for arm, count in steps.items():
            if count == done and not math.isnan(loss):
                tensors = encoder_tensors(loop.networks.final_autoencoder)
                about = {"steps": count, "losses": loop.losses.text}
                write(paths[arm], tensors, about)

    # Not `fit_d2c`, which encodes all images for the statistics that only samples need.
    kept = TrainingFile(folder / "training.safetensors", SAVE_SECONDS)
    carry_out(loop, report, kept.opened(loop))
    table.close()
    return paths


if __name__ == "__main__":
    main()
