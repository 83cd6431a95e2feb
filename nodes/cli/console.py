"""Output streams of a command's process, and the signals that stop it."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from collections.abc import Generator
from types import FrameType
from typing import TextIO

from ..standalone.signals import Stopped

__all__ = [
    "CLOSED_PIPE",
    "INTERRUPTED",
    "TERMINATED",
    "flushed",
    "stoppable",
    "writable",
]

INTERRUPTED, TERMINATED, CLOSED_PIPE = 130, 143, 141
"""Exit codes as shells report them: 128 plus the number of the signal."""


def writable() -> None:
    """Makes the output accept any text: characters that its encoding lacks are escaped."""
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="backslashreplace")


def flushed() -> bool:
    """Writes pending output; false if the reader has closed the pipe, which Python ignores."""
    read = [_flushed(stream) for stream in (sys.stdout, sys.stderr)]
    return all(read)


def _flushed(stream: TextIO) -> bool:
    try:
        stream.flush()
    except BrokenPipeError:
        with contextlib.suppress(OSError, ValueError):
            # Python flushes once more at exit.
            null = os.open(os.devnull, os.O_WRONLY)
            os.dup2(null, stream.fileno())
            os.close(null)
        return False
    except (AttributeError, OSError, ValueError):
        pass  # there is no such stream, or it is closed
    return True


@contextlib.contextmanager
def stoppable() -> Generator[None, None, None]:
    """Context in which SIGTERM ends the process like Ctrl-C, so that clean-up code runs."""

    def stop(signum: int, frame: FrameType | None) -> None:
        raise Stopped(signal.Signals(signum).name)

    before = signal.getsignal(signal.SIGTERM)
    try:
        signal.signal(signal.SIGTERM, stop)
    except ValueError:  # not the main thread: its owner decides
        yield
        return
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
