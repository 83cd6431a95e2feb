"""Output streams of a command's process, and the signals that stop it."""

from __future__ import annotations

import _thread
import contextlib
import os
import signal
import sys
import threading
import weakref
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
_AGAIN_SECONDS = 0.1


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
    """Context in which SIGTERM ends the process like Ctrl-C, so that clean-up code runs.

    Code that discards every exception, as finalizers and some extension modules do while they are
    imported, cannot discard the signal: it is raised again soon after its exception is freed.
    """
    ended, main = False, threading.get_ident()

    def again() -> None:
        if ended:
            return
        if sys.platform == "win32":
            _thread.interrupt_main(signal.SIGTERM)
        else:  # wakes the main thread if it waits for the system
            signal.pthread_kill(main, signal.SIGTERM)

    def later() -> None:
        # Not here: this runs within the code that discards exceptions.
        timer = threading.Timer(_AGAIN_SECONDS, again)
        timer.daemon = True
        timer.start()

    def error(signum: int) -> Stopped:
        raised = Stopped(signal.Signals(signum).name)
        weakref.finalize(raised, later).atexit = False
        return raised

    def stop(signum: int, frame: FrameType | None) -> None:
        raise error(signum)  # no local name: the frame would keep the exception

    def unraisable(args: sys.UnraisableHookArgs) -> None:
        if not isinstance(args.exc_value, Stopped):
            hook(args)

    before, hook = signal.getsignal(signal.SIGTERM), sys.unraisablehook
    try:
        signal.signal(signal.SIGTERM, stop)
    except ValueError:  # not the main thread: its owner decides
        yield
        return
    sys.unraisablehook = unraisable
    try:
        yield
    finally:
        ended = True
        sys.unraisablehook = hook
        signal.signal(signal.SIGTERM, before)
