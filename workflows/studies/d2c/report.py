"""`latentsteer reproduce d2c`: D2C's experiments on the embedded avatars.

The models are those that are shipped: the avatars' VAE and a diffusion prior of its latents. The
judge took no part in any of it, and the moments that it compares with are of avatars on which no
model was trained.
"""

import argparse
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TypeAlias

import torch

from ....core.diffusion.prior_files import load_prior
from ....core.zoo import shipped as catalogue
from ....nodes.images import grid
from ..ledger import Ledger, mean_and_deviation
from ..session import Progress
from .contrast import contrast_figures
from .encoding import encoding_figures
from .few_shot import SCALES, FewShotRows
from .manipulation import EditRows
from .models import D2CStudy
from .orderings import orderings
from .tables import tables
from .tasks import EDITS, TASKS
from .unconditional import unconditional_rows

__all__ = ["BUDGETS", "Budget", "measured", "run"]

Measure: TypeAlias = Callable[[], dict[str, float]]
PRIOR = "avatars prior (embedded)"
FIRST_SEED = (
    *("decoded", "real", "raw", "whitened", "words", "words_threshold", "image"),
    *("image_threshold", "langevin", "vector", "gradient"),
    *(f"guidance_{scale}" for scale in SCALES),
)
"""Rows of the first seed alone: they do not depend on it, or take long."""
SHOWN = 10
"""Avatars in a picture of an edit, and samples in one of a task."""


@dataclass(frozen=True)
class Budget:
    """Size of the study.

    Attributes:
        seeds: seeds of labels and draws.
        unconditional: number of unconditional samples.
        bank: number of draws in the bank.
        samples: number of samples of an attribute.
        avatars: number of edited avatars.
        encoded: number of avatars whose latents are optimised.
        steps: most steps of that optimisation.
        draws: draws of the labels that compare encoders.
        tasks: attributes to generate; all if empty.
        edits: edits; all if empty.
    """

    seeds: tuple[int, ...]
    unconditional: int
    bank: int
    samples: int
    avatars: int
    encoded: int
    steps: int
    draws: int
    tasks: tuple[str, ...] = ()
    edits: tuple[str, ...] = ()


BUDGETS: Mapping[str, Budget] = {
    "ci": Budget((0,), 100, 400, 40, 4, 1, 20, 1, ("sunglasses",), ("sunglasses",)),
    "full": Budget((0, 1, 2), 2000, 20_000, 1000, 100, 10, 2000, 3),
}


def run(args: argparse.Namespace) -> int:
    """Prints the tables, writes their flat keys, and pictures of the first seed."""
    from ....nodes.standalone.host import StandaloneHost

    device = StandaloneHost(device=args.device).device()
    out = (args.out or args.base / "out") / "d2c"
    out.mkdir(parents=True, exist_ok=True)
    budget = BUDGETS[args.budget]
    say = partial(print, flush=True)
    prior = load_prior(catalogue.embedded(PRIOR))
    study = D2CStudy(prior, bank=budget.bank, device=device, say=say)
    ledger = Ledger(args.json, {"name": "d2c", "budget": repr(budget), "prior": prior.id}, say)
    flat = measured(study, budget, ledger, say)
    print(tables(flat, _tasks(budget), _edits(budget)))
    pictures(study, budget, out)
    print(f"pictures in {out}")
    ledger.finish(flat)
    return 0


def measured(
    study: D2CStudy, budget: Budget, ledger: Ledger, say: Progress
) -> dict[str, float | str]:
    """Returns all figures, and the orderings in words; a row is a part of the ledger."""
    runs: list[dict[str, float]] = []
    for seed in budget.seeds:
        flat: dict[str, float] = {}
        for name, measure in _parts(study, budget, seed).items():
            if seed != budget.seeds[0] and name.endswith(FIRST_SEED):
                continue
            part = f"seed {seed}, {name}"
            flat |= ledger.part(part, partial(_told, part, name, measure, say))
        runs.append(flat | _means(flat))
    flat = mean_and_deviation(runs)
    flat |= ledger.part("contrast", partial(contrast_figures, study, budget.draws))
    flat |= ledger.part("encoding", partial(encoding_figures, study, budget.encoded, budget.steps))
    flat |= {
        "seeds": len(budget.seeds),
        "bank": budget.bank,
        "samples": budget.samples,
        "avatars": budget.avatars,
        "draws": budget.draws,
        "threads": torch.get_num_threads(),
    }
    return flat | orderings(flat, _tasks(budget))


def _told(part: str, name: str, measure: Measure, say: Progress) -> dict[str, float]:
    say(part)
    return {f"{name}_{key}": value for key, value in measure().items()}


def _parts(study: D2CStudy, budget: Budget, seed: int) -> Mapping[str, Measure]:
    """Returns the rows of a seed; what several need is made where the first one needs it."""
    rows = unconditional_rows(study, seed, budget.unconditional)
    found: dict[str, Measure] = dict(rows)
    for task in _tasks(budget):
        samples = FewShotRows(study, TASKS[task], seed, budget.samples)
        found |= {f"{task}_{name}": row for name, row in samples.rows().items()}
    for edit in _edits(budget):
        moves = EditRows(study, EDITS[edit], seed, budget.avatars)
        found |= {f"edit_{edit}_{name}": row for name, row in moves.rows().items()}
    return found


def _means(flat: Mapping[str, float]) -> dict[str, float]:
    """Returns the means of a row's figures over tasks or edits, under `mean_` and `edit_mean_`."""
    found: dict[str, list[float]] = {}
    for key, value in flat.items():
        for prefix, names in (("edit_", EDITS), ("", TASKS)):
            own = next((n for n in names if key.startswith(f"{prefix}{n}_")), None)
            if own is not None:
                rest = key.removeprefix(f"{prefix}{own}_")
                found.setdefault(f"{prefix}mean_{rest}", []).append(value)
    return {key: sum(values) / len(values) for key, values in found.items()}


def _tasks(budget: Budget) -> tuple[str, ...]:
    return budget.tasks or tuple(TASKS)


def _edits(budget: Budget) -> tuple[str, ...]:
    return budget.edits or tuple(EDITS)


def pictures(study: D2CStudy, budget: Budget, out: Path) -> None:
    """Writes what the first seed draws and edits.

    Of an edit, avatars above their edits by each move; those that moves fail to reach come first.
    """
    seed = budget.seeds[0]
    for task in _tasks(budget):
        rows = FewShotRows(study, TASKS[task], seed, budget.samples)
        r = rows.few.condition.probability(study.bank.values.double())
        chosen = rows.chosen(r, "threshold")[:SHOWN]
        if len(chosen):
            drawn = study.images(study.bank.values[chosen])
            grid(drawn, len(drawn)).save(out / f"few_shot_{task}.png")
    for edit in _edits(budget):
        rows = EditRows(study, EDITS[edit], seed, budget.avatars)
        kinds = [rows.edited(name) for name in rows.rows()]
        reached = [rows.reached(images) for images in kinds]
        order = sorted(range(len(kinds[0])), key=lambda n: sum(own[n] for own in reached))[:SHOWN]
        shown = torch.cat([images[order] for images in (rows.start, *kinds)])
        grid(shown, len(order)).save(out / f"edit_{edit}.png")
