"""Retrains the avatars' vector-quantised autoencoder (van den Oord et al., 2017).

    python -m latentsteer.workflows.studies.training.train_avatars_codes
        --data FOLDER [--steps 1800] [--out DIR]

It uses one thread. The same command resumes an interrupted run from
FOLDER/unfinished-codes.safetensors, to the same bits. `--measure` skips the training and prints
the figures of the file in DIR.
"""

import argparse
import math
import time
from itertools import islice
from pathlib import Path
from typing import Any

import torch
from einops import rearrange
from jaxtyping import Float, UInt8
from torch import Tensor, nn
from torch.nn import functional

from ....core.checkpoints.checkpoint import write
from ....core.generator import Generator
from ....core.generators import load_generator
from ....core.generators.avatars_codes import SIDE, CodesDecoder, CodesEncoder, code_numbers
from ....core.rng import SampleRng, stream_of
from ....core.zoo.shipped import reference_images
from .avatars_data import origin, split
from .train_avatars import face_weight, reconstruction
from .training_kit import (
    Average,
    Clock,
    batches,
    descend,
    initialise,
    list_file,
    set_rate,
)

__all__ = ["Codebook", "fitted", "measured", "scaled", "train"]

ZOO = Path(__file__).resolve().parents[3] / "core" / "zoo"
FILE = "avatars-codes.safetensors"
STEPS, BATCH, RATE = 1800, 16, 1.5e-3
CONTINUOUS = 0.04
"""Part of the steps before the codes are fitted, in which features are not quantised."""
COMMITMENT = 0.5
"""Weight of the features' distance from their codes, relative to the features' variance."""
DECAY, LEAST = 0.98, 0.1
"""Decay of the codes' averages, and the use relative to the mean below which one is drawn anew."""
NEVER = -20.0
"""Logarithm of the share of a code that no avatar has at a place."""
COUNTED = 20_000
"""Avatars that the shares of the codes are counted in."""


class Codebook(nn.Module):
    """Codes as moving averages of the features that are nearest to them.

    Args:
        table: the first codes.
    """

    table: Tensor
    used: Tensor
    sums: Tensor

    def __init__(self, table: Float[Tensor, "codes features"]) -> None:
        super().__init__()
        self.register_buffer("table", table.clone())
        self.register_buffer("used", torch.ones(len(table)))
        self.register_buffer("sums", table.clone())

    @torch.no_grad()
    def restart(self, rows: Float[Tensor, "rows features"], rng: torch.Generator) -> None:
        """Draws all codes from features."""
        drawn = rows[torch.randperm(len(rows), generator=rng)[: len(self.table)]]
        self.table.copy_(drawn)
        self.sums.copy_(drawn)
        self.used.fill_(1.0)

    @torch.no_grad()
    def update(self, rows: Float[Tensor, "rows features"], rng: torch.Generator) -> None:
        """Moves codes to the mean of their features; codes that are hardly used are drawn anew."""
        found = (self.table.square().sum(dim=1) / 2 - rows @ self.table.mT).argmin(dim=1)
        counts = torch.bincount(found, minlength=len(self.table)).to(rows)
        sums = torch.zeros_like(self.sums).index_add_(0, found, rows)
        self.used.lerp_(counts, 1 - DECAY)
        self.sums.lerp_(sums, 1 - DECAY)
        idle = self.used < LEAST * self.used.mean()
        drawn = rows[torch.randperm(len(rows), generator=rng)[: len(self.table)]]
        self.sums[idle] = drawn[idle]
        self.used[idle] = 1.0
        self.table.copy_(self.sums / self.used[:, None])


def main() -> None:
    """Trains for the given steps and updates the manifest, or measures the file that is there."""
    parser = argparse.ArgumentParser(description="Trains the avatars' codes again.")
    parser.add_argument("--data", type=Path, required=True, help="folder of avatars_data")
    parser.add_argument("--steps", type=int, default=STEPS)
    parser.add_argument("--out", type=Path, default=ZOO, help="folder of the weights")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--measure", action="store_true", help="measure alone")
    options = parser.parse_args()
    torch.set_num_threads(1)  # the last bits depend on it
    path = options.out / FILE
    if options.measure:
        print(measured(load_generator(path)))
        return
    images = torch.from_numpy(split("generator", options.data).images).permute(0, 3, 1, 2)
    clock = Clock(options.data / "unfinished-codes.safetensors", math.inf)
    started = time.process_time()
    nets = train(images, clock, steps=options.steps, seed=options.seed)
    minutes = round((time.process_time() - started) / 60, 1)
    state = fitted(*nets, images[:COUNTED])
    write(path, {k: v.half() for k, v in state.items()}, {"architecture": "avatars-codes"})
    figures: dict[str, Any] = {"steps": options.steps, "cpu_minutes": minutes}
    figures |= measured(load_generator(path))
    entry = {
        "what": "vector-quantised autoencoder of avatars: decoder, codes and encoder",
        "architecture": "avatars-codes",
        "parameters": sum(value.numel() for value in state.values()),
        **origin("generator", "train_avatars_codes"),
    }
    list_file(options.out, FILE, entry, figures)


