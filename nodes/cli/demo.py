"""The command `latentsteer demo`."""

from __future__ import annotations

import argparse
import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import TypeAlias

    Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"  # pyright: ignore[reportPrivateUsage]

__all__ = ["DEMOS", "add_demo"]

DEMOS: dict[str, str] = {
    "short": "...workflows.studies.demo.short",
    "full": "...workflows.studies.demo.digits",
    "faces": "...workflows.studies.demo.faces",
}
"""Module of each demo, relative to this package; its run(args) returns the exit code."""


def add_demo(commands: Commands, common: argparse.ArgumentParser) -> argparse.ArgumentParser:
    """Adds the command to the parser; returns its own parser."""
    sub = commands.add_parser(
        "demo", parents=[common], help="a first run without downloads: writes OUT/demo/index.html"
    )
    other = sub.add_mutually_exclusive_group()
    other.add_argument(
        "--full",
        action="store_const",
        const="full",
        dest="which",
        help="TR0N on digits and avatars, with the paper's ablations, in 15 to 25 minutes",
    )
    other.add_argument(
        "--faces",
        action="store_const",
        const="faces",
        dest="which",
        help="TR0N on faces: prints the terms of two third-party models and downloads them "
        "(26 MB, by pip and npm)",
    )
    sub.set_defaults(run=_run, which="short", writes=True)
    return sub


def _run(args: argparse.Namespace) -> int:
    return importlib.import_module(DEMOS[args.which], __package__).run(args)
