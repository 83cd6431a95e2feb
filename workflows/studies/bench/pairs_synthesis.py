"""Synthesis of pairs and bare G then f, for `latentsteer bench pairs`."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import get_args

import torch

from ....core.auxiliaries import load_auxiliary
from ....core.chunking import Chunking, ChunkMode
from ....core.generators import load_generator
from ....core.pairs.keeping import keep_pairs
from ....core.pairs.synthesis import Synthesis
from ....core.rng import SampleRng
from ....core.zoo import shipped as catalogue
from .harness import Step

__all__ = ["MODELS", "Models", "steps_of"]


@dataclass(frozen=True)
class Models:
    """An embedded generator and auxiliary, and the sizes of their measurement.

    Attributes:
        generator: name of the generator.
        auxiliary: name of the auxiliary.
        count: number of pairs of a timing.
        batches: batch sizes of the bare networks, each measured.
    """

    generator: str
    auxiliary: str
    count: int
    batches: tuple[int, ...]


MODELS: Mapping[str, Models] = {
    "avatars": Models("avatars (embedded)", "avatars CLIP (embedded)", 128, (8, 16, 32, 128)),
    "digits": Models("digits (embedded)", "digits classifier (embedded)", 1024, (8, 32, 64, 256)),
}


def steps_of(models: Models, folder: Path) -> dict[str, Step]:
    """Steps by name: `bare_N` computes f(G(z)) of given z, N at a time.

    `fixed` and `fast` draw, compute and store as many pairs in such chunks, in a new folder each
    time: conditions in fp16, latents by their seed.

    Args:
        models: the models.
        folder: an empty folder for the pairs.
    """
    generator = load_generator(catalogue.embedded(models.generator))
    auxiliary = load_auxiliary(catalogue.embedded(models.auxiliary))
    rng = SampleRng.of(0, models.count, "bench")
    z = generator.prior.sample(rng, torch.zeros(1))

    @torch.no_grad()
    def bare(size: int) -> None:
        for first in range(0, models.count, size):
            part = slice(first, first + size)
            auxiliary.embed(generator(z[part], rng.part(first, first + size)))

    def kept(mode: ChunkMode) -> None:
        source = Synthesis(
            generator,
            (auxiliary,),
            0,
            Chunking.of(mode, generator.image_size),
            torch.device("cpu"),
        )
        own = folder / f"{mode}-{len(list(folder.iterdir()))}"
        keep_pairs(own, source, models.count, precision="fp16", latents="seed")

    steps: dict[str, Step] = {f"bare_{size}": partial(bare, size) for size in models.batches}
    return steps | {mode: partial(kept, mode) for mode in get_args(ChunkMode)}
