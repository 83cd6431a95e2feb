"""`latentsteer reproduce codes`: KRR flow's two stages for discrete latents, on the avatars.

Figure 5 of the paper in miniature: images after the warm-up, after the fine-tuning, and without
the regulariser, from the same starts. An independent judge counts the constraints of the texts
that they satisfy; settings were chosen on seed 7 and three other texts.
"""

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import fmean

import torch

from ....core.metrics.intervals import bootstrap
from ....core.zoo.avatar_captions import PROMPTS, AvatarPrompt, captions
from ....nodes.images import grid
from ..ledger import Ledger, mean_and_deviation
from .codes import ARMS, CodesFlow

__all__ = ["compared", "run"]

FIGURES = ("satisfied", "cosine", "distance")
COMPARED = (
    ("two_stages", "start"),
    ("two_stages", "warm_up"),
    ("two_stages", "warm_up_longer"),
    ("two_stages", "free"),
    ("two_stages", "free_features"),
    ("warm_up", "free"),
    ("warm_up", "free_features"),
)
"""Pairs of arms, whose satisfied constraints are subtracted."""


@dataclass(frozen=True)
class Budget:
    """Size of the study.

    Attributes:
        seeds: seeds of all random numbers.
        prompts: number of texts.
    """

    seeds: tuple[int, ...]
    prompts: int


BUDGETS: Mapping[str, Budget] = {"ci": Budget((0,), 2), "full": Budget((0, 1, 2), 4)}


def run(args: argparse.Namespace) -> int:
    """Prints the table over the seeds, writes its flat keys, and a picture of the first seed."""
    from ....nodes.standalone.host import StandaloneHost

    device = StandaloneHost(device=args.device).device()
    out = (args.out or args.base / "out") / "codes"
    out.mkdir(parents=True, exist_ok=True)
    budget = BUDGETS[args.budget]
    say = partial(print, flush=True)
    ledger = Ledger(args.json, {"name": "codes", "budget": repr(budget)}, say)
    cells: list[dict[str, float]] = []
    samples = 0
    for seed in budget.seeds:
        study = CodesFlow(seed, device, say)
        samples = study.settings.samples
        for number, prompt in enumerate(_prompts(study, budget.prompts)):
            picture = out / f"text_{number}.png" if seed == budget.seeds[0] else None
            measure = partial(_measured, study, prompt, picture)
            cells.append(ledger.part(f"text {number} of seed {seed}", measure))
    flat = _over_seeds(cells, budget) | compared(cells)
    flat |= {"seeds": len(budget.seeds), "prompts": budget.prompts}
    flat |= {"samples": samples, "threads": torch.get_num_threads()}
    print(_table(flat))
    print(f"pictures in {out}")
    ledger.finish(flat)
    return 0


def compared(cells: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """Returns the differences of satisfied constraints of two arms, with 95 % intervals.

    Args:
        cells: figures of each text and seed; the bootstrap draws them again.
    """
    flat: dict[str, float] = {}
    for first, second in COMPARED:
        gains = [cell[f"{first}_satisfied"] - cell[f"{second}_satisfied"] for cell in cells]
        rows = torch.tensor(gains, dtype=torch.float64)
        found = bootstrap(lambda drawn: float(drawn.mean()), rows, seed=0)
        key = f"{first}_over_{second}"
        flat |= {key: found.value, f"{key}_low": found.low, f"{key}_high": found.high}
    return flat


def _measured(study: CodesFlow, prompt: AvatarPrompt, picture: Path | None) -> dict[str, float]:
    study.say(f"seed {study.seed}: {prompt.text}")
    drawn = study.drawn(prompt)
    if picture is not None:
        grid(torch.cat([one.images for one in drawn.values()]), study.settings.samples).save(
            picture
        )
    return {
        f"{name}_{key}": value
        for name, one in drawn.items()
        for key, value in study.figures(one, prompt).items()
    }


def _over_seeds(cells: Sequence[Mapping[str, float]], budget: Budget) -> dict[str, float]:
    """Returns the means over the texts, and their deviations over the seeds."""
    runs: list[dict[str, float]] = []
    for first in range(0, len(cells), budget.prompts):
        own = cells[first : first + budget.prompts]
        runs.append({key: fmean(cell[key] for cell in own) for key in own[0]})
    return mean_and_deviation(runs)


def _prompts(study: CodesFlow, count: int) -> list[AvatarPrompt]:
    readable = [AvatarPrompt(text, dict(study.judge.stated_in(text))) for text in PROMPTS]
    return [*readable, *captions()][:count]


def _table(flat: Mapping[str, float]) -> str:
    lines = [" " * 16 + "".join(f"{name:>20}" for name in FIGURES)]
    for name in ("start", *ARMS):
        cells = "".join(f"{_cell(flat, f'{name}_{key}'):>20}" for key in FIGURES)
        lines.append(f"{name.replace('_', ' '):<16}{cells}")
    lines += ["", "satisfied constraints, difference with its interval"]
    for first, second in COMPARED:
        key = f"{first}_over_{second}"
        low, high = flat[f"{key}_low"], flat[f"{key}_high"]
        lines.append(f"{key.replace('_', ' '):<32}{flat[key]:+.3f} [{low:+.3f}, {high:+.3f}]")
    return "\n".join(lines)


def _cell(flat: Mapping[str, float], key: str) -> str:
    spread = flat.get(f"{key}_sd")
    return f"{flat[key]:.3f}" if spread is None else f"{flat[key]:.3f} +- {spread:.3f}"
