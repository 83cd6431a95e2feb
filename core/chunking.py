"""Row-wise work in chunks: how many samples a network sees at a time."""

import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

import torch
from torch import Tensor

from .devices import SMALL_IMAGE
from .errors import InvalidInput
from .rng import SampleRng

__all__ = ["ALL_AT_ONCE", "ONE_BY_ONE", "ChunkMode", "Chunking"]

ChunkMode: TypeAlias = Literal["fixed", "fast"]
Group: TypeAlias = Sequence[int | None]
"""The row at every place of a chunk; None where there is none."""
PIXELS_AT_ONCE = 1 << 20
"""Pixels of one fast chunk: a few hundred megabytes of activations in the usual generators."""


@dataclass(frozen=True)
class Chunking:
    """How many rows a network sees at a time, and where among them each stands.

    The kernels that a library picks for an operation depend on its shape, and the last bits of a
    row's result on where the row stands in it: on its place, but never on the neighbours' values.
    So a fixed chunk has the same shape at every call, and a row the same place in it: the number
    that the row goes by, modulo the chunk's size. Rows that would share a place go into different
    chunks, and places without a row are filled with a copy of one. A sample's result is then the
    same alone, moved or in any batch, on every machine with deterministic kernels.

    Rows 0 to n - 1 make ceil(n / size) chunks, and so do any n numbers in a row; numbers that
    leave the same remainder, such as samples 0, 8 and 16, make a chunk each.

    Attributes:
        size: rows at a time.
        padded: whether chunks are fixed so; else they are spans of rows, the last one shorter.
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
        """First and last row of chunks of rows that need no place: those of one list, in order."""
        for first in range(0, rows, self.size):
            yield first, min(first + self.size, rows)

    def groups(self, names: Sequence[int]) -> list[Group]:
        """The rows of every chunk, in order; None where a place is to be filled.

        Args:
            names: the numbers that the rows go by.
        """
        if not self.padded:
            return [range(first, last) for first, last in self.spans(len(names))]
        chunks: list[list[int | None]] = []
        taken: Counter[int] = Counter()
        for row, name in enumerate(names):
            place = name % self.size
            # The first chunk in which this place is free.
            if taken[place] == len(chunks):
                chunks.append([None] * self.size)
            chunks[taken[place]][place] = row
            taken[place] += 1
        return [*chunks]

    def apply(
        self, function: Callable[[Tensor], Tensor], v: Tensor, names: Sequence[int] | None = None
    ) -> Tensor:
        """The row-wise function of v, chunk by chunk.

        Args:
            function: of some rows.
            v: all rows.
            names: the numbers that the rows go by: `rng.names` of samples; None for what has no
                name, such as a list of images, whose places then are those of the list.
        """
        known = range(len(v)) if names is None else names
        return self._joined(known, lambda group: (function(self._filled(v, group)),))[0]

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
            rng: a stream and a name per row.
            report: called after each chunk with the rows done; may raise to stop.
        """

        def of(group: Group) -> tuple[Tensor, ...]:
            return function(self._filled(v, group), rng.taken(group))

        return self._joined(rng.names, of, report)

    def _joined(
        self,
        names: Sequence[int],
        of: Callable[[Group], tuple[Tensor, ...]],
        report: Callable[[int], None] = lambda rows: None,
    ) -> tuple[Tensor, ...]:
        """A function's values for all groups, back in the rows' order."""
        parts: list[tuple[Tensor, ...]] = []
        order: list[int] = []
        for group in self.groups(names):
            kept = [place for place, row in enumerate(group) if row is not None]
            parts.append(tuple(_picked(value, kept) for value in of(group)))
            order += [row for row in group if row is not None]
            report(len(order))
        back = sorted(range(len(order)), key=order.__getitem__)
        return tuple(_picked(torch.cat(column), back) for column in zip(*parts, strict=True))

    def _filled(self, v: Tensor, group: Group) -> Tensor:
        own = [row for row in group if row is not None]
        if len(own) == len(group) and own == list(range(own[0], own[0] + len(own))):
            # Copied always: some kernels look at where a tensor begins in memory, and one that was
            # read from a file begins elsewhere than one that was computed.
            return v[own[0] : own[-1] + 1].clone(memory_format=torch.contiguous_format)
        return torch.stack([v[own[-1] if row is None else row] for row in group])


def _picked(rows: Tensor, which: Sequence[int]) -> Tensor:
    """Some rows, in this order. By slices: a list as an index would wait for an accelerator."""
    if which == list(range(len(which))):
        return rows if len(which) == len(rows) else rows[: len(which)]
    return torch.stack([rows[row] for row in which])


ALL_AT_ONCE = Chunking(sys.maxsize, padded=False)
"""For functions whose rows depend on each other."""
ONE_BY_ONE = Chunking(1, padded=True)
"""For what is cheap by the row, and for rows without a name that should not depend on others."""
