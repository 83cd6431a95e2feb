"""Pairs in a folder: memory-mapped shards with a manifest."""

from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import accumulate
from pathlib import Path

import torch
from jaxtyping import Float, Int
from torch import Tensor

from ..auxiliary import Auxiliary
from ..errors import ConditionMismatch, InvalidInput
from ..rng import SampleRng
from .manifest import Manifest, read_manifest
from .origin import AuxiliaryRecord
from .pairs import Pairs
from .shards import Shard, shard_fault

__all__ = ["StoredPairs"]

REDRAWN = 4096
"""Latents that are drawn again at a time."""
HELD = 1 << 24
"""Largest number of values of all latents up to which drawn ones are held: 64 MB."""


class StoredPairs(Pairs):
    """Pairs of a folder: read where they are needed, `latents` and `conditions` at every use.

    Opening reads the manifest alone. The hash of a shard is checked when it is first read. Latents
    that the prior draws again are held until `release`, if all of them are few.

    Args:
        folder: folder with a manifest.
        place: which of the stored auxiliaries has the conditions, from 0.
        count: number of drawn pairs to take, the first ones; all if None.

    Attributes:
        folder: the folder.
        manifest: the manifest as it was opened.
        place: which auxiliary.

    Raises:
        CheckpointError: no manifest, or a damaged one; on reading, a missing or damaged shard.
        InvalidInput: no such auxiliary, or no pair.
    """

    folder: Path
    manifest: Manifest
    place: int
    _count: int | None
    _shards: list[Shard]
    _ends: list[int]
    _held: dict[int, Tensor]

    def __init__(self, folder: str | Path, *, place: int = 0, count: int | None = None) -> None:
        self._open(Path(folder), read_manifest(Path(folder)), place, count)

    def _open(self, folder: Path, manifest: Manifest, place: int, count: int | None) -> None:
        origin = manifest.origin
        if not 0 <= place < len(origin.auxiliaries):
            raise InvalidInput(
                f"Auxiliary {place} of the pairs {folder.name!r}; there are "
                f"{len(origin.auxiliaries)}, counted from 0."
            )
        records = [r for r in manifest.shards if count is None or r.first < count]
        opened = [Shard(folder, record, record.numbers(count)) for record in records]
        shards = [shard for shard in opened if len(shard)]
        if not shards:
            raise InvalidInput(
                f"The pairs {folder.name!r} are empty; at least 1 is needed. Make some with "
                "Synthesise Pairs."
            )
        limit = manifest.drawn if count is None else count
        gone = tuple(n for record in records for n in record.dropped if n < limit)
        own: dict[str, object] = {
            "folder": folder,
            "manifest": manifest,
            "place": place,
            "generator": origin.generator,
            "auxiliary": origin.auxiliaries[place].id,
            "origin": replace(origin, auxiliaries=(origin.auxiliaries[place],)),
            "dropped": gone,
            "_count": count,
            "_shards": shards,
            "_ends": list(accumulate(map(len, shards))),
            "_held": {},
        }
        vars(self).update(own)

    def __len__(self) -> int:
        return self._ends[-1]

    @property
    def record(self) -> AuxiliaryRecord:
        """The auxiliary of the conditions."""
        return self.manifest.origin.auxiliaries[self.place]

    @property
    def latents(self) -> Float[Tensor, "pairs dim"]:  # pyright: ignore[reportIncompatibleVariableOverride]
        """All latents, read or drawn again at each use."""
        return self.latents_of(torch.arange(len(self)))

    @property
    def conditions(self) -> Float[Tensor, "pairs embed"]:  # pyright: ignore[reportIncompatibleVariableOverride]
        """All conditions, read at each use."""
        return self._rows(0, len(self))

    def loaded(self) -> Pairs:
        """Returns the same pairs in memory."""
        own = (self.generator, self.auxiliary, self.origin, self.dropped)
        return Pairs(self.latents, self.conditions.clone(), *own)

    def of_auxiliary(self, auxiliary: Auxiliary) -> "StoredPairs":
        """Returns the same pairs with the conditions of another stored auxiliary.

        Raises:
            ConditionMismatch: the pairs have no conditions of it; the message lists theirs.
        """
        wanted, there = AuxiliaryRecord.of(auxiliary), self.manifest.origin.auxiliaries
        for place, record in enumerate(there):
            if record.alike(wanted):
                return self._view(place)
        names = ", ".join(repr(record.name) for record in there)
        raise ConditionMismatch(
            f"The pairs {self.folder.name!r} have no conditions of {auxiliary.name!r} "
            f"({auxiliary.id[:12]}) with its settings. They have those of {names}. "
            f"Load one of these, or make pairs with {auxiliary.name!r}."
        )

    def _view(self, place: int) -> "StoredPairs":
        found = object.__new__(StoredPairs)
        found._open(self.folder, self.manifest, place, self._count)
        return found

    def blocks(self, size: int) -> Iterator[tuple[int, Float[Tensor, "rows embed"]]]:
        """Yields the conditions in order, `size` at a time, each with its first pair's number."""
        for first in range(0, len(self), size):
            yield first, self._rows(first, min(first + size, len(self)))

    def pieces(
        self, first: int, last: int, size: int, *, shared: bool = False
    ) -> Iterator[Float[Tensor, "rows embed"]]:
        """See `Pairs`."""
        room = torch.empty(size, self.record.width) if shared else None
        for shard, begin, end in self._spans(first, last):
            yield from shard.pieces(self.place, begin, end, size, room)

    def conditions_of(self, numbers: Int[Tensor, " rows"]) -> Float[Tensor, "rows embed"]:
        """Returns the conditions of the pairs with the given numbers."""
        rows = self._checked(numbers)
        return self._gathered(
            rows, self.record.width, lambda shard, own: shard.conditions_of(self.place, own)
        )

    def latents_of(self, numbers: Int[Tensor, " rows"]) -> Float[Tensor, "rows dim"]:
        """Returns the latents of the pairs with the given numbers."""
        rows = self._checked(numbers)
        dim = self.manifest.origin.dim
        first, last = (int(rows[0]), int(rows[-1]) + 1) if len(rows) else (0, 0)
        consecutive = len(rows) > 0 and bool((rows.diff() == 1).all())
        if self.manifest.latents == "seed":
            few = len(self) * dim <= HELD and consecutive and len(rows) >= REDRAWN
            return self._drawn_once(first, last) if few else self._redrawn(rows.tolist())
        if consecutive:
            spans = self._spans(first, last)
            return torch.cat([shard.latents()[begin:end] for shard, begin, end in spans]).float()
        return self._gathered(rows, dim, lambda shard, own: shard.latents()[own])

    def release(self) -> None:
        """Unmaps the files, whose pages count as memory of the process while they are mapped.

        Drawn latents are no longer held.
        """
        self._held.clear()
        for shard in self._shards:
            shard.release()

    def verify(self) -> dict[str, str]:
        """Returns what is wrong with each missing or damaged shard, by file; reads them all."""
        found = {s.record.file: shard_fault(self.folder, s.record) for s in self._shards}
        return {file: fault for file, fault in found.items() if fault}

    def _rows(self, first: int, last: int) -> Tensor:
        parts = [s.conditions(self.place, *span) for s, *span in self._spans(first, last)]
        return parts[0] if len(parts) == 1 else torch.cat(parts)

    def _spans(self, first: int, last: int) -> Iterator[tuple[Shard, int, int]]:
        """Yields the shards of consecutive pairs, each with the bounds of its rows."""
        for place in range(bisect_right(self._ends, first), len(self._shards)):
            begin = self._ends[place] - len(self._shards[place])
            if begin >= last:
                return
            end = min(last, self._ends[place])
            yield self._shards[place], max(first, begin) - begin, end - begin

    def _checked(self, numbers: Int[Tensor, " rows"]) -> Tensor:
        """Returns numbers from 0 on the CPU; negative ones count from the end."""
        rows = torch.as_tensor(numbers).cpu()
        outside = (rows < -len(self)) | (rows >= len(self))
        if bool(outside.any()):
            raise IndexError(f"pairs {rows[outside][:5].tolist()} of {len(self)}")
        return rows % len(self)

    def _gathered(
        self, rows: Tensor, width: int, read: Callable[[Shard, Tensor], Tensor]
    ) -> Tensor:
        made = torch.empty(len(rows), width)
        places = torch.bucketize(rows, torch.tensor(self._ends), right=True)
        for place in places.unique().tolist():
            shard, targets = self._shards[place], (places == place).nonzero()[:, 0]
            own = rows[targets] - (self._ends[place] - len(shard))
            made[targets] = read(shard, own).float()
        return made

    def _drawn_once(self, first: int, last: int) -> Tensor:
        """Latents of consecutive pairs, drawn unless they are held."""
        parts: list[Tensor] = []
        for begin in range(first - first % REDRAWN, last, REDRAWN):
            if begin not in self._held:
                rows = range(begin, min(begin + REDRAWN, len(self)))
                self._held[begin] = self._redrawn(rows)
            parts.append(self._held[begin][max(first - begin, 0) : last - begin])
        return torch.cat(parts)

    def _redrawn(self, rows: Sequence[int]) -> Tensor:
        origin = self.manifest.origin
        prior = origin.redrawn
        assert prior is not None
        like, parts = torch.empty(0), [torch.empty(0, origin.dim)]
        for first in range(0, len(rows), REDRAWN):
            names: list[int] = []
            for row in rows[first : first + REDRAWN]:
                place = bisect_right(self._ends, row)
                shard = self._shards[place]
                names.append(shard.numbers[row - self._ends[place] + len(shard)])
            parts.append(prior.sample(SampleRng.of(origin.seed, names, "pairs"), like))
        return torch.cat(parts)
