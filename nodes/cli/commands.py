"""The commands of the console script, and their arguments."""

from __future__ import annotations

import argparse
import importlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from ..standalone.version import version
from . import demo, train_d2c, training

if TYPE_CHECKING:
    from typing import TypeAlias

    Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"  # pyright: ignore[reportPrivateUsage]

__all__ = ["BENCHES", "REPRODUCTIONS", "parser"]

# Name to "module:function", the module relative to this package; run(args) returns the exit code.
BENCHES: dict[str, str] = {
    "clip": "...workflows.studies.bench.clip:run",
    "edit_image": "...workflows.studies.bench.edit_image:run",
    "generator": "...workflows.studies.bench.generator:run",
    "host": "...workflows.studies.bench.host:run",
    "krr": "...workflows.studies.bench.krr:run",
    "load": "...workflows.studies.bench.load:run",
    "pairs": "...workflows.studies.bench.pairs:run",
    "steer": "...workflows.studies.bench.steer:run",
    "threads": "...workflows.studies.bench.threads:run",
    "translator": "...workflows.studies.bench.translator:run",
}
REPRODUCTIONS: dict[str, str] = {
    "avatars": "...workflows.studies.tr0n.avatars:run",
    "codes": "...workflows.studies.krr.codes_report:run",
    "d2c": "...workflows.studies.d2c.report:run",
    "digits": "...workflows.studies.tr0n.digits:run",
    "edit_image": "...workflows.studies.tasks.edit_image:run",
    "edits": "...workflows.studies.pairs.edits:run",
    "fusedream": "...workflows.studies.fusedream.report:run",
    "krr": "...workflows.studies.krr.report:run",
    "reno": "...workflows.studies.tasks.reno:run",
    "steer": "...workflows.studies.tasks.steer:run",
    "translator": "...workflows.studies.tr0n.translator:run",
}

_EXIT_CODES = """\
exit codes:
  0    done
  1    an unexpected error, with its traceback; parity: an output differs
  2    the command line, the graph, a value, a file, the server or the system is at fault
  130  interrupted with Ctrl-C; 143 with SIGTERM
  141  the reader of the output has closed it
"""


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"got {number}, expected 1 or more")
    return number


