"""Row-wise work in chunks: how many samples a network processes at a time."""

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
"""The row at each place of a chunk; None for an empty place."""
PIXELS_AT_ONCE = 1 << 20
"""Pixels of one fast chunk: some hundred megabytes of activations in usual generators."""


@dataclass(frozen=True)
class Chunking:
    """Number of rows that a network processes at a time, and the place of each among them.

    The kernel that a library selects for an operation depends on its shape. The last bits of a
    row's result depend on the row's place in the batch, but never on the neighbours' values. So a
    fixed chunk has the same shape at every call, and a row always the same place in it: its name
    modulo the chunk's size. Rows that would share a place go into different chunks, and empty
    places are filled with a copy of a row. A sample's result is then the same alone, moved or in
    any batch, on every machine whose kernels are deterministic.

    Rows 0 to n - 1 make ceil(n / size) chunks, and so do any n consecutive names; names with the
    same remainder, such as samples 0, 8 and 16, make one chunk each.

    Attributes:
        size: number of rows at a time.
        padded: whether chunks are fixed in this way; else they are spans of rows, the last one
            shorter.
    """

    size: int
    padded: bool

    @classmethod
    def of(cls, mode: ChunkMode, image_size: tuple[int, int]) -> "Chunking":
        """Returns a mode's chunking: `fixed` repeats bitwise, `fast` uses the largest chunk."""
        if mode == "fixed":
            return cls(8 if max(image_size) <= SMALL_IMAGE else 1, padded=True)
        if mode == "fast":
            return cls(max(1, PIXELS_AT_ONCE // (image_size[0] * image_size[1])), padded=False)
        raise InvalidInput(f"Chunk mode {mode!r}; expected 'fixed' or 'fast'.")

    def spans(self, rows: int) -> Iterator[tuple[int, int]]:
        """Yields the bounds of chunks of rows without places, in the order of a list."""
        for first in range(0, rows, self.size):
            yield first, min(first + self.size, rows)

    def groups(self, names: Sequence[int]) -> list[Group]:
        """Returns the rows of every chunk, in order; None marks a place to fill.

        Args:
            names: names of the rows.
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
        """Applies a row-wise function to v, chunk by chunk.

        Args:
            function: function of some rows.
            v: all rows.
            names: names of the rows: `rng.names` for samples; None for rows without names, such as
                a list of images, which are named by their position.
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
        """Applies row-wise functions that draw from each row's stream to v, chunk by chunk.

        Args:
            function: function of some rows.
            v: all rows.
            rng: one stream and name per row.
            report: called after each chunk with the number of finished rows; may raise to stop.
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
        """Concatenates a function's results for all groups, in the rows' order."""
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
            # Always copied: some kernels depend on a tensor's alignment in memory, which differs
            # between tensors read from a file and computed ones.
            return v[own[0] : own[-1] + 1].clone(memory_format=torch.contiguous_format)
        return torch.stack([v[own[-1] if row is None else row] for row in group])


def _picked(rows: Tensor, which: Sequence[int]) -> Tensor:
    """Selects rows in this order. Slices, because index lists would synchronise an accelerator."""
    if which == list(range(len(which))):
        return rows if len(which) == len(rows) else rows[: len(which)]
    return torch.stack([rows[row] for row in which])


ALL_AT_ONCE = Chunking(sys.maxsize, padded=False)
"""For functions whose rows depend on each other."""
ONE_BY_ONE = Chunking(1, padded=True)
"""For work that is cheap per row, and for unnamed rows that must not depend on each other."""
