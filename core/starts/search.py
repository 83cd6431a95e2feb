"""The cross-entropy method: the best candidates say where the next ones are drawn."""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from ..errors import InvalidInput
from ..rng import SampleRng
from ..snapshot import comparable, lowest

__all__ = ["Elite", "check_search", "elite_size", "generation_size", "judged_in_all"]

ELITE_SHARE, LEAST_ELITE = 10, 4
"""One candidate in so many is of the elite, but never fewer."""
GENERATION_SHARE = 4
"""A generation has one member for so many candidates."""
LEAST_CANDIDATES = LEAST_ELITE * GENERATION_SHARE


def elite_size(candidates: int) -> int:
    """How many of the best are remembered: one in ten, four at least."""
    return max(LEAST_ELITE, candidates // ELITE_SHARE)


def generation_size(candidates: int) -> int:
    """Members of a generation: a quarter of the first candidates."""
    return candidates // GENERATION_SHARE


def judged_in_all(candidates: int, generations: int) -> int:
    """How often a sample's energy is evaluated in a search."""
    return candidates + generations * generation_size(candidates)


def check_search(candidates: int, generations: int) -> None:
    """Refuses a search that cannot be.

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
            f"{LEAST_CANDIDATES} are needed, of which the best {LEAST_ELITE} say where to draw. "
            "Take more candidates, or 0 generations."
        )


@dataclass(frozen=True)
class Elite:
    """The points of lowest energy that a search has met, apart for every sample.

    Attributes:
        points: (batch, elite, dim), the best first.
        energies: theirs; what is not finite counts as +inf.
    """

    points: Float[Tensor, "batch elite dim"]
    energies: Float[Tensor, "batch elite"]

    @classmethod
    def of(cls, points: Float[Tensor, "batch dim"], energies: Float[Tensor, " batch"]) -> "Elite":
        """One point a sample."""
        return cls(points[:, None], comparable(energies)[:, None])

    def joined(self, other: "Elite", size: int) -> "Elite":
        """The best of both, as many as `size`; of equals those that were met before."""
        energies = torch.cat([self.energies, other.energies], dim=1)
        points = torch.cat([self.points, other.points], dim=1)
        kept = lowest(energies, size)
        return Elite(
            points.gather(1, kept[..., None].expand(-1, -1, points.shape[2])),
            energies.gather(1, kept),
        )

    @property
    def best(self) -> Float[Tensor, "batch dim"]:
        """The point of lowest energy of every sample."""
        return self.points[:, 0]

    def draw(self, rng: SampleRng) -> Float[Tensor, "batch dim"]:
        """A point a sample from the normal law of its elite's means and deviations.

        Each number of a point has its own; the samples know nothing of each other.
        """
        # Row by row: a sum over a batch may depend, in its last bits, on how many rows there are.
        laws = [torch.std_mean(points, dim=0) for points in self.points]
        deviations, means = (torch.stack(parts) for parts in zip(*laws, strict=True))
        return means + deviations * rng.normal(self.points.shape[2], like=means)
