"""`latentsteer bench translator`: seconds of a training per pair and epoch, by problem and recipe.

The problems are a synthetic one, 512 numbers of z and of c and 2048 hidden units, and the embedded
digits. Recipes are compared within one run, as ratios of medians. With the curves that
`translator_curve` writes, the time in which the paper's recipe reaches the held-out likelihood of
the fast one is computed: epochs from the curves, seconds per epoch and of the fast recipe's start
from this run.
"""

import argparse
import json
import platform
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import torch

from ....core.errors import InvalidInput
from ....core.translators.loading import loaded
from ....core.translators.loop import Loop
from .harness import Check, Step, conclude, medians
from .translator_curve import CURVE, as_json, is_whole
from .translator_problem import PROBLEMS, RECIPES, Digits, Problem, Synthetic

__all__ = ["FULL", "QUICK", "Plan", "checks_of", "epochs_to", "run", "sooner"]

SOONER = 10.0
"""Required ratio of the times to the fast recipe's held-out likelihood."""
AGAINST = ("paper", "paper_sigma")
"""Rows that the fast recipe is compared with: both from the data's sigma, and the paper's."""
STARTS = 3
"""Number of measured starts, at most."""
MANY = 1_000_000
"""Epochs of a training that never ends while it is measured."""
SCRIPT = "python -m latentsteer.workflows.studies.bench.translator_curve"


@dataclass(frozen=True)
class Plan:
    """Plan of the measurements.

    Attributes:
        problems: problems by name.
        batches: number of batches of a timing, by row.
        repeats: number of rounds; the paper's recipe is timed over batches times repeats.
    """

    problems: Mapping[str, Problem]
    batches: Mapping[str, int]
    repeats: int


FULL = Plan(PROBLEMS, {"paper": 25, "paper_sigma": 25, "fast": 2, "fast_bf16": 2}, repeats=8)
QUICK = Plan(
    {
        "synthetic": Synthetic(dim=8, hidden=16, pairs=600, held_out=50),
        "digits": Digits(hidden=16, pairs=600, held_out=50),
    },
    dict.fromkeys(RECIPES, 2),
    repeats=1,
)


def run(args: argparse.Namespace) -> int:
    """Measures, prints the tables and writes all numbers."""
    plan = QUICK if args.quick else FULL
    made = {} if args.quick else _made(plan.problems)
    flat: dict[str, Any] = {
        "threads": torch.get_num_threads(),
        "torch": str(torch.__version__),
        "machine": platform.processor() or platform.machine(),
        "problems": {name: problem.described() for name, problem in plan.problems.items()},
        "repeats": plan.repeats,
        "quick": args.quick,
    }
    for key, problem in plan.problems.items():
        steps = {name: _step(problem, plan, name) for name in plan.batches}
        found = medians(steps, plan.repeats, warm=tuple(steps))
        for name, seconds in found.items():
            rows = plan.batches[name] * RECIPES[name].batch_size
            flat[f"{key}_{name}_pair_epoch_seconds"] = seconds / rows
        flat[f"{key}_fast_start_seconds"] = start = _start_seconds(problem, plan)
        flat[f"{key}_fast_start_pair_seconds"] = start / problem.pairs
        for name in plan.batches:
            faster = _per_pair(flat, key, "paper") / _per_pair(flat, key, name)
            flat[f"{key}_{name}_faster"] = faster
        flat |= sooner(flat, key, made.get(key, {}))
        print(_table(flat, plan, key), flush=True)
    checks = list(checks_of(flat, tuple(plan.problems)))
    conclude(flat, checks, args.json)
    return 0


def _made(problems: Mapping[str, Problem]) -> dict[str, Mapping[str, Any]]:
    """Returns the curves of each problem, by problem and recipe; empty if there are none.

    Raises:
        InvalidInput: the curves are of another problem or recipe.
    """
    if not CURVE.exists():
        return {}
    found = json.loads(CURVE.read_text(encoding="utf-8"))["problems"]
    for key, problem in problems.items():
        if (entry := found.get(key)) is None:
            continue
        own = {name: as_json(asdict(RECIPES[name])) for name in entry["recipes"]}
        if entry["problem"] != as_json(problem.described()) or entry["recipes"] != own:
            raise InvalidInput(
                f"{CURVE.name} has curves of another problem {key!r}, or of other recipes. Write "
                f"it again with `{SCRIPT}`."
            )
    return {key: entry["curves"] for key, entry in found.items()}


