"""Makes the shipped pairs of avatars whose latents are drawn from the shipped diffusion prior.

    python -m latentsteer.workflows.studies.training.make_avatars_pairs [--out DIR] [--count N]

The avatars' own prior is a Gaussian, most of whose draws lie between the latents of avatars. Draws
of the diffusion prior are avatars, so those nearest to a text show more of it. Pairs of your own
are made by Load Generator, Load Diffusion Prior, Prior Generator with `latents` clean, and
Synthesise Pairs. It takes about four minutes on one CPU core.
"""

import argparse
from pathlib import Path
from typing import Final

import torch

from ....core.auxiliaries import load_auxiliary
from ....core.auxiliary import Auxiliary
from ....core.chunking import Chunking
from ....core.d2c.bank import bank_of_draws, draws_of
from ....core.diffusion.prior_files import load_prior
from ....core.diffusion.prior_generator import with_prior
from ....core.generator import Generator
from ....core.generators import load_generator
from ....core.pairs.manifest import Manifest
from ....core.pairs.origin import Origin
from ....core.pairs.shards import write_shard
from ....core.pairs.synthesis import Drawn
from ....core.rng import SampleRng
from ....core.zoo.shipped import embedded
from .training_kit import list_file

__all__ = ["main", "write_pairs"]

ZOO = Path(__file__).resolve().parents[3] / "core" / "zoo"
SCRIPT = "python -m latentsteer.workflows.studies.training.make_avatars_pairs"
FOLDER: Final = "avatars-prior-pairs"
COUNT, STEPS, SEED = 16_384, 10, 0
CHUNKS = Chunking(16, padded=False)
CPU = torch.device("cpu")
LICENCE = (
    "Apache-2.0; design: Avataaars by Pablo Stanley, free for personal and commercial use; "
    "DiceBear's code MIT"
)


def main() -> None:
    """Makes the pairs and their entry in the manifest."""
    parser = argparse.ArgumentParser(description="Makes the pairs of the avatars' prior again.")
    parser.add_argument("--out", type=Path, default=ZOO, help="folder of pairs and weights")
    parser.add_argument("--count", type=int, default=COUNT, help="number of pairs")
    options = parser.parse_args()
    torch.set_num_threads(1)  # the last bits depend on it
    generator, auxiliary = _models()
    prior = load_prior(embedded("avatars prior (embedded)"))
    draw = draws_of(generator, prior, steps=STEPS)
    values = bank_of_draws(draw, generator, options.count, seed=SEED, device=CPU).values
    write_pairs(options.out, values, _seen(generator, auxiliary, values))


def write_pairs(out: Path, latents: torch.Tensor, conditions: torch.Tensor) -> None:
    """Writes the folder of the pairs, and its entry in the manifest of the zoo.

    Args:
        out: folder of the zoo.
        latents: draws of the prior.
        conditions: what the CLIP sees in their images.
    """
    generator, auxiliary = _models()
    origin = Origin.of(
        generator, (auxiliary,), seed=SEED, balanced=False, noise=0.0, chunking=CHUNKS
    )
    folder = out / FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    manifest = Manifest(origin, "int8", "half")
    record = write_shard(folder, manifest, Drawn(0, len(latents), (), latents, (conditions,)))
    manifest.with_shards([record]).write(folder)
    entry = {
        "what": "pairs of avatars (embedded) and avatars CLIP (embedded): conditions as int8, "
        f"latents drawn from avatars prior (embedded) in {STEPS} steps, as fp16",
        "count": len(latents),
        "source": "drawn from the shipped models",
        "licence": LICENCE,
        "script": SCRIPT,
    }
    list_file(out, f"{FOLDER}/{record.file}", entry)


def _models() -> tuple[Generator, Auxiliary]:
    prior = load_prior(embedded("avatars prior (embedded)"))
    generator = with_prior(prior, load_generator(embedded("avatars (embedded)")), steps=STEPS)
    return generator, load_auxiliary(embedded("avatars CLIP (embedded)"))


@torch.no_grad()
def _seen(generator: Generator, auxiliary: Auxiliary, values: torch.Tensor) -> torch.Tensor:
    rng = SampleRng.of(SEED, len(values), "seen")

    def of(rows: torch.Tensor, part: SampleRng) -> tuple[torch.Tensor]:
        return (auxiliary.embed(generator(rows, part)),)

    return CHUNKS.apply_random(of, values, rng)[0]


if __name__ == "__main__":
    main()
