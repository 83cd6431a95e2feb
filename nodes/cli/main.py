"""Console script `latentsteer`."""

from __future__ import annotations

import contextlib
import os
import sys
import traceback
from typing import TYPE_CHECKING

from ..standalone import os_errors
from ..standalone.signals import Stopped
from . import console
from .commands import parser

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

__all__ = ["main"]


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the script.

    Args:
        argv: arguments after the script's name; those of the process if None.

    Returns:
        The exit code.
    """
    _wait_passively()
    console.writable()
    try:
        with console.stoppable():
            code = _guarded(parser().parse_args(argv))
    except BrokenPipeError:
        code = console.CLOSED_PIPE
    except KeyboardInterrupt as error:
        with contextlib.suppress(OSError):
            print("aborted", file=sys.stderr)
        code = console.TERMINATED if isinstance(error, Stopped) else console.INTERRUPTED
    finally:
        read = console.flushed()  # argparse exits by SystemExit
    return code if read else console.CLOSED_PIPE


def _wait_passively() -> None:
    """Lets waiting OpenMP threads sleep, unless the environment sets another policy.

    They spin by default, which in loops of small operations on a busy machine takes many times as
    long as the work (see `core.devices`). The runtime reads the environment when PyTorch loads it.
    """
    said = any(name in os.environ for name in ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT"))
    if not said and "torch" not in sys.modules:
        os.environ["OMP_WAIT_POLICY"] = "PASSIVE"
        os.environ["GOMP_SPINCOUNT"] = "0"


def _guarded(args: argparse.Namespace) -> int:
    from ...core.errors import SteerError
    from ..standalone.errors import NodeError, RunInterrupted

    try:
        _check_outputs(args)
        if args.threads is not None:
            import torch

            torch.set_num_threads(args.threads)
        return args.run(args)
    except RunInterrupted as error:
        print(error, file=sys.stderr)
        for path in error.files:
            print(f"kept so far: {path}", file=sys.stderr)
        return console.TERMINATED if error.terminated else console.INTERRUPTED
    except BrokenPipeError:
        raise
    except (SteerError, OSError) as error:
        return _fail(error, error, show_traceback=args.traceback)
    except NodeError as error:
        return _fail(error, error.__cause__, show_traceback=args.traceback)


def _check_outputs(args: argparse.Namespace) -> None:
    """Refuses outputs that cannot be written, before any work."""
    if args.out is not None or getattr(args, "writes", False):
        folder = args.base / "out" if args.out is None else args.out
        os_errors.check_folder(folder, "--out")
    if getattr(args, "json", None) is not None:
        os_errors.check_file(args.json, "--json")
    if getattr(args, "target", None) is not None:
        os_errors.check_file(args.target, "OUT")


def _fail(error: Exception, cause: BaseException | None, *, show_traceback: bool) -> int:
    """Reports an error, in one sentence unless it is internal; returns the exit code."""
    from ...core.errors import SteerError
    from ..standalone.errors import NodeError

    if isinstance(cause, BrokenPipeError):
        raise cause
    if not isinstance(cause, SteerError | OSError):
        traceback.print_exception(type(error), error, error.__traceback__)
        return 1
    if show_traceback:
        traceback.print_exception(type(error), error, error.__traceback__)
    text = str(error)
    if isinstance(cause, OSError):
        text = os_errors.sentence(cause)
        text = f"{error.title}: {text}" if isinstance(error, NodeError) else text
    print(f"latentsteer: {text}", file=sys.stderr)
    return 2
