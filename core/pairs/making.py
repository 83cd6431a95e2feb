"""Making of shards by one or several processes, and their listing in the manifest."""

import errno
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from ..errors import SteerError
from .manifest import Manifest, ShardRecord
from .processes import Processes, made_by
from .shards import shard_fault, write_shard
from .synthesis import Synthesis, check_dropped

__all__ = ["Making"]

Report = Callable[[int], None]
"""Callback with the number of pairs done."""
Written = TypeVar("Written")


@dataclass(frozen=True)
class _Task:
    """A shard to make: its place in the manifest, its first pair, and the one after its last."""

    place: int
    first: int
    last: int


@dataclass(frozen=True)
class Making:
    """Makes shards of a folder, whose lock process 0 holds.

    In each round every process makes another shard. Process 0 lists the shards of the round in
    order, up to the first that failed.

    Attributes:
        folder: folder of the pairs.
        source: source of the pairs.
        processes: processes that share the work.
        report: callback after every chunk with the number of pairs done.
    """

    folder: Path
    source: Synthesis
    processes: Processes
    report: Report

    def extended(self, manifest: Manifest, count: int, shard: int) -> Manifest:
        """Makes the pairs up to a number.

        Args:
            manifest: manifest of the folder.
            count: number of drawn pairs.
            shard: pairs per shard.

        Raises:
            InvalidInput: more than one in a hundred pairs not finite.
            PeerFailed: another process has failed.
            OSError: the system refuses; finished shards are kept.
        """
        tasks: list[_Task] = []
        first = manifest.drawn
        while first < count:
            # Shards end at multiples of their size, wherever an earlier run ended.
            last = min(count, (first // shard + 1) * shard)
            tasks.append(_Task(len(manifest.shards) + len(tasks), first, last))
            first = last
        self.processes.shared(lambda: _check_space(self.folder, manifest, count))
        if manifest.drawn:
            self.report(min(manifest.drawn, count))
        return self._made(manifest, tasks)

    def repaired(self, manifest: Manifest) -> Manifest:
        """Makes missing and damaged shards again.

        Raises:
            PeerFailed: another process has failed.
            OSError: the system refuses.
        """
        parts = self.processes.shared(lambda: self._damaged(manifest))
        spans = [(shard.first, shard.last) for shard in manifest.shards]
        places = sorted(place for part in parts for place in part)
        return self._made(manifest, [_Task(place, *spans[place]) for place in places])

    def _damaged(self, manifest: Manifest) -> list[int]:
        """Returns the places of damaged shards among this process's share of them."""
        found: list[int] = []
        for place in range(self.processes.rank, len(manifest.shards), self.processes.size):
            self.report(manifest.shards[place].first)
            if shard_fault(self.folder, manifest.shards[place]):
                found.append(place)
        return found

    def _made(self, manifest: Manifest, tasks: Sequence[_Task]) -> Manifest:
        size = self.processes.size
        for begin in range(0, len(tasks), size):
            turn = tasks[begin : begin + size]
            outcomes = self.processes.outcomes(partial(self._own, manifest, turn))
            listed, problem = _listed(manifest, turn, outcomes)
            if self.processes.rank == 0 and listed != manifest:
                self._kept(manifest, partial(listed.write, self.folder))
            if problem is not None:
                raise problem
            manifest = listed
        self.processes.shared(lambda: None)  # nobody reads the manifest before its last writing
        return manifest

    def _own(self, manifest: Manifest, turn: Sequence[_Task]) -> dict[str, object] | None:
        """Makes this process's shard of a round, if there is one; returns its record as JSON."""
        if self.processes.rank >= len(turn):
            return None
        task, end = turn[self.processes.rank], turn[-1].last

        def report(done: int) -> None:
            self.report(min(turn[0].first + done * len(turn), end))

        drawn = self.source.drawn(task.first, task.last, report)
        _check_dropped(manifest, task, drawn.dropped)
        return asdict(self._kept(manifest, partial(write_shard, self.folder, manifest, drawn)))

    def _kept(self, manifest: Manifest, write: Callable[[], Written]) -> Written:
        """Writes a file; an error says how many pairs are kept."""
        try:
            return write()
        except OSError as error:
            said = (
                f"{error.strerror or error} after {manifest.drawn} pairs, which are kept; the "
                "same synthesis goes on from there"
            )
            raise type(error)(error.errno, said, str(error.filename or self.folder)) from error


def _listed(
    manifest: Manifest, turn: Sequence[_Task], outcomes: Sequence[Mapping[str, Any]]
) -> tuple[Manifest, SteerError | None]:
    """Lists the shards of a round up to the first that failed; returns its error too."""
    try:
        for number, task in enumerate(turn):
            record = ShardRecord.from_json(made_by(number, outcomes[number]))
            _check_dropped(manifest, task, record.dropped)
            shards = manifest.shards
            manifest = manifest.with_shards(
                [*shards[: task.place], record, *shards[task.place + 1 :]]
            )
    except SteerError as error:
        return manifest, error
    return manifest, None


def _check_dropped(manifest: Manifest, task: _Task, dropped: Sequence[int]) -> None:
    others = [len(s.dropped) for place, s in enumerate(manifest.shards) if place != task.place]
    check_dropped(sum(others) + len(dropped), max(manifest.drawn, task.last))


def _check_space(folder: Path, manifest: Manifest, count: int) -> None:
    missing = max(0, count - manifest.drawn) * manifest.pair_bytes
    free = shutil.disk_usage(folder).free
    if missing > free:
        raise OSError(
            errno.ENOSPC,
            f"No space left on device: the pairs take {missing / 1e6:,.1f} MB more, and "
            f"{free / 1e6:,.1f} MB are free",
            str(folder),
        )
