"""Makes the shipped pairs of avatars whose latents are drawn from the shipped diffusion prior.

    python -m latentsteer.workflows.studies.training.make_avatars_pairs [--out DIR] [--count N]

The avatars' own prior is a Gaussian, most of whose draws lie between the latents of avatars. Draws
of the diffusion prior are avatars, so those nearest to a text show more of it. In the nodes the
same pairs are made by Load Generator, Load Diffusion Prior, Prior Generator with `latents` clean
and 10 steps, Synthesise Pairs and Save Pairs. It takes about five minutes on one CPU core.
"""

import argparse
from pathlib import Path
from typing import Final

import torch

from ....core.auxiliaries import load_auxiliary
from ....core.chunking import Chunking
from ....core.diffusion.prior_files import load_prior
from ....core.diffusion.prior_generator import with_prior
from ....core.generators import load_generator
from ....core.pairs.keeping import keep_pairs
from ....core.pairs.lock import LOCK
from ....core.pairs.synthesis import Synthesis
from ....core.zoo.shipped import embedded
from .training_kit import list_file

__all__ = ["main"]

ZOO = Path(__file__).resolve().parents[3] / "core" / "zoo"
SCRIPT = "python -m latentsteer.workflows.studies.training.make_avatars_pairs"
FOLDER: Final = "avatars-prior-pairs"
COUNT, STEPS, SEED = 16_384, 10, 0
CPU = torch.device("cpu")
LICENCE = (
    "Apache-2.0; design: Avataaars by Pablo Stanley, free for personal and commercial use; "
    "DiceBear's code MIT"
)


def main() -> None:
    """Makes the pairs that are missing, and their entry in the manifest."""
    parser = argparse.ArgumentParser(description="Makes the pairs of the avatars' prior again.")
    parser.add_argument("--out", type=Path, default=ZOO, help="folder of pairs and weights")
    parser.add_argument("--count", type=int, default=COUNT, help="number of pairs")
    options = parser.parse_args()
    torch.set_num_threads(1)  # the last bits depend on it
    prior = load_prior(embedded("avatars prior (embedded)"))
    generator = with_prior(prior, load_generator(embedded("avatars (embedded)")), steps=STEPS)
    auxiliary = load_auxiliary(embedded("avatars CLIP (embedded)"))
    chunking = Chunking.of("fixed", generator.image_size)
    source = Synthesis(generator, (auxiliary,), SEED, chunking, CPU)

    def report(done: int) -> None:
        if done % 1024 == 0:
            print(f"{done} pairs", flush=True)

    pairs = keep_pairs(
        options.out / FOLDER,
        source,
        options.count,
        precision="int8",
        latents="half",
        shard=options.count,
        report=report,
    )
    (pairs.folder / LOCK).unlink(missing_ok=True)  # it names this machine
    (shard,) = pairs.manifest.shards
    entry = {
        "what": "pairs of avatars (embedded) and avatars CLIP (embedded): conditions as int8, "
        f"latents drawn from avatars prior (embedded) in {STEPS} steps, as fp16",
        "count": len(pairs),
        "source": "drawn from the shipped models",
        "licence": LICENCE,
        "script": SCRIPT,
    }
    list_file(options.out, f"{FOLDER}/{shard.file}", entry)


if __name__ == "__main__":
    main()