def parser() -> argparse.ArgumentParser:
    """Returns the parser of the command line; `run` of its result runs the command."""
    made = argparse.ArgumentParser(
        prog="latentsteer",
        description="Run LatentSteer's graphs without ComfyUI, or on a running one.",
        epilog=_EXIT_CODES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    made.add_argument("--version", action="version", version=f"latentsteer {version()}")
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--out", type=Path, metavar="DIR", help="results (default: BASE/out)")
    common.add_argument(
        "--base",
        type=Path,
        default=Path(),
        metavar="DIR",
        help="folder with models/ and input/ (default: the current folder)",
    )
    common.add_argument(
        "--device",
        choices=("auto", "cpu", "cuda", "mps"),
        default="auto",
        help="where to compute (default: auto, CUDA, else MPS, else the CPU)",
    )
    common.add_argument("--threads", type=_positive, metavar="N", help="PyTorch threads")
    common.add_argument("--traceback", action="store_true", help="show the traceback of an error")
    commands = made.add_subparsers(required=True, metavar="COMMAND")
    for add in (_add_run, training.add_pairs, training.add_train, train_d2c.add_train_d2c,
                _add_inspect, _add_convert, _add_parity, _add_bench, _add_reproduce,
                demo.add_demo):  # fmt: skip
        sub = add(commands, common)
        sub.epilog, sub.formatter_class = _EXIT_CODES, argparse.RawDescriptionHelpFormatter
    return made


def _add_run(commands: Commands, common: argparse.ArgumentParser) -> argparse.ArgumentParser:
    sub = commands.add_parser("run", parents=[common], help="run a workflow file")
    sub.add_argument(
        "workflow",
        type=Path,
        metavar="WORKFLOW.json",
        help="canvas or API format, or a PNG with a graph",
    )
    sub.add_argument(
        "--set",
        action="append",
        default=[],
        dest="settings",
        metavar="NODE.INPUT=VALUE",
        help="change a widget; NODE is an id, a title or a type; can be repeated",
    )
    sub.add_argument("--server", metavar="URL", help="run on this ComfyUI instead of here")
    sub.add_argument("--previews", action="store_true", help="write previews to OUT/previews")
    sub.set_defaults(run=_run, writes=True)
    return sub


def _add_inspect(commands: Commands, common: argparse.ArgumentParser) -> argparse.ArgumentParser:
    sub = commands.add_parser("inspect", parents=[common], help="describe a model file")
    sub.add_argument("file", type=Path, metavar="FILE", help="a model file or folder")
    sub.add_argument("--json", type=Path, metavar="FILE", help="write the facts here")
    sub.set_defaults(run=_later(".checkpoint:run_inspect"))
    return sub


def _add_convert(commands: Commands, common: argparse.ArgumentParser) -> argparse.ArgumentParser:
    sub = commands.add_parser(
        "convert", parents=[common], help="write a model file as safetensors, running none of it"
    )
    sub.add_argument("source", type=Path, metavar="IN", help="a model file or folder")
    sub.add_argument("target", type=Path, metavar="OUT", help="ends in .safetensors")
    sub.add_argument(
        "--readjust",
        type=float,
        metavar="T",
        help="of an NVAE: take the statistics of its batch normalisation again, from 8,000 "
        "samples of temperature T (0 to 1); the file records it",
    )
    sub.set_defaults(run=_later(".checkpoint:run_convert"))
    return sub


def _add_parity(commands: Commands, common: argparse.ArgumentParser) -> argparse.ArgumentParser:
    sub = commands.add_parser(
        "parity",
        parents=[common],
        help="compare a checkpoint's outputs with those of its authors' code",
    )
    sub.add_argument("checkpoint", type=Path, metavar="CHECKPOINT", help="a model file")
    sub.add_argument("arrays", type=Path, metavar="ARRAYS.npz", help="named inputs and outputs")
    sub.add_argument("--json", type=Path, metavar="FILE", help="write the errors here")
    sub.set_defaults(run=_later(".checkpoint:run_parity"))
    return sub


def _add_bench(commands: Commands, common: argparse.ArgumentParser) -> argparse.ArgumentParser:
    sub = commands.add_parser("bench", parents=[common], help="measure speed and memory")
    sub.add_argument("name", metavar="NAME", help=f"one of: {', '.join(BENCHES)}")
    sub.add_argument("--json", type=Path, metavar="FILE", help="write the numbers here")
    sub.add_argument("--quick", action="store_true", help="small sizes, to try the command out")
    sub.set_defaults(run=lambda args: _named(BENCHES, "bench", args))
    return sub


def _add_reproduce(commands: Commands, common: argparse.ArgumentParser) -> argparse.ArgumentParser:
    sub = commands.add_parser("reproduce", parents=[common], help="repeat a paper's experiment")
    sub.add_argument("name", metavar="NAME", help=f"one of: {', '.join(REPRODUCTIONS)}")
    sub.add_argument("--json", type=Path, metavar="FILE", help="write the numbers here")
    sub.add_argument(
        "--budget",
        choices=("ci", "full"),
        default="full",
        help="fewer seeds and samples for ci (default: full, as in docs/results.md)",
    )
    sub.set_defaults(run=lambda args: _named(REPRODUCTIONS, "reproduce", args))
    return sub


def _load(target: str) -> Callable[[argparse.Namespace], int]:
    module, _, function = target.partition(":")
    return getattr(importlib.import_module(module, __package__), function)


def _later(target: str) -> Callable[[argparse.Namespace], int]:
    """Returns a command whose module is imported only when it runs."""
    return lambda args: _load(target)(args)


def _named(table: Mapping[str, str], command: str, args: argparse.Namespace) -> int:
    from ..standalone.errors import WorkflowError

    if args.name not in table:
        there = ", ".join(sorted(table)) or "none yet"
        raise WorkflowError(f"{command}: there is no {args.name!r}; known: {there}")
    return _load(table[args.name])(args)


def _run(args: argparse.Namespace) -> int:
    from .run import run

    return run(args)
