"""`latentsteer bench translator`: seconds of a training per pair and epoch, by recipe.

The problem is synthetic, 512 numbers of z and of c and 2048 hidden units. Recipes are compared
within one run, as ratios of medians. With the curves that `translator_curve` writes, the time in
which the paper's recipe reaches the held-out likelihood of the fast one is computed from it.
"""

import argparse
import json
import platform
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch

from ....core.errors import InvalidInput
from ....core.translators.loading import loaded
from ....core.translators.loop import Loop
from ....nodes.cli import report
from .harness import Check, Step, medians
from .translator_curve import CURVE
from .translator_problem import RECIPES, Problem

__all__ = ["FULL", "QUICK", "Plan", "checks_of", "epochs_to", "run"]

SOONER = 10.0
"""Required ratio of the times to the fast recipe's held-out likelihood."""
AGAINST = ("paper", "paper_sigma")
"""Rows that the fast recipe is compared with."""
MANY = 1_000_000
"""Epochs of a training that never ends while it is measured."""


@dataclass(frozen=True)
class Plan:
    """Plan of the measurements.

    Attributes:
        problem: the problem.
        batches: number of batches of a timing, by row.
        repeats: number of rounds; the paper's recipe is timed over batches times repeats.
    """

    problem: Problem
    batches: Mapping[str, int]
    repeats: int


FULL = Plan(Problem(), {"paper": 25, "paper_sigma": 25, "fast": 2, "fast_bf16": 2}, repeats=8)
QUICK = Plan(
    Problem(dim=8, hidden=16, pairs=600, held_out=50), dict.fromkeys(RECIPES, 2), repeats=1
)


def run(args: argparse.Namespace) -> int:
    """Measures, prints the table and writes all numbers."""
    plan = QUICK if args.quick else FULL
    flat: dict[str, Any] = {
        "threads": torch.get_num_threads(),
        "torch": str(torch.__version__),
        "machine": platform.processor() or platform.machine(),
        "problem": plan.problem.described(),
        "repeats": plan.repeats,
        "quick": args.quick,
    }
    steps = {name: _step(plan, name) for name in plan.batches}
    found = medians(steps, plan.repeats, warm=tuple(steps))
    for name, seconds in found.items():
        rows = plan.batches[name] * RECIPES[name].batch_size
        flat[f"{name}_pair_epoch_seconds"] = seconds / rows
    for name in plan.batches:
        flat[f"{name}_faster"] = _per_pair(flat, "paper") / _per_pair(flat, name)
    if not args.quick:
        flat |= sooner(flat, plan.problem)
    print(_table(flat, plan))
    checks = list(checks_of(flat))
    flat["checks"] = {
        check.what: {"found": check.found, "bound": check.bound, "holds": check.holds}
        for check in checks
    }
    print("\n".join(map(str, checks)))
    if args.json:
        report.write_report(args.json, flat)
        print(f"written to {args.json}")
    return 0


def sooner(flat: Mapping[str, Any], problem: Problem) -> dict[str, float]:
    """Ratios of the times to the fast recipe's last held-out likelihood, from the curves.

    Empty where the curves are not made.

    Raises:
        InvalidInput: the curves are of another problem.
    """
    if not CURVE.exists():
        return {}
    made = json.loads(CURVE.read_text(encoding="utf-8"))
    if made["problem"] != json.loads(json.dumps(problem.described())):
        raise InvalidInput(
            f"{CURVE.name} is of another problem. Write it again with "
            "`python -m latentsteer.workflows.studies.bench.translator_curve`."
        )
    curves: Mapping[str, Sequence[float]] = made["curves"]
    ratios: dict[str, float] = {}
    for name in AGAINST:
        epochs = epochs_to(curves[name], curves["fast"][-1])
        slow = epochs * _per_pair(flat, name)
        ratios[f"{name}_sooner"] = slow / (len(curves["fast"]) * _per_pair(flat, "fast"))
    return ratios


def epochs_to(curve: Sequence[float], level: float) -> float:
    """Epochs after which a curve of losses reaches a level, interpolated linearly.

    A curve that never reaches it gives all its epochs, a lower bound. Nothing is known before the
    first epoch, so that a level above it gives 1.
    """
    for number, loss in enumerate(curve):
        if loss <= level:
            before = curve[number - 1] if number else loss
            return number + 1 - ((level - loss) / (before - loss) if before > loss else 0.0)
    return float(len(curve))


def checks_of(flat: Mapping[str, Any]) -> Iterator[Check]:
    """Requirements on the numbers, where the curves are made."""
    for name in AGAINST:
        if (found := flat.get(f"{name}_sooner")) is not None:
            what = f"the fast recipe's held-out likelihood: sooner than {name}"
            yield Check(what, found, SOONER, most=False)


def _per_pair(flat: Mapping[str, Any], name: str) -> float:
    return flat[f"{name}_pair_epoch_seconds"]


def _step(plan: Plan, name: str) -> Step:
    """Returns a step that makes the next batches of a training that is under way."""
    problem, batches = plan.problem, plan.batches[name]
    training = replace(RECIPES[name], epochs=MANY)
    translator = problem.translator()
    count = max(problem.held_out, training.batch_size)
    latents, conditions = loaded(problem.drawn(count, name), translator.config)
    going = Loop(translator, latents, conditions, training, problem.seed).batches_left()

    def step() -> None:
        for _ in range(batches):
            next(going)

    return step


def _table(flat: Mapping[str, Any], plan: Plan) -> str:
    problem = plan.problem
    lines = [
        f"{problem.dim} numbers, {problem.hidden} hidden units, {flat['threads']} threads; "
        f"medians of {plan.repeats}",
        f"{'':<14}{'batch':>6}{'ms per pair and epoch':>24}{'paper / row':>13}",
    ]
    for name in plan.batches:
        size, cost = RECIPES[name].batch_size, 1e3 * _per_pair(flat, name)
        lines.append(f"{name:<14}{size:>6}{cost:>24.4f}{flat[f'{name}_faster']:>13.2f}")
    lines += [
        f"{name} to the fast recipe's held-out likelihood: {flat[f'{name}_sooner']:.1f} x"
        for name in AGAINST
        if f"{name}_sooner" in flat
    ]
    if not flat["quick"] and not CURVE.exists():
        lines.append(
            "No times to a likelihood: the curves are missing. "
            "`python -m latentsteer.workflows.studies.bench.translator_curve` makes them in hours."
        )
    return "\n".join(lines)