def train(
    images: UInt8[Tensor, "images 3 64 64"],
    clock: Clock,
    *,
    steps: int,
    seed: int,
    nets: tuple[CodesEncoder, CodesDecoder] | None = None,
    batch: int = BATCH,
) -> tuple[CodesEncoder, CodesDecoder]:
    """Trains encoder, codes and decoder; returns their averages, the codes in the decoder.

    The loss is that of the avatars' VAE, log L1 + log gradient L1 + log RMSE, with a commitment to
    the nearest codes instead of the KL term; codes are moving averages, and gradients pass
    from the codes to the features. Dead codes are drawn anew from the features of the batch.

    Args:
        images: the pictures.
        clock: progress, kept across interruptions.
        steps: number of batches.
        seed: seed of the networks, batches and codes.
        nets: networks, of the shipped sizes by default.
        batch: pictures of a batch.
    """
    encoder, decoder = nets or (CodesEncoder(), CodesDecoder())
    net = nn.ModuleDict({"encoder": encoder, "decoder": decoder})
    initialise(net, stream_of(seed, "networks"))
    net.to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]
    book, average = Codebook(decoder.table), Average(net, 0.995)
    optimiser = torch.optim.AdamW(net.parameters(), lr=RATE, weight_decay=1e-4, betas=(0.9, 0.99))
    weight, first = face_weight(), round(CONTINUOUS * steps)
    clock.resume(net=net, average=average.net, book=book, optimiser=optimiser)
    average.count = clock.step
    picks = islice(batches(len(images), batch, stream_of(seed, "batches")), clock.step, None)
    for step in range(clock.step, steps):
        warm = min(1.0, (step + 1) / (0.02 * steps))
        set_rate(optimiser, RATE * warm * 0.5 * (1 + math.cos(math.pi * step / steps)))
        x = images[next(picks)].float().div(255).contiguous(memory_format=torch.channels_last)
        with torch.autocast("cpu", torch.bfloat16):
            z = encoder(x)
        z, commitment = z.float(), torch.zeros(())
        if step >= first:
            rows = rearrange(
                z.detach(), "batch features row column -> (batch row column) features"
            )
            rng = stream_of(seed, "codes", step)
            book.restart(rows, rng) if step == first else book.update(rows, rng)
            codes = book.table[code_numbers(z.detach(), book.table)]
            codes = rearrange(
                codes, "batch (row column) features -> batch features row column", row=SIDE
            )
            commitment = (z - codes).square().mean() / z.detach().var()
            z = z + (codes - z).detach()
        with torch.autocast("cpu", torch.bfloat16):
            y = decoder(z)
        loss, figures = reconstruction(x, y.float(), weight)
        descend(optimiser, loss + COMMITMENT * commitment, clip=1.0)
        average.update(net)
        figures |= {"commitment": commitment.item(), "perplexity": _perplexity(book.used)}
        clock.tick(figures, net=net, average=average.net, book=book, optimiser=optimiser)
    seen, drawn = average.net["encoder"], average.net["decoder"]
    assert isinstance(seen, CodesEncoder)
    assert isinstance(drawn, CodesDecoder)
    drawn.table.copy_(book.table)
    return seen, drawn


def scaled(encoder: CodesEncoder, decoder: CodesDecoder) -> None:
    """Scales the codes to mean 0 and variance 1, so that the images of codes stay as they are."""
    mean, std = decoder.table.mean(), decoder.table.std()
    enter, leave = decoder.enter, encoder.leave
    assert enter.bias is not None
    assert leave.bias is not None
    with torch.no_grad():
        enter.bias += enter.weight.sum(dim=(1, 2, 3)) * mean
        enter.weight *= std
        leave.weight /= std
        leave.bias.sub_(mean).div_(std)
        decoder.table.sub_(mean).div_(std)


@torch.no_grad()
def fitted(
    encoder: CodesEncoder, decoder: CodesDecoder, images: UInt8[Tensor, "images 3 64 64"]
) -> dict[str, Tensor]:
    """Scales the codes, counts their shares at each place, and returns the state of the file."""
    scaled(encoder, decoder)
    counts = torch.zeros_like(decoder.log_shares)
    for part in images.split(500):
        found = code_numbers(encoder(part.float().div(255)), decoder.table)
        counts += functional.one_hot(found, len(decoder.table)).sum(dim=0)
    decoder.log_shares.copy_((counts / len(images)).log().clamp_min(NEVER))
    state = {f"decoder.{key}": value for key, value in decoder.state_dict().items()}
    return state | {f"encoder.{key}": value for key, value in encoder.state_dict().items()}


@torch.no_grad()
def measured(generator: Generator) -> dict[str, float]:
    """The errors of held-out avatars in dB, the number of codes used, and their exp(entropy)."""
    images, _ = reference_images("avatars held out (embedded)")
    codes, encode = generator.codes, generator.encode
    assert codes is not None
    assert encode is not None
    errors: list[Tensor] = []
    counts = torch.zeros(len(codes))
    for part in images.split(250):
        z = encode(part)
        errors.append((generator(z, SampleRng.of(0, len(z))) - part).square().mean(dim=(1, 2, 3)))
        grid = z.unflatten(1, (codes.shape[1], SIDE, SIDE))
        counts += torch.bincount(code_numbers(grid, codes).flatten(), minlength=len(codes))
    psnr = -10 * torch.cat(errors).log10()
    return {
        "held_out_psnr": round(float(psnr.mean()), 2),
        "held_out_psnr_least": round(float(psnr.min()), 2),
        "codes_used": int((counts > 0).sum()),
        "code_perplexity": round(_perplexity(counts), 1),
    }


def _perplexity(counts: Tensor) -> float:
    shares = counts / counts.sum()
    return float(torch.special.entr(shares).sum().exp())


if __name__ == "__main__":
    main()
