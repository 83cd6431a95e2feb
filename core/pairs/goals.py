"""Edit directions of single samples: from what a sample shows to what is wanted.

One direction for all samples is the mean over what they show instead. From purple to green and
from yellow to green are different moves, and the mean of both is neither. Here the move follows
from the condition of the sample, by linear regressions over pairs, and again from the condition
that it leads to, as the encoders of ReStyle (Alaluf et al. 2021) invert images step by step.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from ..errors import InvalidInput
from .contrast import Contrast
from .scores import TINY, ScoreKind

__all__ = ["ContrastGoal", "contrast_goals"]

RIDGE = 1e-3
"""Ridge of the regressions, relative to the mean variance of their inputs."""
RANK = 1e-6
"""Relative size below which combinations of shares count as constant."""
LEAST_SIGNAL = 2.0
"""Smallest explained variance of the latents, in units of its expectation for unrelated shares."""


@dataclass(frozen=True)
class ContrastGoal:
    """The move of a sample's latents from what it shows to what is wanted, the rest unchanged.

    A condition c has shares q(c), the probabilities of the texts (`Contrast.shares`), and features
    phi(c): its unit row for cosines, log probabilities for classifiers. The rest of the image is
    what the shares do not explain, r(c) = phi(c) - q(c) B, where B is the regression of features
    on shares. A sample that started with the rest r_0 and shows c moves along

        ((1, 0, ..., 0) - q(c)) S + (r_0 - r(c)) R,

    the move m that minimises m C^-1 m / 2 - m C^-1 d + keep |m J - (r_0 - r(c))|^2 / 2 s for the
    shares' move d = ((1, 0, ..., 0) - q(c)) D. Here D is the regression of latents on shares: for
    shares of 0 and 1, d is the mean of the latents that show what is wanted minus the mean of
    those that show the same as the sample. C is the covariance of the latents, J the regression of
    the rest on latents, and s the mean eigenvalue of J J^T C. With a large `keep` the rest stays
    or returns, as far as it is linear in the latents.

    Some edits change the rest by necessity: a hat hides the hair. So there is also a loose goal,
    with S = D and R = 0.

    Attributes:
        contrast: the texts.
        explained: B.
        shares: S.
        rest: R.
        covariance: C, 0 for coordinates that stay.
    """

    contrast: Contrast
    explained: Float[Tensor, "shares embed"]
    shares: Float[Tensor, "shares dim"]
    rest: Float[Tensor, "embed dim"]
    covariance: Float[Tensor, "dim dim"]

    def rest_of(self, condition: Float[Tensor, " embed"]) -> Float[Tensor, " embed"]:
        """Returns r(c), what the shares of a condition do not explain."""
        return self._seen(condition)[1]

    def towards(
        self, rest: Float[Tensor, " embed"], condition: Float[Tensor, " embed"]
    ) -> Float[Tensor, " dim"]:
        """Returns the move of a sample, one standard deviation of the latents long.

        It is 0 where a condition is 0 or not finite.

        Args:
            rest: r_0, from `rest_of`.
            condition: what the sample shows now.
        """
        q, now = self._seen(condition)
        missing = torch.eye(1, len(q), dtype=q.dtype)[0] - q
        move = missing @ self.shares + (rest - now) @ self.rest
        # One deviation of the latents along it: u (u C u)^1/2 for its unit vector u.
        deviation = (move @ self.covariance @ move).clamp_min(0).sqrt()
        return torch.nan_to_num(move * deviation / (move @ move), 0.0, 0.0, 0.0)

    def _seen(self, condition: Tensor) -> tuple[Tensor, Tensor]:
        """Returns q(c) and r(c)."""
        q = self.contrast.shares(condition[None])[0]
        features = _features(self.contrast.scorers[0].kind, condition[None])[0]
        return q, features - q @ self.explained


@torch.no_grad()
def contrast_goals(
    blocks: Iterable[tuple[Tensor, Tensor]],
    contrast: Contrast,
    moving: Float[Tensor, " dim"],
    keep: float,
) -> tuple[ContrastGoal, ContrastGoal]:
    """Returns the loose goal of a contrast, and the one that keeps the rest, from sums over pairs.

    Args:
        blocks: latents (rows, dim) and conditions (rows, embed), some pairs at a time, on the CPU.
            Pairs with unusable conditions are left out.
        contrast: the texts.
        moving: 1 for coordinates that may move, 0 for others.
        keep: weight of keeping the rest, at least 0.

    Raises:
        InvalidInput: a negative `keep`, or shares on which the latents do not depend.
    """
    if not 0 <= keep < float("inf"):
        raise InvalidInput(f"A weight of keeping of {keep:g}; expected a number of at least 0.")
    sums = _Sums.of(blocks, contrast, moving)
    covariance = sums.of_latents
    inverse = torch.linalg.pinv(sums.of_shares, rtol=RANK, hermitian=True)
    _check_related(sums, inverse)
    explained = inverse @ sums.shares_features
    rest = sums.latents_features - sums.latents_shares @ explained
    slope = _ridged(covariance, rest)
    overlap = slope.T @ rest
    scale = keep / (overlap.trace() / moving.sum()).clamp_min(torch.finfo(torch.float64).tiny)
    # By Woodbury's identity: a system of the conditions' size.
    inner = torch.eye(len(overlap), dtype=torch.float64) + scale * overlap
    held = torch.linalg.solve(inner, rest.T)
    shares = inverse @ sums.latents_shares.T
    loose = ContrastGoal(contrast, explained, shares, torch.zeros_like(held), covariance)
    tight = replace(loose, shares=shares - scale * (shares @ slope) @ held, rest=scale * held)
    return loose, tight


@dataclass(frozen=True)
class _Sums:
    """Covariances among latents, features and shares of pairs.

    Attributes:
        count: number of usable pairs.
        dim: length of the latents.
        width: length of the features.
        all: covariance of latents, features and shares in a row; 0 for latents that stay.
        contrast: the texts.
    """

    count: int
    dim: int
    width: int
    all: Float[Tensor, "row row"]
    contrast: Contrast

    @classmethod
    def of(
        cls, blocks: Iterable[tuple[Tensor, Tensor]], contrast: Contrast, moving: Tensor
    ) -> "_Sums":
        count = width = 0
        total = products = torch.zeros((), dtype=torch.float64)
        kind = contrast.scorers[0].kind
        for latents, conditions in blocks:
            phi = _features(kind, conditions)
            row = torch.cat([latents.double() * moving, phi, contrast.shares(conditions)], dim=1)
            row = row[row.isfinite().all(dim=1)]
            count, width = count + len(row), phi.shape[1]
            total = total + row.sum(dim=0)
            products = products + row.T @ row
        mean = total / count
        return cls(count, len(moving), width, products / count - mean[:, None] * mean, contrast)

    @property
    def of_latents(self) -> Tensor:
        return self.all[: self.dim, : self.dim]

    @property
    def of_shares(self) -> Tensor:
        return self.all[-self._shares :, -self._shares :]

    @property
    def latents_features(self) -> Tensor:
        return self.all[: self.dim, self.dim : -self._shares]

    @property
    def latents_shares(self) -> Tensor:
        return self.all[: self.dim, -self._shares :]

    @property
    def shares_features(self) -> Tensor:
        return self.all[-self._shares :, self.dim : -self._shares]

    @property
    def _shares(self) -> int:
        return len(self.all) - self.dim - self.width


def _features(kind: ScoreKind, conditions: Float[Tensor, "rows embed"]) -> Tensor:
    """Returns the features of conditions; NaN where one is 0 or not finite."""
    rows = conditions.double()
    if kind == "probability":
        return rows.clamp_min(TINY).log()
    return torch.where((rows != 0).any(dim=1, keepdim=True), functional.normalize(rows), torch.nan)


def _ridged(covariance: Tensor, cross: Tensor) -> Tensor:
    """Returns the coefficients of a regression, from covariances."""
    ridge = RIDGE * covariance.diagonal().mean()
    return torch.linalg.solve(covariance + ridge * torch.eye(len(covariance)).double(), cross)


def _check_related(sums: _Sums, inverse: Tensor) -> None:
    """Checks that shares explain more of the latents than by chance.

    For independent shares and latents, count times the explained share of a latent's variance is
    about the rank of the shares.
    """
    rank = int(torch.linalg.matrix_rank(sums.of_shares, rtol=RANK, hermitian=True))
    scale, cross = sums.of_latents.diagonal(), sums.latents_shares
    moving = scale > 0
    share = ((cross @ inverse * cross).sum(dim=1)[moving] / scale[moving]).mean()
    found = float(sums.count * share) / max(rank, 1)
    if not found > LEAST_SIGNAL:
        raise InvalidInput(
            f"{sums.contrast}: the latents do not depend on the texts more than by chance "
            f"({found:.2f} times, at least {LEAST_SIGNAL:g} needed). The generator does not show "
            "the difference, or there are too few pairs."
        )
