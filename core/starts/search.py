"""The cross-entropy method: the next candidates are drawn about the best ones."""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from ..errors import InvalidInput
from ..rng import SampleRng
from ..snapshot import comparable, lowest

__all__ = ["CrossEntropySearch", "check_search", "elite_size", "evaluations", "generation_size"]

ELITE_SHARE, LEAST_ELITE = 10, 4
"""One candidate in so many is of the elite, but never fewer."""
GENERATION_SHARE = 4
"""A generation has one member for so many candidates."""
LEAST_CANDIDATES = LEAST_ELITE * GENERATION_SHARE


def elite_size(candidates: int) -> int:
    """How many of the best are kept: one in ten, at least four."""
    return max(LEAST_ELITE, candidates // ELITE_SHARE)


def generation_size(candidates: int) -> int:
    """Members of a generation: a quarter of the first candidates."""
    return candidates // GENERATION_SHARE


def evaluations(candidates: int, generations: int) -> int:
    """How often a search evaluates the energy of each sample."""
    return candidates + generations * generation_size(candidates)


def check_search(candidates: int, generations: int) -> None:
    """Refuses a search with impossible numbers.

    Raises:
        InvalidInput: no candidate, a negative number of generations, or too few candidates for
            any.
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
    """A search by the cross-entropy method: the points of lowest energy so far, for each sample.

    Attributes:
        points: (batch, elite, dim), the best first.
        energies: of the points; +inf where they are not finite.
    """

    points: Float[Tensor, "batch elite dim"]
    energies: Float[Tensor, "batch elite"]

    @classmethod
    def of(
        cls, points: Float[Tensor, "batch dim"], energies: Float[Tensor, " batch"]
    ) -> "CrossEntropySearch":
        """The search after one point per sample."""
        return cls(points[:, None], comparable(energies)[:, None])

    def joined(self, other: "CrossEntropySearch", size: int) -> "CrossEntropySearch":
        """The best of both, as many as `size`; of equals those that were met before."""
        energies = torch.cat([self.energies, other.energies], dim=1)
        points = torch.cat([self.points, other.points], dim=1)
        kept = lowest(energies, size)
        return CrossEntropySearch(
            points.gather(1, kept[..., None].expand(-1, -1, points.shape[2])),
            energies.gather(1, kept),
        )

    @property
    def best(self) -> Float[Tensor, "batch dim"]:
        """The point of lowest energy of every sample."""
        return self.points[:, 0]

    def draw(self, rng: SampleRng) -> Float[Tensor, "batch dim"]:
        """A point per sample from the normal law of its elite's means and deviations.

        Each coordinate has its own mean and deviation; the samples are independent.
        """
        # Row by row: a sum over a batch may depend, in its last bits, on how many rows there are.
        laws = [torch.std_mean(points, dim=0) for points in self.points]
        deviations, means = (torch.stack(parts) for parts in zip(*laws, strict=True))
        return means + deviations * rng.normal(self.points.shape[2], like=means)
