"""Draws avatars that no model was trained on, and writes the moments of their features.

    python -m latentsteer.workflows.studies.training.avatars_moments --data FOLDER

`avatars_moments.safetensors` has the mean and the covariance of the judge's features over avatars
of the data's law, and over those with each value that `reproduce d2c` generates. The held-out
split that is shipped as images has too few with a rare value. Of these, more are drawn than come
up by chance: draws without the value are not rendered, which leaves the law given the value as it
is. The avatars are rendered into FOLDER once.
"""

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import numpy as np
import torch
from torch import Tensor

from ....core.chunking import Chunking
from ....core.files import replacing
from ....core.metrics.moments import FeatureMoments, save_moments
from ....core.zoo.avatars import ATTRIBUTES, Avatar, draw
from ..avatars_models import avatars_models
from ..d2c.tasks import EVERYTHING, MOMENTS, TASKS, shows
from .avatars_data import PACKAGES, SIZE, Avatars, options_of, render

__all__ = ["COUNT", "LEAST", "drawn", "main", "moments_of"]

SEED: Final = 4
"""Splits that models were trained on have the seeds 1 and 2, the shipped held-out one 3."""
COUNT: Final = 12_000
"""Avatars of the data's law."""
LEAST: Final = 2_000
"""Avatars with each value."""


def drawn(seed: int, count: int, least: int) -> list[Avatar]:
    """Draws avatars of the data's law, and then more with each value that has too few.

    Args:
        seed: of the draws.
        count: number of avatars of the data's law, which come first.
        least: number of avatars with each value.
    """
    rng = np.random.default_rng(seed)
    avatars = [draw(rng) for _ in range(count)]
    for wanted in TASKS.values():
        has = sum(wanted.sets.items() <= avatar.items() for avatar in avatars[:count])
        while has < least:
            one = draw(rng)
            if wanted.sets.items() <= one.items():
                # Those for another value would bias this one's law: they count for their own.
                avatars.append(one)
                has += 1
    return avatars


def moments_of(
    features: Tensor, values: Tensor, count: int, least: int
) -> Mapping[str, FeatureMoments]:
    """Returns the moments of all avatars, and of those with each value.

    Args:
        features: features of the avatars of `drawn`.
        values: their value numbers.
        count: number of avatars of the data's law.
        least: number of avatars with each value.
    """
    found = {EVERYTHING: FeatureMoments.of(features[:count])}
    first = count
    for name, wanted in TASKS.items():
        own = shows(values[:count], wanted)
        last = first + max(0, least - int(own.sum()))
        found[name] = FeatureMoments.of(torch.cat([features[:count][own], features[first:last]]))
        first = last
    return found


def _rendered(folder: Path) -> Avatars:
    path = folder / "reference.npz"
    if not path.exists():
        avatars = drawn(SEED, COUNT, LEAST)
        rng = np.random.default_rng([SEED, 1])
        images = render([options_of(avatar, rng) for avatar in avatars], folder)
        table = [[ATTRIBUTES[n].index(a[n]) for n in ATTRIBUTES] for a in avatars]
        with replacing(path) as temporary, temporary.open("wb") as file:
            np.savez(file, images=images, values=np.array(table, np.int8))
    with np.load(path, allow_pickle=False) as held:
        return Avatars(held["images"], held["values"])


@torch.no_grad()
def main() -> None:
    """Renders the avatars and writes the moments."""
    parser = argparse.ArgumentParser(description="Writes moments of the judge's features.")
    parser.add_argument("--data", type=Path, required=True, help="folder for the rendered avatars")
    parser.add_argument("--out", type=Path, default=MOMENTS, help="file to write")
    options = parser.parse_args()
    held = _rendered(options.data)
    device = torch.device("cpu")
    judge = avatars_models(device).judge
    images = torch.from_numpy(held.images).permute(0, 3, 1, 2)
    features = Chunking.of("fast", (SIZE, SIZE)).apply(
        lambda part: judge.features(part.float().div(255)), images
    )
    moments = moments_of(features, torch.from_numpy(held.values).long(), COUNT, LEAST)
    save_moments(
        moments,
        options.out,
        features=judge.id,
        origin={
            "what": "avatars on which no model was trained, by value; none for all",
            "values": {name: dict(wanted.sets) for name, wanted in TASKS.items()},
            "seed": SEED,
            "source": f"drawn with npm {PACKAGES[1]} (avatars_moments.py)",
            "script": "python -m latentsteer.workflows.studies.training.avatars_moments "
            "--data FOLDER",
        },
    )
    for name, one in moments.items():
        spread = float(one.root.square().sum())
        print(f"{name}: {one.count} avatars, variance {spread:.1f}", flush=True)
    print(f"{options.out}, {options.out.stat().st_size} bytes")


if __name__ == "__main__":
    main()
