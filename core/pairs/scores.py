"""Scores of pairs: how well the conditions of images fit wanted conditions."""

from dataclasses import dataclass
from functools import cached_property
from typing import Literal, TypeAlias

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from ..condition import Condition
from ..errors import ConditionMismatch, InvalidInput

__all__ = ["ScoreKind", "Scorer", "score_kind"]

ScoreKind: TypeAlias = Literal["cosine", "probability"]

SUM = 1e-3
"""Tolerance of the sum of class probabilities around 1."""
SLACK = 16
"""Roundings of a score besides those of the sums over its coordinates."""
COARSE = 2.0**-7
"""Relative error of a product whose factors are rounded to bfloat16."""
TINY = torch.finfo(torch.float32).tiny


def score_kind(condition: Condition) -> ScoreKind:
    """Returns the score that belongs to a condition, the negated energy of its auxiliary.

    Rows of probabilities (at least 0, of sum 1) are those of a classifier. All others are
    embeddings.
    """
    rows = condition.embedding.double()
    shares = bool((rows >= 0).all() and ((rows.sum(dim=1) - 1).abs() <= SUM).all())
    return "probability" if shares else "cosine"


@dataclass(frozen=True)
class Scorer:
    """Scores of conditions against wanted ones, higher is better.

    * `cosine`: cos(f(x), c), TR0N section 5.2.
    * `probability`: sum_j c_j log f_j(x), TR0N section 5.1. For a one-hot c it is log p(c|x).

    Attributes:
        kind: the score.
        wanted: one row per text or class, in float64; unit rows for cosines.
    """

    kind: ScoreKind
    wanted: Float[Tensor, "wanted embed"]

    @classmethod
    def of(cls, condition: Condition) -> "Scorer":
        """Returns the scorer of the rows of a condition, on the CPU.

        Raises:
            InvalidInput: no row, or one that is 0 or not finite.
        """
        rows = condition.embedding.detach().double().cpu()
        usable = rows.isfinite().all(dim=1) & (rows != 0).any(dim=1)
        if not len(rows) or not bool(usable.all()):
            wrong = [condition.labels[row] for row in (~usable).nonzero()[:, 0].tolist()]
            raise InvalidInput(
                f"The condition has no row, or rows that are 0 or not finite: {wrong}. Nothing is "
                "near to them."
            )
        kind = score_kind(condition)
        return cls(kind, functional.normalize(rows, dim=1) if kind == "cosine" else rows)

    def check_width(self, conditions: Tensor) -> None:
        """Raises ConditionMismatch unless conditions have the width of the wanted ones."""
        if conditions.shape[1] != self.wanted.shape[1]:
            raise ConditionMismatch(
                f"The pairs' conditions have {conditions.shape[1]} numbers, the wanted one has "
                f"{self.wanted.shape[1]}. Make pairs with the auxiliary of the condition."
            )

    def exact(
        self, conditions: Float[Tensor, "rows embed"], numbers: Tensor
    ) -> Float[Tensor, " rows"]:
        """Returns the score of each condition against one wanted row, in float64.

        Each row is summed by itself, so its score has the same bits among any others.

        Args:
            conditions: rows of pairs, on the CPU.
            numbers: number of the wanted row of each.
        """
        rows, wanted = conditions.double().contiguous(), self.wanted[numbers]
        if self.kind == "probability":
            return (wanted * rows.clamp_min(TINY).log()).sum(dim=1)
        return (wanted * rows).sum(dim=1) / rows.square().sum(dim=1).sqrt()

    def table(self, conditions: Float[Tensor, "rows embed"]) -> Float[Tensor, "rows wanted"]:
        """Returns all scores in float64, by one matrix product.

        Conditions that are 0 or not finite have the score NaN.
        """
        rows = conditions.double()
        if self.kind == "probability":
            return rows.clamp_min(TINY).log() @ self.wanted.T
        return (rows @ self.wanted.T) / rows.square().sum(dim=1, keepdim=True).sqrt()

    def norms(self, conditions: Float[Tensor, "rows embed"]) -> Float[Tensor, " rows"] | None:
        """Returns what `scores` divides by, in float32; None for probabilities."""
        return torch.linalg.vector_norm(conditions, dim=1) if self.kind == "cosine" else None

    def products(self, conditions: Float[Tensor, "rows embed"]) -> Float[Tensor, "wanted rows"]:
        """Returns the matrix product from which `scores` are computed, in float32.

        Args:
            conditions: rows of pairs, in float32.
        """
        wanted = self._single.to(conditions.device)
        if self.kind == "probability":
            conditions = conditions.clamp_min(TINY).log()
        return wanted @ conditions.T

    def scores(
        self, products: Float[Tensor, "wanted rows"], norms: Float[Tensor, " rows"] | None
    ) -> tuple[Float[Tensor, "wanted rows"], Tensor]:
        """Returns all scores in float32 on the device of the products, and their largest error.

        Conditions that are 0 or not finite have a score that is not finite.

        Args:
            products: `products` of the conditions; overwritten.
            norms: their `norms`.
        """
        rounding = (self.wanted.shape[1] + SLACK) * torch.finfo(torch.float32).eps
        if torch.get_float32_matmul_precision() != "highest":
            rounding += COARSE
        if norms is None:
            return products, rounding * products.abs()
        products /= norms
        return products, products.new_full((len(products), 1), rounding)

    @cached_property
    def _single(self) -> Tensor:
        return self.wanted.float()
