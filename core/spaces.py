"""Domains of points: latent spaces of named blocks, images, and the maps between them."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal, Protocol, TypeAlias, runtime_checkable

import torch
from jaxtyping import Float
from torch import Tensor, nn

from .errors import DomainMismatch, InvalidInput
from .rng import SampleRng

__all__ = [
    "IMAGES",
    "Block",
    "Domain",
    "Identity",
    "Images",
    "Map",
    "Role",
    "Space",
    "nearest_shares",
]

ROUNDING = 1e-6
"""Tolerance of a sum of shares around 1, times the root of their number."""


def nearest_shares(v: Float[Tensor, "*batch shares"]) -> Float[Tensor, "*batch shares"]:
    """Projects rows onto the simplex; differentiable.

    The result is max(v - t, 0) with the t that makes the row sum to 1, found by sorting (Duchi et
    al., ICML 2008, figure 1). Rows that are already shares, up to rounding, are returned bit for
    bit.

    Args:
        v: finite numbers; non-finite rows give non-finite rows.
    """
    ordered = v.sort(dim=-1, descending=True).values
    excess = ordered.cumsum(dim=-1) - 1
    count = torch.arange(1, v.shape[-1] + 1, device=v.device)
    # The coordinates that stay positive are a prefix of the sorted ones; the largest always does.
    kept = (ordered * count > excess).sum(dim=-1, keepdim=True).clamp_min(1)
    level = excess.gather(-1, kept - 1) / kept
    nearest = (v - level).clamp_min(0)
    off = (v.sum(dim=-1, keepdim=True) - 1).abs()
    already = (off <= ROUNDING * v.shape[-1] ** 0.5) & (v >= 0).all(dim=-1, keepdim=True)
    return torch.where(already, v, nearest)


Role: TypeAlias = Literal["latent", "class", "weights"]
"""Role of a block: rendered latent, class (embedding or class shares), or weights of a basis."""


@dataclass(frozen=True)
class Block:
    """A named part of a latent.

    Attributes:
        name: unique in its space.
        shape: shape of one sample.
        low: smallest value that the generator accepts, in latent units.
        high: largest value that the generator accepts.
        shares: whether the numbers along the last axis are shares: at least 0, with sum 1.
        role: role of the numbers.

    Raises:
        InvalidInput: bounds in the wrong order, or shares whose bounds are not 0 and 1.
    """

    name: str
    shape: tuple[int, ...]
    low: float = -math.inf
    high: float = math.inf
    shares: bool = False
    role: Role = "latent"

    def __post_init__(self) -> None:
        if not self.low < self.high:
            raise InvalidInput(
                f"Block {self.name!r}: low {self.low} is not below high {self.high}."
            )
        if self.shares and (self.low, self.high) != (0, 1):
            raise InvalidInput(
                f"Block {self.name!r} holds shares, whose bounds are 0 and 1; got {self.low} and "
                f"{self.high}."
            )

    @property
    def size(self) -> int:
        """Number of coordinates of one sample."""
        return math.prod(self.shape)


@dataclass(frozen=True)
class Space:
    """A latent space: flat vectors for algorithms, named blocks for generators."""

    blocks: tuple[Block, ...]

    def __post_init__(self) -> None:
        names = [block.name for block in self.blocks]
        if len(set(names)) != len(names):
            raise InvalidInput(f"Two blocks of one space share a name: {names}.")

    @property
    def dim(self) -> int:
        """Number of coordinates of a point."""
        return sum(block.size for block in self.blocks)

    def __str__(self) -> str:
        return " + ".join(f"{b.name}{list(b.shape)}" for b in self.blocks)

    def block(self, name: str) -> Block:
        """Returns the block of that name."""
        for block in self.blocks:
            if block.name == name:
                return block
        raise InvalidInput(f"No block {name!r} in this space. There are: {self}.")

    def alike(self, other: "Space") -> bool:
        """Whether both have blocks of the same names and shapes; bounds may differ."""
        return [(b.name, b.shape) for b in self.blocks] == [
            (b.name, b.shape) for b in other.blocks
        ]

    def slices(self) -> dict[str, slice]:
        """Returns the slice of each block in the flat vector."""
        found: dict[str, slice] = {}
        start = 0
        for block in self.blocks:
            found[block.name] = slice(start, start + block.size)
            start += block.size
        return found

    def split(self, v: Float[Tensor, "batch dim"]) -> dict[str, Tensor]:
        """Splits flat points into blocks, each (batch, *shape)."""
        self.check(v)
        slices = self.slices()
        return {b.name: v[:, slices[b.name]].reshape(-1, *b.shape) for b in self.blocks}

    def join(self, parts: Mapping[str, Tensor]) -> Float[Tensor, "batch dim"]:
        """Joins blocks to flat points."""
        if set(parts) != {block.name for block in self.blocks}:
            raise DomainMismatch(f"Blocks {sorted(parts)} given; this space has {self}.")
        return torch.cat([parts[b.name].reshape(-1, b.size) for b in self.blocks], dim=1)

    def clamp(self, v: Float[Tensor, "batch dim"]) -> Float[Tensor, "batch dim"]:
        """Projects points onto the bounds of each block, and shares onto sum 1."""
        if all(math.isinf(b.low) and math.isinf(b.high) for b in self.blocks):
            return v
        parts = self.split(v)
        return self.join({b.name: _within(b, parts[b.name]) for b in self.blocks})

    def share(self, v: Float[Tensor, "batch dim"]) -> Float[Tensor, "batch dim"]:
        """Projects shares onto sum 1; all other blocks stay unchanged."""
        if not any(b.shares for b in self.blocks):
            return v
        parts = self.split(v)
        shared = {b.name: nearest_shares(parts[b.name]) for b in self.blocks if b.shares}
        return self.join(parts | shared)

    def check(self, v: Tensor) -> None:
        """Checks the shape of points."""
        if v.ndim != 2 or v.shape[1] != self.dim:
            raise DomainMismatch(
                f"Points of shape {tuple(v.shape)} given; expected (batch, {self.dim}) for {self}."
            )


def _within(block: Block, part: Tensor) -> Tensor:
    return nearest_shares(part) if block.shares else part.clamp(block.low, block.high)


@dataclass(frozen=True)
class Images:
    """Images of any size, (batch, 3, height, width), values in [0, 1]."""

    def __str__(self) -> str:
        return "images"


IMAGES: Final = Images()
Domain: TypeAlias = Space | Images


@runtime_checkable
class Map(Protocol):
    """A frozen map from a latent space to another, or to images."""

    @property
    def source(self) -> Space:
        """The domain of its arguments."""
        ...

    @property
    def target(self) -> Domain:
        """The domain of its values."""
        ...

    @property
    def modules(self) -> tuple[nn.Module, ...]:
        """The networks it calls, so that they can be moved between devices."""
        ...

    def __call__(self, v: Tensor, rng: SampleRng) -> Tensor:
        """Returns the values at the points v, row by row."""
        ...


@dataclass(frozen=True)
class Identity:
    """The identity chart."""

    source: Space
    modules: tuple[nn.Module, ...] = ()

    @property
    def target(self) -> Space:
        """The space itself."""
        return self.source

    def __call__(self, v: Tensor, rng: SampleRng) -> Tensor:
        """Returns the points themselves."""
        return v

    def __str__(self) -> str:
        return "identity"
