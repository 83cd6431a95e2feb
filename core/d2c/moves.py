"""Moves of latents towards a few-shot condition: the boundary's normal, and the gradient."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, Protocol, TypeAlias, runtime_checkable

import torch
from jaxtyping import Float
from torch import Tensor

from ..conditions.few_shot import FewShot
from ..diffusion.prior import DiffusionPrior
from ..errors import InvalidInput
from ..generator import Generator
from ..pairs.directions import moving_coordinates
from ..rng import SampleRng
from .langevin import RELEASED, CorrectedLangevin, Correction, corrected_steps

__all__ = [
    "BoundaryMove",
    "GradientMove",
    "LatentMove",
    "MoveKind",
    "MovePath",
    "boundary_move",
    "line",
]

MoveKind: TypeAlias = Literal["bank mean", "vector", "gradient"]
MovePath: TypeAlias = Callable[[Tensor, Tensor], Float[Tensor, "rows dim"]]
"""From row numbers and a strength each (float64), the moved latents of these rows."""


@runtime_checkable
class LatentMove(Protocol):
    """A way to move latents towards a condition."""

    @property
    def unit(self) -> str:
        """The unit of a strength, for reports."""
        ...

    @property
    def ways(self) -> int:
        """Number of ways."""
        ...

    def paths(
        self, start: Float[Tensor, "batch dim"], rng: SampleRng, most: float, grid: int
    ) -> dict[str, MovePath]:
        """Returns the ways of the samples, by name.

        Args:
            start: latents that the paths begin at, at strength 0.
            rng: a stream per latent.
            most: strength of the end of the path.
            grid: number of intervals that a path is computed in, if it is not a line.
        """
        ...


def line(start: Float[Tensor, "batch dim"], vectors: Float[Tensor, "rows dim"]) -> MovePath:
    """Returns the path start + strength vector, of one vector for all rows or one each."""
    each = vectors.to(start).expand(len(start), -1)

    def at(rows: Tensor, strengths: Tensor) -> Tensor:
        return start[rows] + strengths.to(start)[:, None] * each[rows]

    return at


@dataclass(frozen=True, eq=False)
class BoundaryMove:
    """The normal of the classifier's boundary, as D2C's released code moves latents.

    Attributes:
        vector: displacement of strength 1, of length 1 unless a class has a share in it.
    """

    vector: Float[Tensor, " dim"]

    @property
    def unit(self) -> str:
        """The unit of a strength."""
        return "latent units"

    @property
    def ways(self) -> int:
        """One."""
        return 1

    def paths(
        self, start: Float[Tensor, "batch dim"], rng: SampleRng, most: float, grid: int
    ) -> dict[str, MovePath]:
        """Returns the only way."""
        return {"vector": line(start, self.vector[None])}


def boundary_move(condition: FewShot, generator: Generator) -> BoundaryMove:
    """The unit normal of the classifier's boundary, as D2C's released code moves latents.

    A strength is a distance in latents; the released code uses -15, 10 and 20 on latents of 8192
    numbers.

    Args:
        condition: the few-shot condition.
        generator: of its latents.

    Raises:
        GeneratorMismatch: a condition of another generator.
    """
    condition.check(generator)
    vector = condition.vector() * moving_coordinates(generator).to(condition.weight)
    return BoundaryMove(vector)


@dataclass(frozen=True, eq=False)
class GradientMove:
    """Gradient ascent of log r(c given z) + log k(z, start), D2C section 5.

    k is an RBF kernel. Each step is followed by the correction of the prior. A strength is the sum
    of the step sizes up to there.

    Attributes:
        condition: the few-shot condition.
        prior: diffusion prior of the same latents.
        width: width of k in standard deviations of the latents.
        correction: after each step; None for none.

    Raises:
        InvalidInput: a width that is not above 0.
    """

    condition: FewShot
    prior: DiffusionPrior
    width: float = 3.0
    correction: Correction | None = RELEASED

    def __post_init__(self) -> None:
        if not 0 < self.width < math.inf:
            raise InvalidInput(f"An RBF kernel of width {self.width:g}; expected above 0.")

    @property
    def unit(self) -> str:
        """The unit of a strength."""
        return "summed step sizes"

    @property
    def ways(self) -> int:
        """One."""
        return 1

    def paths(
        self, start: Float[Tensor, "batch dim"], rng: SampleRng, most: float, grid: int
    ) -> dict[str, MovePath]:
        """Returns the path through the points after each of `grid` steps."""
        if not most > 0:
            raise InvalidInput(
                f"A strength of {most:g}; expected a number above 0, since the gradient leads "
                "only to what is wanted."
            )
        settings = CorrectedLangevin(
            steps=grid,
            step_size=most / grid,
            temperature=0.0,
            width=self.width,
            correction=self.correction,
        )
        log_ratio = self.condition.log_probability
        steps = corrected_steps(start, log_ratio, self.prior, rng, settings)
        points = torch.stack([start, *steps])

        def at(rows: Tensor, strengths: Tensor) -> Tensor:
            places = (strengths / most * grid).clamp(0, grid)
            before = places.floor().long().clamp_max(grid - 1)
            share = (places - before).to(start)[:, None]
            return torch.lerp(points[before, rows], points[before + 1, rows], share)

        return {"gradient": at}
