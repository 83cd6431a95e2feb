"""Held-out likelihood by epochs of each problem and recipe, for `latentsteer bench translator`.

    python -m latentsteer.workflows.studies.bench.translator_curve
        [--out FILE] [--threads N] [--problem NAME]

writes `workflows/studies/results/translator_curve.json`: for each recipe the negative
log-likelihood per coordinate, in nats, of held-out pairs before training and four times an epoch.
The synthetic problem takes about an hour of CPU time, the digits a minute. An interrupted run goes
on where it was, to the same bits, by the files next to FILE. The bench takes a curve that ends
early for what it is, a lower bound.
"""

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

from ....core.files import replacing
from ....core.translators.progress import TrainingFile
from ....core.translators.training import batches_of, fit_translator
from .translator_problem import PROBLEMS, RECIPES, Problem, held_out_nll

__all__ = ["CURVE", "as_json", "curves", "is_whole"]

CURVE = Path(__file__).parents[1] / "results" / "translator_curve.json"
CURVED = ("fast", "paper", "paper_sigma")
"""Recipes with a curve, the quick one first."""
POINTS = 4
"""Points of a curve per epoch."""

Curve = list[list[float]]
"""Pairs of the number of epochs and the negative log-likelihood."""


def curves(
    problems: Mapping[str, Problem], out: Path, names: Sequence[str] = CURVED
) -> dict[str, Any]:
    """Trains with each recipe on each problem and writes every point of the curves.

    Args:
        problems: problems by name.
        out: JSON file. Finished curves in it are not made again, unless the problem or the recipe
            has changed since; others in it are kept.
        names: keys of RECIPES.
    """
    found: dict[str, Any] = {"problems": {}}
    if out.exists():
        found = json.loads(out.read_text(encoding="utf-8"))
    found |= {"torch": str(torch.__version__), "threads": torch.get_num_threads()}
    for key, problem in problems.items():
        before = found["problems"].get(key, {})
        if before.get("problem") != (described := as_json(problem.described())):
            found["problems"][key] = before = {"problem": described, "recipes": {}, "curves": {}}
        for name in names:
            if before["recipes"].get(name) != (recipe := as_json(asdict(RECIPES[name]))):
                before["recipes"][name], before["curves"][name] = recipe, []
            curve: Curve = before["curves"][name]
            if not is_whole(curve, name):
                _train(problem, name, curve, found, out.with_suffix(f".{key}.{name}"), out)
    return found


def as_json(value: object) -> Any:  # noqa: ANN401
    """Returns a value as it is read back from JSON."""
    return json.loads(json.dumps(value))


def is_whole(curve: Curve, name: str) -> bool:
    """Whether a curve has all epochs of its recipe."""
    return bool(curve) and curve[-1][0] >= RECIPES[name].epochs


def _train(
    problem: Problem, name: str, curve: Curve, found: Mapping[str, Any], kept: Path, out: Path
) -> None:
    training, translator = RECIPES[name], problem.translator()
    held_out = problem.drawn(problem.held_out, "held out")
    per_epoch = batches_of(problem.pairs, training) // training.epochs
    marks = {part * per_epoch // POINTS for part in range(1, POINTS)} | {0}

    def report(done: int, loss: float = 0.0) -> None:
        if done % per_epoch not in marks:
            return
        epochs = done / per_epoch
        # An interrupted training may repeat its last points.
        curve[:] = [point for point in curve if point[0] < epochs]
        curve.append([epochs, held_out_nll(translator, held_out)])
        print(f"{name}, epoch {epochs:.2f}: {curve[-1][1]:.4f} nats per coordinate", flush=True)
        with replacing(out) as path:
            path.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")

    pairs = problem.drawn(problem.pairs, "pairs")
    if not curve:
        translator.start(pairs.latents, training.initial_std)
        report(0)
    progress = TrainingFile(kept.with_name(f"{kept.name}.safetensors"))
    fit_translator(
        translator, pairs, training, seed=problem.seed, report=report, progress=progress
    )
    progress.path.unlink()


def main(argv: Sequence[str] | None = None) -> int:
    """Writes the curves of the full problems."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=CURVE, metavar="FILE")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads(), metavar="N")
    parser.add_argument("--problem", choices=list(PROBLEMS), help="this one alone")
    args = parser.parse_args(argv)
    torch.set_num_threads(args.threads)
    chosen = {name: p for name, p in PROBLEMS.items() if args.problem in (None, name)}
    curves(chosen, args.out)
    print(f"written to {args.out}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
