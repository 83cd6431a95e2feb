"""Exclusive lock of a folder: one writer at a time."""

import contextlib
import json
import os
import socket
from collections.abc import Generator
from pathlib import Path
from typing import IO

from ..errors import InvalidInput
from .processes import Processes

__all__ = ["LOCK", "writing", "writing_together"]

LOCK = ".lock"
"""Name of the lock file in the folder; it stays and may be deleted while nobody writes."""
if os.name == "nt":
    import msvcrt

    BYTE = 1 << 30
    """Offset of the locked byte: Windows forbids others to read a locked one."""

    def _acquire(file: IO[str]) -> None:
        file.seek(BYTE)
        msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)  # pyright: ignore
        file.seek(0)
else:
    import fcntl

    def _acquire(file: IO[str]) -> None:
        fcntl.flock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)


@contextlib.contextmanager
def writing(folder: Path) -> Generator[None, None, None]:
    """Context of the only writer of a folder, which is created if missing.

    The operating system releases the lock when its process ends, whatever ends it: a dead process
    leaves no stale lock. The lock file stays; it names the last holder.

    Raises:
        InvalidInput: another writer holds the lock; the message names its process and machine.
        OSError: the system refuses.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / LOCK).open("a+", encoding="utf-8") as file:
        try:
            _acquire(file)
        except (BlockingIOError, PermissionError) as error:
            file.seek(0)
            raise InvalidInput(
                f"The pairs {folder.name!r} are being written by {_holder(file.read())}. Wait for "
                "it, or choose another name."
            ) from error
        file.truncate(0)
        file.write(json.dumps({"pid": os.getpid(), "host": socket.gethostname()}))
        file.flush()
        yield


@contextlib.contextmanager
def writing_together(folder: Path, processes: Processes) -> Generator[None, None, None]:
    """Context in which process 0 is the only writer of the manifest of a folder.

    The others enter it once process 0 holds the lock, and each writes its own shards. A process
    that outlives process 0 for a moment may still write one: with fixed chunks it has the same
    bits, and otherwise its hash is not that of the manifest.

    Raises:
        InvalidInput: another job holds the lock, or the processes see different folders.
        PeerFailed: another process cannot enter.
        OSError: the system refuses.
    """
    with contextlib.ExitStack() as held:
        leads = processes.rank == 0
        processes.shared(lambda: held.enter_context(writing(folder)) if leads else None)
        if processes.size > 1:
            processes.check_same(
                {"holder of the lock": _read(folder / LOCK)},
                f"The folder {folder.name!r}",
                "All machines must see the same one: put --base on storage that they share.",
            )
        yield


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return "none"


def _holder(text: str) -> str:
    try:
        held = json.loads(text)
        return f"process {int(held['pid'])} on {held['host']}"
    except (ValueError, KeyError, TypeError):
        return "another process"
