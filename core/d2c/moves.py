"""Moves of latents towards a few-shot condition: bank mean, boundary, gradient."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Literal, Protocol, TypeAlias, runtime_checkable

import torch
from jaxtyping import Float
from torch import Tensor

from ..conditions.few_shot import FewShotCondition
from ..errors import InvalidInput
from ..generator import Generator
from ..pairs.directions import moving_coordinates
from ..rng import SampleRng
from .bank import LatentBank
from .langevin import RELEASED, CorrectedLangevin, Correction, corrected_steps
from .prior import DiffusionPrior

__all__ = [
    "GradientMove",
    "LatentMove",
    "LinearMove",
    "MoveKind",
    "MovePath",
    "bank_mean",
    "boundary_move",
]

MoveKind: TypeAlias = Literal["bank mean", "vector", "gradient"]
MovePath: TypeAlias = Callable[[Tensor, Tensor], Float[Tensor, "rows dim"]]
"""From row numbers and a strength each (float64), the moved latents of these rows."""
LEAST_SHOWN: Final = 5.0
"""Smallest expected number of latents of a bank that show the wanted, and that do not."""
ROUNDING: Final = 1e-9
"""Smallest distance of two means relative to the largest number of the bank."""
ROWS = 8192
"""Latents of a bank at a time. It is fixed, because the rounding of sums depends on it."""


@runtime_checkable
class LatentMove(Protocol):
    """A way to move latents towards a condition."""

    @property
    def unit(self) -> str:
        """The unit of a strength, for reports."""
        ...

    def path(
        self, start: Float[Tensor, "batch dim"], rng: SampleRng, most: float, grid: int
    ) -> MovePath:
        """Returns the points of each sample's path.

        Args:
            start: latents that the paths begin at, at strength 0.
            rng: a stream per latent.
            most: strength of the end of the path.
            grid: number of intervals that a path is computed in, if it is not a line.
        """
        ...


@dataclass(frozen=True, eq=False)
class LinearMove:
    """A line in latents.

    Attributes:
        vector: displacement of strength 1, 0 in blocks that stay.
        unit: unit of the strength.
    """

    vector: Float[Tensor, " dim"]
    unit: str

    def path(
        self, start: Float[Tensor, "batch dim"], rng: SampleRng, most: float, grid: int
    ) -> MovePath:
        """Returns start + strength vector."""

        def at(rows: Tensor, strengths: Tensor) -> Tensor:
            return start[rows] + strengths.to(start)[:, None] * self.vector.to(start)

        return at


@torch.no_grad()
def bank_mean(bank: LatentBank, condition: FewShotCondition, generator: Generator) -> LinearMove:
    """The mean of a bank weighted by r minus the mean weighted by 1 - r, of length 1.

    A strength counts standard deviations of the bank's latents along this direction. Unlike the
    normal of the classifier's boundary it is a difference of latents that there are, so the
    decoder draws it. For whitened normal latents both are parallel.

    Args:
        bank: latents of the generator: draws of a prior, encoded images, pairs.
        condition: the few-shot condition.
        generator: of both.

    Raises:
        GeneratorMismatch: a bank or a condition of another generator.
        InvalidInput: a bank with too few latents that show the wanted, or that do not.
    """
    bank.check(generator)
    condition.check(generator)
    parts = [condition.probability(part.double()) for part in bank.values.split(ROWS)]
    r = torch.cat(parts)
    sides = torch.stack([r, 1 - r])
    shown, rest = sides.sum(dim=1).tolist()
    if not min(shown, rest) >= LEAST_SHOWN:
        raise InvalidInput(
            f"Of the bank of {bank} about {shown:.3g} show {condition.name} and {rest:.3g} do "
            f"not; at least {LEAST_SHOWN:g} of each are needed. Take a larger bank, or one of "
            "images with and without it."
        )
    weights = sides / sides.sum(dim=1, keepdim=True)
    difference = torch.zeros(bank.values.shape[1], dtype=torch.float64)
    rows = weights[0] - weights[1]
    for part, own in zip(bank.values.split(ROWS), rows.split(ROWS), strict=True):
        difference += own @ part.double()
    difference *= moving_coordinates(generator)
    length = difference.norm()
    if not length > ROUNDING * float(bank.values.abs().max()):
        raise InvalidInput(
            f"The latents of the bank of {bank} do not differ in {condition.name}: their means "
            "are equal. Take a bank of different latents."
        )
    direction = difference / length
    spread = torch.cat([part.double() @ direction for part in bank.values.split(ROWS)]).std()
    unit = f"standard deviations of {bank.source}"
    return LinearMove((spread * direction).float(), unit)


def boundary_move(condition: FewShotCondition, generator: Generator) -> LinearMove:
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
    return LinearMove(vector, "latent units")


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

    condition: FewShotCondition
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

    def path(
        self, start: Float[Tensor, "batch dim"], rng: SampleRng, most: float, grid: int
    ) -> MovePath:
        """Returns the path through the points after each of `grid` steps."""
        if not most > 0:
            raise InvalidInput(
                f"A strength of {most:g}; the gradient leads to the wanted only: above 0 needed."
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

        return at
