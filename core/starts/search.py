"""The cross-entropy method: the next candidates are drawn around the best ones."""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from ..errors import InvalidInput
from ..rng import SampleRng
from ..snapshot import comparable, lowest

__all__ = ["CrossEntropySearch", "check_search", "elite_size", "evaluations", "generation_size"]

ELITE_SHARE, LEAST_ELITE = 10, 4
"""Fraction of candidates in the elite, and its minimum."""
GENERATION_SHARE = 4
"""Number of candidates per member of a generation."""
LEAST_CANDIDATES = LEAST_ELITE * GENERATION_SHARE


def elite_size(candidates: int) -> int:
    """Returns the size of the elite: one candidate in ten, at least four."""
    return max(LEAST_ELITE, candidates // ELITE_SHARE)


def generation_size(candidates: int) -> int:
    """Returns the members of a generation: a quarter of the first candidates."""
    return candidates // GENERATION_SHARE


def evaluations(candidates: int, generations: int) -> int:
    """Returns the number of evaluations of the energy per sample in a search."""
    return candidates + generations * generation_size(candidates)


def check_search(candidates: int, generations: int) -> None:
    """Checks the numbers of a search.

    Raises:
        InvalidInput: no candidate, a negative number of generations, or too few candidates for
            generations.
    """
    if candidates < 1:
        raise InvalidInput(f"Best of {candidates} candidates; at least 1 needed.")
    if generations < 0:
        raise InvalidInput(f"{generations} generations; expected 0 (none) or more.")
    if generations and candidates < LEAST_CANDIDATES:
        raise InvalidInput(
            f"{generations} generations that begin from {candidates} candidates; at least "
            f"{LEAST_CANDIDATES} are needed, of which the best {LEAST_ELITE} set where to draw. "
            "Take more candidates, or 0 generations."
        )


@dataclass(frozen=True)
class CrossEntropySearch:
    """State of a search by the cross-entropy method: the best points so far of each sample.

    Attributes:
        points: points, the best first, (batch, elite, dim).
        energies: energies of the points; +inf where not finite.
    """

    points: Float[Tensor, "batch elite dim"]
    energies: Float[Tensor, "batch elite"]

    @classmethod
    def of(
        cls, points: Float[Tensor, "batch dim"], energies: Float[Tensor, " batch"]
    ) -> "CrossEntropySearch":
        """Returns the search after one point per sample."""
        return cls(points[:, None], comparable(energies)[:, None])

    def joined(self, other: "CrossEntropySearch", size: int) -> "CrossEntropySearch":
        """Returns the `size` best of both; among equals those found first."""
        energies = torch.cat([self.energies, other.energies], dim=1)
        points = torch.cat([self.points, other.points], dim=1)
        kept = lowest(energies, size)
        return CrossEntropySearch(
            points.gather(1, kept[..., None].expand(-1, -1, points.shape[2])),
            energies.gather(1, kept),
        )

    @property
    def best(self) -> Float[Tensor, "batch dim"]:
        """Returns the point of lowest energy of each sample."""
        return self.points[:, 0]

    def draw(self, rng: SampleRng) -> Float[Tensor, "batch dim"]:
        """Draws a point per sample from the normal distribution fitted to its elite.

        Each coordinate has its own mean and standard deviation; samples are independent.
        """
        # Row by row, because the rounding of a sum may depend on the number of rows.
        laws = [torch.std_mean(points, dim=0) for points in self.points]
        deviations, means = (torch.stack(parts) for parts in zip(*laws, strict=True))
        return means + deviations * rng.normal(self.points.shape[2], like=means)
