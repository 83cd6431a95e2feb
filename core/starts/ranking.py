"""Ranking of samples: FuseDream and its users keep the best of several seeds."""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from ..chunking import Chunking
from ..energy import Energy
from ..errors import InvalidInput
from ..generator import Generator
from ..latents import Latents
from ..rng import SampleRng
from ..snapshot import comparable, lowest
from ..spaces import IMAGES

__all__ = ["Ranking", "ranked", "ranked_images"]


@dataclass(frozen=True)
class Ranking:
    """Samples in the order of their energy, lowest first.

    Attributes:
        rows: indices in the batch.
        energies: energies of these rows.
    """

    rows: tuple[int, ...]
    energies: Float[Tensor, " rows"]


def ranked(
    latents: Latents,
    generator: Generator,
    energy: Energy,
    *,
    seed: int,
    groups: int = 1,
    keep: int,
    chunking: Chunking,
    device: torch.device,
) -> Ranking:
    """Returns the samples of lowest energy.

    Args:
        latents: latents of the generator.
        generator: G.
        energy: energy to rank by; random energies draw from the streams of the samples.
        seed: of random energies.
        groups: equal parts of the batch, side by side (such as the prompts); each keeps its best.
        keep: samples kept of every group.
        chunking: samples at a time.
        device: where the networks are.

    Raises:
        GeneratorMismatch: latents of another generator.
        InvalidInput: groups that do not divide the batch, or fewer samples than are to be kept.
    """
    latents.check_generator(generator)
    _check(len(latents), groups, keep)
    pulled = energy.pullback(generator).pullback(latents.chart)
    pulled.check_batch(len(latents))
    rng = latents.rng(seed, "ranking")
    values = pulled.readings(latents.values.to(device), rng, chunking)["energy"]
    return _best(values, groups, keep)


def ranked_images(
    images: Float[Tensor, "batch 3 height width"],
    energy: Energy,
    *,
    seed: int,
    groups: int = 1,
    keep: int,
    chunking: Chunking,
    device: torch.device,
) -> Ranking:
    """Returns the images of lowest energy; FuseDream's figure 10 shows 36 of 50 composed ones.

    Args:
        images: values in [0, 1].
        energy: on images.
        seed: of random energies.
        groups: equal parts of the batch, side by side; each keeps its own best.
        keep: images kept of every group.
        chunking: images at a time.
        device: where the networks are.

    Raises:
        DomainMismatch: a term lives on latents.
        InvalidInput: groups that do not divide the batch, or fewer images than are to be kept.
    """
    _check(len(images), groups, keep)
    energy.check_on(IMAGES)
    energy.check_batch(len(images))
    rng = SampleRng.of(seed, len(images), "ranking")
    values = energy.readings(images.to(device), rng, chunking)["energy"]
    return _best(values, groups, keep)


def _check(count: int, groups: int, keep: int) -> None:
    if groups < 1 or count % groups:
        raise InvalidInput(f"{groups} groups of {count} samples: not of equal size.")
    if not 1 <= keep <= count // groups:
        raise InvalidInput(f"Best {keep} of groups of {count // groups} samples; 1 to that many.")


def _best(values: Float[Tensor, " batch"], groups: int, keep: int) -> Ranking:
    grouped = comparable(values).unflatten(0, (groups, -1))
    kept = lowest(grouped, keep)
    starts = torch.arange(groups)[:, None] * grouped.shape[1]
    rows = (kept + starts).flatten()
    return Ranking(tuple(int(row) for row in rows), grouped.gather(1, kept).flatten())