def sooner(
    flat: Mapping[str, Any], key: str, curves: Mapping[str, Sequence[Sequence[float]]]
) -> dict[str, float | bool]:
    """Ratios of the times to the fast recipe's last held-out likelihood, from the curves.

    `reached` says whether the row reaches that likelihood. Otherwise its ratio is a lower bound:
    the time of all its epochs, or of those with a curve, over the fast recipe's.

    Args:
        flat: seconds per pair and epoch, and of the fast recipe's start per pair.
        key: the problem.
        curves: points of epochs and negative log-likelihood, by recipe.

    Returns:
        Nothing where the fast recipe's curve is missing or not whole.
    """
    found: dict[str, float | bool] = {}
    fast = curves.get("fast", [])
    if not fast or not is_whole([*map(list, fast)], "fast"):
        return found
    epochs, level = fast[-1]
    quick = epochs * _per_pair(flat, key, "fast") + flat[f"{key}_fast_start_pair_seconds"]
    for name in AGAINST:
        if not (curve := curves.get(name)):
            continue
        reached = epochs_to(curve, level)
        slow = curve[-1][0] if reached is None else reached
        found[f"{key}_{name}_epochs"] = slow
        found[f"{key}_{name}_reached"] = reached is not None
        found[f"{key}_{name}_sooner"] = slow * _per_pair(flat, key, name) / quick
    return found


def epochs_to(curve: Sequence[Sequence[float]], level: float) -> float | None:
    """Epochs after which a curve first falls to a level, interpolated linearly.

    None if it never does.
    """
    before = curve[0]
    for point in curve:
        if point[1] <= level:
            fall = before[1] - point[1]
            share = (before[1] - level) / fall if fall > 0 else 0.0
            return before[0] + share * (point[0] - before[0])
        before = point
    return None


def checks_of(flat: Mapping[str, Any], problems: Sequence[str]) -> Iterator[Check]:
    """Requirements on the numbers, where the curves are made: from the data's sigma alone."""
    for key in problems:
        if (found := flat.get(f"{key}_paper_sooner")) is not None:
            bound = "" if flat[f"{key}_paper_reached"] else ", at least"
            what = f"{key}: the fast recipe's held-out likelihood, sooner than paper{bound}"
            yield Check(what, found, SOONER, most=False)


def _per_pair(flat: Mapping[str, Any], key: str, name: str) -> float:
    return flat[f"{key}_{name}_pair_epoch_seconds"]


def _start_seconds(problem: Problem, plan: Plan) -> float:
    """Seconds of the ridge regression from which the fast recipe starts."""
    translator = problem.translator()
    latents, conditions = loaded(problem.drawn(problem.pairs, "pairs"), translator.config)

    def start() -> None:
        translator.regress(latents, conditions)

    return medians({"start": start}, min(plan.repeats, STARTS), warm=("start",))["start"]


def _step(problem: Problem, plan: Plan, name: str) -> Step:
    """Returns a step that makes the next batches of a training that is under way."""
    batches = plan.batches[name]
    training = replace(RECIPES[name], epochs=MANY)
    translator = problem.translator()
    count = max(problem.held_out, training.batch_size)
    latents, conditions = loaded(problem.drawn(count, name), translator.config)
    going = Loop(translator, latents, conditions, training, problem.seed).batches_left()

    def step() -> None:
        for _ in range(batches):
            next(going)

    return step


def _table(flat: Mapping[str, Any], plan: Plan, key: str) -> str:
    problem = plan.problems[key]
    lines = [
        f"{key}: {problem.pairs} pairs, {problem.hidden} hidden units, {flat['threads']} threads; "
        f"medians of {plan.repeats}",
        f"{'':<14}{'batch':>6}{'ms per pair and epoch':>24}{'paper / row':>13}",
    ]
    for name in plan.batches:
        size, cost = RECIPES[name].batch_size, 1e3 * _per_pair(flat, key, name)
        lines.append(f"{name:<14}{size:>6}{cost:>24.4f}{flat[f'{key}_{name}_faster']:>13.2f}")
    lines.append(f"the fast recipe's start: {flat[f'{key}_fast_start_seconds']:.2f} s")
    for name in AGAINST:
        if (found := flat.get(f"{key}_{name}_sooner")) is None:
            continue
        how = f"after {flat[f'{key}_{name}_epochs']:.2f} epochs"
        if not flat[f"{key}_{name}_reached"]:
            how = f"not reached {how}, hence at least"
        lines.append(f"{name} to the fast recipe's held-out likelihood: {how}, {found:.1f} x")
    if not flat["quick"] and not any(f"{key}_{name}_sooner" in flat for name in AGAINST):
        lines.append(f"No times to a likelihood: the curves are missing. `{SCRIPT}` makes them.")
    return "\n".join(lines)
