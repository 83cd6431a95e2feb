"""Row-wise work in chunks: how many samples a network sees at a time."""

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal, TypeAlias

import torch
from torch import Tensor

from .errors import InvalidInput
from .rng import SampleRng

__all__ = ["ALL_AT_ONCE", "ChunkMode", "Chunking"]

ChunkMode: TypeAlias = Literal["fixed", "fast"]
SMALL_IMAGE = 64
"""Pixels a side up to which eight samples at a time cost no more than their sum."""
PIXELS_AT_ONCE = 1 << 20
"""Pixels of one fast chunk: a few hundred megabytes of activations in the usual generators."""


@dataclass(frozen=True)
class Chunking:
    """How many rows a network sees at a time.

    The kernels that a library picks for a matrix product depend on its number of rows, and so do
    the last bits of its result. With a fixed size every call has the same number of rows, the last
    chunk padded with its own last row, and a sample's result does not depend on its neighbours.
    With more than one row it may depend, in the last bit, on the place in the chunk for a few odd
    shapes (a linear layer with 2 or 3 outputs, say); with one row at a time on nothing.

    Attributes:
        size: rows at a time.
        padded: whether a shorter last chunk is filled up.
    """

    size: int
    padded: bool

    @classmethod
    def of(cls, mode: ChunkMode, image_size: tuple[int, int]) -> "Chunking":
        """The chunking of a mode: `fixed` repeats to the bit, `fast` uses the largest chunk."""
        if mode == "fixed":
            return cls(8 if max(image_size) <= SMALL_IMAGE else 1, padded=True)
        if mode == "fast":
            return cls(max(1, PIXELS_AT_ONCE // (image_size[0] * image_size[1])), padded=False)
        raise InvalidInput(f"Chunk mode {mode!r} given; there are 'fixed' and 'fast'.")

    def spans(self, rows: int) -> Iterator[tuple[int, int]]:
        """First and last row of every chunk."""
        for first in range(0, rows, self.size):
            yield first, min(first + self.size, rows)

    def apply(self, function: Callable[[Tensor], Tensor], v: Tensor) -> Tensor:
        """The row-wise function of v, chunk by chunk."""
        return torch.cat([function(self._filled(v[i:j]))[: j - i] for i, j in self.spans(len(v))])

    def apply_random(
        self,
        function: Callable[[Tensor, SampleRng], tuple[Tensor, ...]],
        v: Tensor,
        rng: SampleRng,
        report: Callable[[int], None] = lambda rows: None,
    ) -> tuple[Tensor, ...]:
        """The row-wise functions of v that draw from each row's stream, chunk by chunk.

        Args:
            function: of some rows.
            v: all rows.
            rng: a stream per row.
            report: called after each chunk with the rows done; may raise to stop.
        """
        size = self.size if self.padded else None
        parts: list[tuple[Tensor, ...]] = []
        for i, j in self.spans(len(v)):
            values = function(self._filled(v[i:j]), rng.part(i, j, size))
            parts.append(tuple(value[: j - i] for value in values))
            report(j)
        return tuple(torch.cat(column) for column in zip(*parts, strict=True))

    def _filled(self, v: Tensor) -> Tensor:
        missing = self.size - len(v)
        if not self.padded or missing == 0:
            return v.contiguous()
        return torch.cat([v, v[-1:].expand(missing, *v.shape[1:])])


ALL_AT_ONCE = Chunking(sys.maxsize, padded=False)
"""For functions whose rows depend on each other."""
