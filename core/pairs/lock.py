"""Exclusive lock of a folder: one writer at a time."""

import contextlib
import json
import os
import socket
from collections.abc import Generator
from pathlib import Path
from typing import IO

from ..errors import InvalidInput

__all__ = ["LOCK", "writing"]

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


def _holder(text: str) -> str:
    try:
        held = json.loads(text)
        return f"process {int(held['pid'])} on {held['host']}"
    except (ValueError, KeyError, TypeError):
        return "another process"
