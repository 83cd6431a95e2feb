"""Moves by the means of a bank: of all its latents, of their modes, and of those near a sample."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import torch
from jaxtyping import Float
from torch import Tensor

from ..conditions.few_shot import FewShot
from ..errors import InvalidInput
from ..generator import Generator
from ..pairs.directions import moving_coordinates
from ..rng import SampleRng
from .bank import LatentBank
from .modes import modes_of
from .moves import MovePath, line

__all__ = ["BankMove", "bank_mean"]

LEAST_SHOWN: Final = 5.0
"""Smallest expected number of latents of a bank that show what is wanted, and that do not."""
ROUNDING: Final = 1e-9
"""Smallest distance of two means relative to the largest number of the bank."""
WIDTHS: Final = (0.05, 200.0)
"""Range of the width of the kernel around a sample, in standard deviations."""
HALVINGS: Final = 24


@dataclass(frozen=True, eq=False)
class BankMove:
    """Ways from the latents of a bank that do not show what is wanted to those that do.

    Attributes:
        values: the bank's latents, float64.
        shown: r of each.
        vectors: displacement of strength 1 of each way that is the same for all samples, by name.
        moving: 1 for coordinates that may move, 0 for the others.
        near: effective number of latents around a sample whose means make a way of its own; 0 for
            no such way.
        unit: unit of a strength.
    """

    values: Float[Tensor, "members dim"]
    shown: Float[Tensor, " members"]
    vectors: Mapping[str, Float[Tensor, " dim"]]
    moving: Float[Tensor, " dim"]
    near: float
    unit: str

    @property
    def ways(self) -> int:
        """Number of ways."""
        return len(self.vectors) + (self.near > 0)

    def paths(
        self, start: Float[Tensor, "batch dim"], rng: SampleRng, most: float, grid: int
    ) -> dict[str, MovePath]:
        """Returns a line per way."""
        found = {name: line(start, vector[None]) for name, vector in self.vectors.items()}
        if self.near > 0 and len(start):
            # Each row by itself: its bits do not depend on the batch.
            own = torch.stack([self._near(row) for row in start.double().cpu()])
            found["near"] = line(start, own)
        return found

    def _near(self, z: Tensor) -> Tensor:
        """Returns the displacement by the means of the latents around a sample.

        Distances leave out the main direction, along which the sample is to move.
        """
        spread = self.values.std(dim=0)
        scale = self.moving / torch.where(spread > 0, spread, 1)
        offset = (self.values - z) * scale
        main = self.vectors["mean"].double() * scale
        main = main / main.norm()
        distances = (offset - (offset @ main)[:, None] * main).square().sum(dim=1)
        sides = (self.shown.log(), (-self.shown).log1p())
        means = [_weights(side, distances, self.near) @ self.values for side in sides]
        return _strength_1((means[0] - means[1]) * self.moving, self.values)


@torch.no_grad()
def bank_mean(
    bank: LatentBank,
    condition: FewShot,
    generator: Generator,
    *,
    modes: int = 6,
    near: float = 20.0,
) -> BankMove:
    """Returns the ways of a bank: the classifier-weighted mean shift, and refinements of it.

    * `mean`: the mean of the latents weighted by r minus the mean weighted by 1 - r.
    * `mode 1` and so on: the same with one of the modes of the latents that show what is wanted
      (see `core.d2c.modes`). The mean over beards of all colours is no beard that a decoder draws.
    * `near`: the same with weights that also fall with the distance from the sample. What it
      leads from is then what the sample shows, such as the colour of its background.

    A strength counts standard deviations of the bank's latents along the way. Unlike the normal
    of the classifier's boundary, a way is a difference of existing latents, so the decoder
    draws it. For whitened normal latents `mean` and the normal are parallel.

    Args:
        bank: latents of the generator: draws of a prior, encoded images, pairs.
        condition: the few-shot condition.
        generator: of both.
        modes: largest number of modes; below 2 for none.
        near: effective number of latents of each mean around a sample; 0 for no such way.

    Raises:
        GeneratorMismatch: a bank or a condition of another generator.
        InvalidInput: a bank with too few latents that show what is wanted, or that do not.
    """
    bank.check(generator)
    condition.check(generator)
    values = bank.values.double()
    r = condition.probability(values)
    shown, rest = float(r.sum()), float((1 - r).sum())
    if not min(shown, rest) >= LEAST_SHOWN:
        raise InvalidInput(
            f"Of the bank of {bank} about {shown:.3g} show {condition.name} and {rest:.3g} do "
            f"not; at least {LEAST_SHOWN:g} of each are needed. Take a larger bank, or one of "
            "images with and without it."
        )
    moving = moving_coordinates(generator)
    from_mean = ((1 - r) / (1 - r).sum()) @ values
    members = {"mean": r}
    found = modes_of(values[:, moving > 0], r, modes)
    members |= {f"mode {number}": own for number, own in enumerate(found, start=1)}
    vectors: dict[str, Tensor] = {}
    for name, weights in members.items():
        difference = ((weights / weights.sum()) @ values - from_mean) * moving
        if not difference.norm() > ROUNDING * values.abs().max():
            raise InvalidInput(
                f"The latents of the bank of {bank} do not differ in {condition.name}: their "
                "means are equal. Take a bank of different latents."
            )
        vectors[name] = _strength_1(difference, values).float()
    unit = f"standard deviations of {bank.source}"
    return BankMove(values, r, vectors, moving, near, unit)


def _strength_1(difference: Tensor, values: Tensor) -> Tensor:
    """Returns the vector along a difference whose length is the deviation of latents along it."""
    direction = difference / difference.norm().clamp_min(torch.finfo(difference.dtype).tiny)
    return (values @ direction).std() * direction


def _weights(log_shares: Tensor, distances: Tensor, effective: float) -> Tensor:
    """Returns weights of sum 1 that fall with the distance, with this effective number.

    They are those of a normal kernel whose width is found by bisection. Where even the widest
    kernel has fewer, it is taken.
    """

    def at(width: float) -> Tensor:
        return (log_shares - distances / (2 * width**2)).softmax(dim=0)

    low, high = WIDTHS
    for _ in range(HALVINGS):
        middle = math.sqrt(low * high)
        if float(1 / at(middle).square().sum()) < effective:
            low = middle
        else:
            high = middle
    return at(high)
