"""Latents of BigGAN: a truncated normal z and a class."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional

from ...devices import placed
from ...rng import SampleRng
from ...spaces import Block
from ..truncated import LIMIT, truncated_normal

__all__ = ["ClassCodes", "TruncatedWithClass"]


@dataclass(frozen=True, eq=False)
class ClassCodes:
    """Classes of a generator.

    Attributes:
        count: number of classes.
        table: class embeddings, (classes, embedding); None if the generator takes class shares.
    """

    count: int
    table: Tensor | None

    def block(self) -> Block:
        """Block of the latent: an embedding, or shares that sum to 1."""
        if self.table is None:
            return Block("c", (self.count,), 0.0, 1.0, shares=True, role="class")
        return Block("y", (self.table.shape[1],), role="class")

    def vectors(self, y: Tensor) -> Float[Tensor, "batch class"]:
        """Points in the block for class numbers (batch,) or shares (batch, classes)."""
        if not y.is_floating_point():
            y = functional.one_hot(y.long(), self.count).float()
        return y if self.table is None else y @ self.table.to(y)


@dataclass(frozen=True, eq=False)
class TruncatedWithClass:
    """Prior of psi times a normal truncated to [-2, 2], and of a uniformly drawn class.

    Attributes:
        latent: length of z.
        classes: classes of the generator.
        psi: truncation of the papers, in (0, 1].
    """

    latent: int
    classes: ClassCodes
    psi: float = 1.0

    def sample(self, rng: SampleRng, like: Tensor) -> Float[Tensor, "batch dim"]:
        """Draws one point per row of rng."""
        z, drawn = self._drawn(rng)
        numbers = (drawn * self.classes.count).long().clamp(max=self.classes.count - 1)
        return placed(torch.cat([z, self.classes.vectors(numbers)], dim=1), like)

    @property
    def class_count(self) -> int:
        """Number of classes."""
        return self.classes.count

    def sample_of(
        self, classes: Int[Tensor, " batch"], rng: SampleRng, like: Tensor
    ) -> Float[Tensor, "batch dim"]:
        """Draws the same points as `sample`, with given class numbers."""
        z, _ = self._drawn(rng)
        return placed(torch.cat([z, self.classes.vectors(classes)], dim=1), like)

    def _drawn(self, rng: SampleRng) -> tuple[Tensor, Tensor]:
        """Draws z and the number in [0, 1) that decides the class."""
        uniform = rng.uniform(self.latent + 1, like=torch.empty(0, dtype=torch.float64))
        return self.psi * truncated_normal(uniform[:, :-1]), uniform[:, -1]

    @property
    def limit(self) -> float:
        """Largest absolute value of z under the prior."""
        return LIMIT * self.psi

    @property
    def log_density(self) -> Callable[[Tensor], Tensor]:
        """Log p(z) per row: -inf beyond the limit; a class counts log(1 / classes) everywhere."""

        def evaluate(v: Float[Tensor, "batch dim"]) -> Float[Tensor, " batch"]:
            each = math.log(self.psi * math.sqrt(2 * math.pi) * math.erf(LIMIT / math.sqrt(2)))
            found = -self.potential(v) - self.latent * each - math.log(self.classes.count)
            # The margin keeps points on the limit inside, however psi is rounded.
            most = self.limit * (1 + 1e-6)
            inside = (v[:, : self.latent].abs() <= most).all(dim=1)
            return torch.where(inside, found, -torch.inf)

        return evaluate

    def potential(
        self, z: Float[Tensor, "batch dim"], scale: float = 1.0
    ) -> Float[Tensor, " batch"]:
        """|z|^2 / (2 (scale psi)^2) per row; the class does not count."""
        return z[:, : self.latent].square().sum(dim=1) / (2 * (scale * self.psi) ** 2)

    def __str__(self) -> str:
        truncated = f"{self.psi:g} x truncnorm[-{LIMIT:g}, {LIMIT:g}]"
        return f"z ~ {truncated}; one of {self.classes.count} classes, all alike"
