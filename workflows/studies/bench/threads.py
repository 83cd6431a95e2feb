"""`latentsteer bench threads`: the slowdown of a run by other work on the machine.

Two shipped workflows run as whole processes, including the start of Python, alone and next to two
busy processes. They run as the command does, with OpenMP set to wait passively; the digits also as
in a host, where PyTorch is loaded before that can be set.
"""

import argparse
import os
import platform
import subprocess
import sys
import tempfile
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal, TypeAlias

import torch

from ....nodes.standalone.errors import WorkflowError
from ...recipes.table import RECIPES
from ...recipes.write import canvas_path
from .harness import Check, Step, conclude, medians

__all__ = ["FULL", "QUICK", "Case", "Plan", "checks_of", "run", "ungoverned"]

How: TypeAlias = Literal["command", "host"]
BUSY = 2
"""Number of busy processes next to a run."""
MOST = 2.5
"""Largest allowed ratio of the time next to busy processes to the time alone."""
POLICY = ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT", "KMP_BLOCKTIME")
COMMAND = "import sys; from latentsteer.nodes.cli.main import main; sys.exit(main())"
START: Mapping[How, str] = {"command": COMMAND, "host": f"import torch; {COMMAND}"}


@dataclass(frozen=True)
class Case:
    """A workflow and the way it is run.

    Attributes:
        workflow: name of a shipped workflow.
        how: `command`, or `host` where PyTorch is loaded first.
        settings: changes of widgets, as in `latentsteer run --set`.
    """

    workflow: str
    how: How
    settings: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """Name in the table and in the file."""
        return f"{self.workflow}_{self.how}"


@dataclass(frozen=True)
class Plan:
    """Plan of the measurements.

    Attributes:
        cases: cases, each measured alone and next to busy processes.
        repeats: number of rounds.
    """

    cases: tuple[Case, ...]
    repeats: int


SMALL = (
    "Class Condition.samples_per_class=1",
    "Train Translator.pairs=16",
    "Train Translator.epochs=1",
    "Translator Init.samples=1",
    "Langevin Refine.steps=1",
)
FULL = Plan(
    (
        Case("tr0n_digits_class_trained", "command"),
        Case("tr0n_digits_class_trained", "host"),
        Case("tr0n_avatars_text", "command"),
    ),
    3,
)
QUICK = Plan((Case("tr0n_digits_class_trained", "command", SMALL),), 1)


def run(args: argparse.Namespace) -> int:
    """Measures, prints the table and writes all numbers."""
    plan = QUICK if args.quick else FULL
    flat: dict[str, Any] = {
        "processors": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "torch": str(torch.__version__),
        "machine": platform.processor() or platform.machine(),
        "busy": BUSY,
        "repeats": plan.repeats,
        "quick": args.quick,
    }
    steps: dict[str, Step] = {}
    for case in plan.cases:
        command = _command(case, args.threads)
        steps[f"{case.name}_alone"] = partial(_once, command, 0)
        steps[f"{case.name}_beside"] = partial(_once, command, BUSY)
    flat |= {f"{name}_seconds": found for name, found in medians(steps, plan.repeats).items()}
    for case in plan.cases:
        alone, beside = (flat[f"{case.name}_{load}_seconds"] for load in ("alone", "beside"))
        flat[f"{case.name}_ratio"] = beside / alone
        print(
            f"{case.workflow}, as a {case.how}: {alone:.1f} s alone, {beside:.1f} s next to "
            f"{BUSY} busy processes, {beside / alone:.2f} times as long",
            flush=True,
        )
    checks = [] if args.quick else checks_of(plan, flat)
    conclude(flat, checks, args.json)
    return 0


def checks_of(plan: Plan, flat: Mapping[str, Any]) -> list[Check]:
    """Requirements on the numbers."""
    return [
        Check(f"{case.name}: busy over alone", flat[f"{case.name}_ratio"], MOST, most=True)
        for case in plan.cases
    ]


def ungoverned(environment: Mapping[str, str]) -> dict[str, str]:
    """Returns the environment without the waiting policy that this process has set."""
    return {name: value for name, value in environment.items() if name not in POLICY}


def _command(case: Case, threads: int | None) -> list[str]:
    changes = [part for setting in case.settings for part in ("--set", setting)]
    share = [] if threads is None else ["--threads", str(threads)]
    path = canvas_path(RECIPES[case.workflow])
    return [sys.executable, "-c", START[case.how], "run", str(path), *changes, *share]


def _once(command: Sequence[str], busy: int) -> None:
    with tempfile.TemporaryDirectory() as folder, _beside(busy):
        done = subprocess.run(
            [*command, "--out", folder, "--device", "cpu"],
            capture_output=True,
            text=True,
            check=False,
            env=ungoverned(os.environ),
        )
    if done.returncode:
        raise WorkflowError(f"bench threads: a run failed.\n{done.stderr.strip()[-2000:]}")


@contextmanager
def _beside(count: int) -> Generator[None, None, None]:
    """Runs `count` busy processes within the context."""
    command = [sys.executable, "-c", "while True: pass"]
    others = [subprocess.Popen(command) for _ in range(count)]
    try:
        yield
    finally:
        for other in others:
            other.kill()
            other.wait()
