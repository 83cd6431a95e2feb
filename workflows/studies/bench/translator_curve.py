"""The held-out likelihood of the synthetic problem by epochs, for `latentsteer bench translator`.

    python -m latentsteer.workflows.studies.bench.translator_curve [--out FILE] [--threads N]

writes `workflows/studies/results/translator_curve.json`: for each recipe the negative
log-likelihood per coordinate, in nats, of held-out pairs after every epoch. It takes hours on a
CPU. An interrupted run goes on where it was, to the same bits, by the files next to FILE.
"""

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from ....core.files import replacing
from ....core.translators.progress import TrainingFile
from ....core.translators.training import batches_of, fit_translator
from .translator_problem import RECIPES, Problem, held_out_nll

__all__ = ["CURVE", "curves"]

CURVE = Path(__file__).parents[1] / "results" / "translator_curve.json"
CURVED = ("fast", "paper", "paper_sigma")
"""Recipes with a curve, the quick one first."""


def curves(problem: Problem, out: Path, names: Sequence[str] = CURVED) -> dict[str, Any]:
    """Trains with each recipe and writes the curves after every epoch.

    Args:
        problem: the problem.
        out: JSON file; finished curves in it are not made again.
        names: keys of RECIPES.
    """
    found: dict[str, Any] = {"problem": problem.described(), "curves": {}}
    if out.exists():
        before = json.loads(out.read_text(encoding="utf-8"))
        if before.get("problem") == found["problem"]:
            found["curves"] = before["curves"]
    found |= {"torch": str(torch.__version__), "threads": torch.get_num_threads()}
    for name in names:
        if len(found["curves"].setdefault(name, [])) < RECIPES[name].epochs:
            _train(problem, name, found, out)
    return found


def _train(problem: Problem, name: str, found: Mapping[str, Any], out: Path) -> None:
    training, translator = RECIPES[name], problem.translator()
    held_out = problem.drawn(problem.held_out, "held out")
    per_epoch = batches_of(problem.pairs, training) // training.epochs

    def report(done: int, loss: float) -> None:
        epoch, rest = divmod(done, per_epoch)
        if rest:
            return
        curve: list[float] = found["curves"][name]
        # An interrupted training may repeat its last epochs.
        curve[epoch - 1 :] = [held_out_nll(translator, held_out)]
        print(f"{name}, epoch {epoch}: {curve[-1]:.4f} nats per coordinate", flush=True)
        with replacing(out) as path:
            path.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")

    progress = TrainingFile(out.with_suffix(f".{name}.safetensors"))
    pairs = problem.drawn(problem.pairs, "pairs")
    fit_translator(
        translator, pairs, training, seed=problem.seed, report=report, progress=progress
    )
    progress.path.unlink()


def main(argv: Sequence[str] | None = None) -> int:
    """Writes the curves of the full problem."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=CURVE, metavar="FILE")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads(), metavar="N")
    args = parser.parse_args(argv)
    torch.set_num_threads(args.threads)
    curves(Problem(), args.out)
    print(f"written to {args.out}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
