"""Energies of noise: how little a latent looks like a draw of N(0, I)."""

import math
from collections.abc import Callable

import torch
from einops import rearrange
from jaxtyping import Float
from torch import Tensor

from ..devices import numbers_on
from ..energy import Energy
from ..errors import InvalidInput
from ..rng import SampleRng
from ..spaces import Block, Space
from ..terms import Term
from .example import EnergyExample

__all__ = ["EXAMPLE", "PATTERNS_EXAMPLE", "noise_norm", "noise_patterns"]

PIECE = 4
PERMUTATIONS = 20
LEAST = 1e-12
"""Squared norm at which the logarithm ends."""


def noise_norm(space: Space) -> Energy:
    """The energy |z|^2 / 2 - (d - 1) log |z| of each block, minus its value at the minimum.

    ReNO's regulariser (arXiv 2406.04312, section 3), used with weight 0.01: minus the log density
    of the norm of z under N(0, I), up to a constant. It is least at |z| = sqrt(d - 1), where
    almost all draws lie; `prior_energy` instead pulls towards 0, where there are none.

    Args:
        space: latent space of normal blocks.

    Raises:
        InvalidInput: a block that is not normal.
    """
    _check(space)

    def evaluate(z: Tensor, rng: SampleRng) -> Tensor:
        return _summed(space, z, _norm)

    return Energy.of(Term(label="noise norm", domain=space, evaluate=evaluate))


def _norm(z: Float[Tensor, "batch dim"]) -> Float[Tensor, " batch"]:
    free = z.shape[1] - 1
    square = z.square().sum(dim=1)
    # The least value is that of a norm of sqrt(d - 1).
    least = 0.5 * free - 0.5 * free * math.log(free) if free > 0 else 0.0
    return 0.5 * square - 0.5 * free * square.clamp_min(LEAST).log() - least


def noise_patterns(
    space: Space, *, piece: int = PIECE, permutations: int = PERMUTATIONS
) -> Energy:
    """The energy -log p of patterns in noise, of Direct Noise Optimization (arXiv 2405.18881).

    A block of d numbers is cut into m = d / k pieces of k. Under N(0, I) the pieces' mean and
    covariance concentrate at 0 and I: with M1 = |mean| and M2 = |cov - I|_2,
    log p1 = min(-log 2, -m M1^2 / (2 k)) and
    log p2 = min(-log 2, -m max(sqrt(1 + M2) - 1 - sqrt(k / m), 0)^2 / 2) bound their probability.
    The energy is -(log p1 + log p2) in the order of the numbers plus its mean over random orders.
    It sees what the norm does not, such as a tile that repeats. Its least value, that of most
    draws, is 4 log 2 for each block.

    Args:
        space: latent space of normal blocks.
        piece: k, at least 1; the paper takes powers of 4.
        permutations: random orders at each evaluation; the released code takes 100.

    Raises:
        InvalidInput: a number outside its range, a block of fewer than two pieces, or one that is
            not normal.

    Departures: the orders are drawn from the stream of each sample, anew at each evaluation.
    """
    _check(space)
    if piece < 1 or permutations < 0:
        raise InvalidInput(
            f"Pieces of {piece} numbers and {permutations} orders; at least 1 and 0 needed."
        )
    if short := [block.name for block in space.blocks if block.size < 2 * piece]:
        raise InvalidInput(
            f"Block {short[0]!r} has fewer than two pieces of {piece} numbers. Use smaller pieces."
        )

    def evaluate(z: Tensor, rng: SampleRng) -> Tensor:
        def whole(part: Tensor) -> Tensor:
            rows = zip(part, rng.streams, strict=True)
            return torch.stack(
                [_patterns(row, stream, piece, permutations) for row, stream in rows]
            )

        return _summed(space, z, whole)

    label = f"noise patterns({piece}, {permutations} orders)"
    return Energy.of(Term(label=label, domain=space, evaluate=evaluate))


def _patterns(
    z: Float[Tensor, " dim"], stream: torch.Generator, piece: int, permutations: int
) -> Float[Tensor, ""]:
    orders = [torch.randperm(len(z), generator=stream) for _ in range(permutations)]
    places = numbers_on(torch.stack([torch.arange(len(z)), *orders]), z.device)
    kept = len(z) // piece * piece
    pieces = rearrange(z[places[:, :kept]], "order (piece k) -> order piece k", k=piece)
    count = pieces.shape[1]
    mean = torch.linalg.vector_norm(pieces.mean(dim=1), dim=-1)
    covariance = pieces.mT @ pieces / count - torch.eye(piece, device=z.device, dtype=z.dtype)
    # The spectral norm of a symmetric matrix.
    spread = torch.linalg.eigvalsh(covariance).abs().amax(dim=-1)
    beyond = ((1 + spread).sqrt() - 1 - math.sqrt(piece / count)).clamp_min(0)
    usual = -math.log(2)
    first = (-count * mean.square() / (2 * piece)).clamp_max(usual)
    second = (-count * beyond.square() / 2).clamp_max(usual)
    energy = -(first + second)
    return energy[0] if permutations == 0 else energy[0] + energy[1:].mean()


def _summed(space: Space, z: Tensor, of: Callable[[Tensor], Tensor]) -> Tensor:
    parts = [of(z[:, at]) for at in space.slices().values()]
    return torch.stack(parts).sum(dim=0)


def _check(space: Space) -> None:
    def normal(block: Block) -> bool:
        return block.role == "latent" and not block.shares and block.name not in ("w", "w+")

    if wrong := [block.name for block in space.blocks if not normal(block)]:
        raise InvalidInput(
            f"Block {wrong[0]!r} of {space} is not drawn from N(0, I). Use Energy Prior, which "
            "knows every generator's own prior."
        )


def _points() -> Tensor:
    return torch.randn(3, 12, generator=torch.Generator().manual_seed(0))


def _example() -> EnergyExample:
    return EnergyExample(noise_norm(Space((Block("noise", (3, 2, 2)),))), 1.3 * _points())


def _patterns_example() -> EnergyExample:
    # Far from usual noise, where the energy has a slope.
    space = Space((Block("noise", (3, 2, 2)),))
    return EnergyExample(noise_patterns(space, piece=2, permutations=2), 3 + 3 * _points())


EXAMPLE = _example
PATTERNS_EXAMPLE = _patterns_example
