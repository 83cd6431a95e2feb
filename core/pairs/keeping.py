"""Making, extending, repairing and saving pairs in a folder."""

import re
import shutil
import uuid
from pathlib import Path

import torch

from ..errors import InvalidInput, ResumeMismatch
from .lock import writing_together
from .making import Making, Report
from .manifest import MANIFEST, LatentStorage, Manifest, read_manifest
from .pairs import Pairs
from .precision import ConditionStorage
from .processes import ALONE, Processes
from .shards import write_shard
from .stored import StoredPairs
from .synthesis import Drawn, Synthesis, check_count

__all__ = ["SHARD", "keep_pairs", "save_pairs"]

SHARD = 4096
"""Pairs per shard."""
OWN = re.compile(r"\d{10}-\d{10}\.safetensors|\.[0-9a-f]{32}\.partial")
"""Names of shards and of their temporary files."""


def keep_pairs(
    folder: str | Path,
    source: Synthesis,
    count: int,
    *,
    precision: ConditionStorage = "fp32",
    latents: LatentStorage = "stored",
    shard: int = SHARD,
    repair: bool = False,
    processes: Processes = ALONE,
    report: Report = lambda done: None,
) -> StoredPairs:
    """Makes pairs in a folder, or those that it lacks, and opens them.

    A folder with fewer pairs is extended, one that was interrupted is continued: its finished
    shards are kept, and the pairs equal those of one longer run, to the bit if the chunking is
    fixed. A shard is written to a temporary name, renamed, and then listed in the manifest.

    Several processes take turns at the shards, and process 0 lists them in order: the files have
    the bits of those that one process makes. All must see the same folder.

    Args:
        folder: folder of the pairs, created if missing.
        source: source of the pairs.
        count: number of drawn pairs, at least 1. If the folder has more, the first are returned.
        precision: storage of the conditions.
        latents: "half" stores them as fp16, by which they are rounded after their conditions are
            computed; "seed" stores none where the prior is Gaussian, and draws them again.
        shard: pairs per shard, at least 1: what an interrupt can lose.
        repair: whether to check every shard first and make missing and damaged ones again.
        processes: processes that share the work, each of which makes this call.
        report: callback after every chunk with the number of pairs done, that of all processes
            estimated from this one's; may raise to stop.

    Raises:
        InvalidInput: fewer than 1 pair, another job writes, more than one in a hundred pairs not
            finite, or processes that see different folders.
        PeerFailed: another process that shares the work has failed.
        GeneratorMismatch: the folder has pairs of another generator or other options.
        ConditionMismatch: the folder has conditions of other auxiliaries.
        ResumeMismatch: the folder has pairs of other settings.
        CheckpointError: the folder has a damaged manifest.
        OSError: the system refuses, such as for lack of space; finished shards are kept.
    """
    folder = Path(folder)
    check_count(count)
    check_count(shard)
    wanted = Manifest(source.origin, precision, latents)
    done = processes.shared(lambda: _complete(folder, wanted, count))
    if all(done) and not repair:
        return StoredPairs(folder, count=count)  # so that readers need no permission to write
    with writing_together(folder, processes):
        there = _there(folder, wanted)
        leads = processes.rank == 0
        processes.shared(lambda: _remove_strays(folder, there) if leads else None)
        making = Making(folder, source, processes, report)
        if repair:
            there = making.repaired(there)
        making.extended(there, count, shard)
    return StoredPairs(folder, count=count)


def save_pairs(
    folder: str | Path, pairs: Pairs, *, precision: ConditionStorage = "fp32"
) -> StoredPairs:
    """Writes pairs as a new folder; the folder appears when it is whole.

    Args:
        folder: path of the new folder. Equal pairs in it are kept, others are not replaced.
        pairs: pairs with a known origin, in memory or stored.
        precision: storage of the conditions.

    Raises:
        InvalidInput: pairs of unknown origin, or the folder exists and has other pairs.
        OSError: the system refuses.
    """
    folder, origin = Path(folder), pairs.origin
    if origin is None or len(origin.auxiliaries) != 1:
        raise InvalidInput(
            "The pairs cannot be saved: their generator, auxiliary and seed are not known as "
            "those of one set. Make them with Synthesise Pairs."
        )
    manifest = Manifest(origin, precision, "stored")
    drawn = len(pairs) + len(pairs.dropped)
    if folder.exists():
        _check_saved(folder, manifest, drawn)
        return StoredPairs(folder)
    temporary = folder.parent / f".{uuid.uuid4().hex}.partial"
    try:
        temporary.mkdir(parents=True)
        for part in _parts(pairs, drawn):
            record = write_shard(temporary, manifest, part)
            manifest = manifest.with_shards([*manifest.shards, record])
        manifest.write(temporary)
        temporary.rename(folder)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return StoredPairs(folder)


def _complete(folder: Path, wanted: Manifest, count: int) -> bool:
    return (folder / MANIFEST).exists() and _there(folder, wanted).drawn >= count


def _there(folder: Path, wanted: Manifest) -> Manifest:
    """Returns the manifest of the folder, checked, or the empty one."""
    if not (folder / MANIFEST).exists():
        return wanted
    own = read_manifest(folder)
    own.origin.check(wanted.origin, f"The pairs {folder.name!r}")
    then, now = (f"conditions as {m.precision}, latents {m.latents}" for m in (own, wanted))
    if then != now:
        raise ResumeMismatch(
            f"The pairs {folder.name!r} are stored with {then}; got {now}. Restore that, or "
            "choose another name."
        )
    return own


def _remove_strays(folder: Path, manifest: Manifest) -> None:
    """Removes what a killed process left: shards that the manifest lacks, and partial files."""
    known = {record.file for record in manifest.shards}
    for path in folder.iterdir():
        if OWN.fullmatch(path.name) and path.name not in known:
            path.unlink(missing_ok=True)


def _check_saved(folder: Path, manifest: Manifest, drawn: int) -> None:
    own = _there(folder, manifest)
    if own.drawn != drawn:
        raise InvalidInput(
            f"The folder {folder.name!r} exists and has {own.drawn} pairs; got {drawn}. Choose "
            "another name, or extend them with Synthesise Pairs."
        )


def _parts(pairs: Pairs, drawn: int) -> list[Drawn]:
    """Cuts pairs in memory into shards."""
    gone = set(pairs.dropped)
    kept = torch.tensor([number not in gone for number in range(drawn)])
    ends = kept.cumsum(dim=0).tolist()
    latents, conditions = pairs.latents, pairs.conditions
    parts: list[Drawn] = []
    for first in range(0, drawn, SHARD):
        last = min(drawn, first + SHARD)
        rows = slice(ends[first - 1] if first else 0, ends[last - 1])
        own = tuple(number for number in pairs.dropped if first <= number < last)
        parts.append(Drawn(first, last, own, latents[rows], (conditions[rows],)))
    return parts
