"""`latentsteer reproduce translator`: TR0N's Table 1 at equal M and at an equal budget of G.

The rows are the prior, the translator only, no translator, a deterministic translator, a
normalising flow, ADAM instead of Langevin dynamics, and TR0N in full, on the embedded digits and
avatars. Every row has the same T. Two comparisons:

* equal M: every row chooses its starts among the same number of candidates, as in the paper;
* equal G: every row has the same number of evaluations of G, forward and backward passes counted.
  The pairs of a translator are evaluations of G too, which its samples share. So a row without a
  translator chooses among more candidates, and a row without refinement among still more.

The pairs' share per sample is larger for fewer samples: the comparison holds for the stated number
of samples, and a translator that serves more samples costs less each. The full budget has 100
digits (10 of each class, T = 25, M = 5, 5,000 pairs) and 32 avatars (16 captions, 2 samples of
each, so that diversity within a caption exists; T = 15, M = 5, 2,400 pairs), 3 seeds: a quarter of
an hour of one processor. Pairs and translators differ between the seeds.
"""

import argparse
from collections.abc import Callable, Mapping
from functools import cache, partial
from pathlib import Path

import torch
from torch import Tensor

from ....nodes.images import grid
from ..ledger import Ledger, mean_and_deviation
from .orderings import Ordering, Verdict, flat_verdicts
from .translator_problems import PROBLEMS, Problem
from .translator_rows import COMPARISONS, ROWS, Scale, TranslatorStudy

__all__ = ["BUDGETS", "SEEDS", "measured", "run", "table"]

SEEDS = {"ci": (0,), "full": (0, 1, 2)}
BUDGETS: Mapping[str, Mapping[str, Scale]] = {
    "ci": {"digits": Scale(10, 2, 400, 2, 4), "avatars": Scale(3, 2, 60, 2, 2)},
    "full": {"digits": Scale(10, 10, 5_000, 5, 25), "avatars": Scale(16, 2, 2_400, 5, 15)},
}
SHOWN = 10
"""Samples of a row in a picture."""
FIGURES = {"f": "by f", "judge": "by judge", "fd": "Frechet", "diversity": "diversity"}
TITLES = {"equal_m": "equal M", "equal_g": "equal G"}


def run(args: argparse.Namespace) -> int:
    """Prints tables and orderings, writes their flat keys, and pictures of the first seed."""
    from ....nodes.standalone.host import StandaloneHost

    device = StandaloneHost(device=args.device).device()
    out = (args.out or args.base / "out") / "translator"
    out.mkdir(parents=True, exist_ok=True)
    say = partial(print, flush=True)
    budget, seeds = BUDGETS[args.budget], SEEDS[args.budget]
    ledger = Ledger(args.json, {"name": "translator", "budget": repr((budget, seeds))}, say)
    flat: dict[str, float | str] = {"seeds": len(seeds), "threads": torch.get_num_threads()}

    def of_seed(
        seed: int, make: Callable[[], Problem], problem: str, scale: Scale
    ) -> dict[str, float]:
        say(f"{problem}, seed {seed}")
        study = TranslatorStudy(make(), scale, seed, device, say)
        return measured(study, problem, out if seed == seeds[0] else None)

    for problem, scale in budget.items():
        make = cache(partial(PROBLEMS[problem], scale.conditions, scale.each, device))
        figures = [
            ledger.part(f"{problem} seed {n}", partial(of_seed, n, make, problem, scale))
            for n in seeds
        ]
        means = mean_and_deviation(figures)
        flat |= means
        flat |= {f"{problem}_samples": scale.samples, f"{problem}_pairs": scale.pairs}
        flat |= {f"{problem}_steps": scale.steps}
        for comparison in COMPARISONS:
            prefix = f"{problem}_{comparison}_"
            verdicts = flat_verdicts(prefix, figures)
            print(f"\n{problem}, {TITLES[comparison]}\n{table(means, prefix)}")
            print(_said(verdicts))
            flat |= _keys(verdicts)
    print(f"pictures in {out}")
    ledger.finish(flat)
    return 0


def measured(study: TranslatorStudy, problem: str, out: Path | None = None) -> dict[str, float]:
    """Returns the flat figures of a study, `<problem>_<comparison>_<row>_<figure>`.

    Args:
        study: study of one problem and seed.
        problem: name of the problem.
        out: folder of a picture with a line of samples per row at equal G; None for no picture.
    """
    flat: dict[str, float] = {}
    shown: list[Tensor] = []
    for comparison, name, figures, images in study.rows():
        prefix = f"{problem}_{comparison}_{name}_"
        flat |= {f"{prefix}{key}": value for key, value in figures.items()}
        if comparison == COMPARISONS[-1]:
            shown.append(images[:: max(1, len(images) // SHOWN)][:SHOWN])
    if out is not None:
        grid(torch.cat(shown), len(shown[0])).save(out / f"{problem}.png")
    return flat


def table(flat: Mapping[str, float], prefix: str) -> str:
    """Returns the figures of a comparison as text, a line per row."""
    width = max(map(len, ROWS))
    heads = "".join(f"{head:>18}" for head in FIGURES.values())
    lines = [f"{'':<{width}}{'M':>6}{'of G':>8}{heads}"]
    for name in ROWS:
        own = f"{prefix}{name}_"
        cells = f"{flat[f'{own}candidates']:>6.0f}{flat[f'{own}evaluations']:>8.0f}"
        for key in FIGURES:
            spread = flat.get(f"{own}{key}_sd")
            text = f"{flat[f'{own}{key}']:.3f}"
            cells += f"{text if spread is None else f'{text} +- {spread:.3f}':>18}"
        lines.append(f"{name:<{width}}{cells}")
    return "\n".join(lines)


def _said(verdicts: Mapping[str, tuple[Ordering, Verdict]]) -> str:
    """Returns the verdicts as text, a line per ordering."""
    lines = ["TR0N in full is ahead of"]
    for ordering, found in verdicts.values():
        name = f"{ordering.other}, {FIGURES[ordering.figure]}"
        lead = f"{found.lead:+.3f}, seeds {found.signs}"
        lines.append(f"  {name:<32}{found.word:<11}{lead:<22}({ordering.source})")
    return "\n".join(lines)


def _keys(verdicts: Mapping[str, tuple[Ordering, Verdict]]) -> dict[str, float | str]:
    """Returns lead, signs and verdict of each ordering under flat keys."""
    flat: dict[str, float | str] = {}
    for key, (_, found) in verdicts.items():
        flat |= {key: found.lead, f"{key}_signs": found.signs, f"{key}_verdict": found.word}
    return flat
