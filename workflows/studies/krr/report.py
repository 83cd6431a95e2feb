"""`latentsteer reproduce krr`: KRR flow's experiments in miniature, on the embedded models.

Digits: the flow lowers the Frechet distance of a GAN (Tables 1, 2, 6 and 7). Avatars: diverse
samples of a text (figure 2), masked inpainting, and editing by text (figures 3 and 8). Judges took
no part in steering; settings were chosen on seeds 7 and 8.
"""

import argparse
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TypeAlias

import torch
from torch import Tensor

from ....core.zoo.avatar_captions import PROMPTS, AvatarPrompt, captions
from ....nodes.images import grid
from ..ledger import Ledger, mean_and_deviation
from ..session import Progress
from .avatars import COMPLETIONS, SAMPLES, AvatarsFlow
from .digits import MARKS, ROWS, STEIN_RIDGES, STEP_SIZES, DigitsFlow, plain
from .tasks import completions, diversity, edits

__all__ = ["run"]

Task: TypeAlias = Callable[[], tuple[Mapping[str, float], Mapping[str, Tensor]]]
"""Returns figures, and pictures by name."""


@dataclass(frozen=True)
class Budget:
    """Size of the study.

    Attributes:
        seeds: seeds of all random numbers.
        samples: number of digits.
        rows: rows of the tables of digits.
        sizes: step sizes of Table 6.
        prompts: texts with 16 avatars each.
        completed: indices of the completed pictures.
        edited: indices of the edited pictures.
    """

    seeds: tuple[int, ...]
    samples: int
    rows: tuple[str, ...]
    sizes: tuple[float, ...]
    prompts: int
    completed: tuple[int, ...]
    edited: tuple[int, ...]


BUDGETS: Mapping[str, Budget] = {
    "ci": Budget((0,), 60, ("flow",), (0.3,), 2, (20,), (20,)),
    "full": Budget((0, 1, 2), 1000, tuple(ROWS), STEP_SIZES, 8, (20, 21, 22), (*range(20, 26),)),
}
SHOWN = 64
"""Number of digits in a picture."""
TASKS = {
    "text": ("pairwise", "satisfied"),
    "apart": ("pairwise", "satisfied"),
    "completion": ("error", "error_most", "pairwise"),
    "edit": ("changed", "kept", "pairwise"),
}
"""Tasks on the avatars, with their figures."""


def run(args: argparse.Namespace) -> int:
    """Prints the tables over the seeds, writes their flat keys, and pictures of the first seed."""
    from ....nodes.standalone.host import StandaloneHost

    device = StandaloneHost(device=args.device).device()
    out = (args.out or args.base / "out") / "krr"
    out.mkdir(parents=True, exist_ok=True)
    budget = BUDGETS[args.budget]
    say = partial(print, flush=True)
    ledger = Ledger(args.json, {"name": "krr", "budget": repr(budget)}, say)
    runs = [
        _measured(seed, budget, device, say, ledger, out if seed == budget.seeds[0] else None)
        for seed in budget.seeds
    ]
    flat = mean_and_deviation(runs)
    count = len(budget.seeds)
    flat |= {"seeds": count, "samples": budget.samples, "threads": torch.get_num_threads()}
    print(_tables(flat, budget))
    print(f"pictures in {out}")
    ledger.finish(flat)
    return 0


def _measured(
    seed: int,
    budget: Budget,
    device: torch.device,
    say: Progress,
    ledger: Ledger,
    out: Path | None,
) -> dict[str, float]:
    flat = ledger.part(
        f"digits of seed {seed}",
        lambda: _digits(DigitsFlow(seed, budget.samples, device, say), budget, out),
    )
    study = AvatarsFlow(seed, device, say)
    asked = [*_prompts(study), *captions()][: budget.prompts]
    tasks: dict[str, tuple[Task, int]] = {
        "text": (partial(diversity, study, asked), SAMPLES),
        "apart": (partial(diversity, study, asked[: budget.prompts // 2], apart=True), SAMPLES),
        "completion": (partial(completions, study, budget.completed), COMPLETIONS),
        "edit": (partial(edits, study, budget.edited), COMPLETIONS),
    }
    for name, (task, columns) in tasks.items():
        figures = partial(_with_pictures, task, out, columns)
        flat = flat | ledger.part(f"{name} of seed {seed}", figures)
    return flat


def _with_pictures(task: Task, out: Path | None, columns: int) -> Mapping[str, float]:
    figures, pictures = task()
    if out is not None:
        _save(pictures, out, columns)
    return figures


def _digits(study: DigitsFlow, budget: Budget, out: Path | None) -> dict[str, float]:
    flat: dict[str, float] = {}
    for name, figures, images in study.rows({name: ROWS[name] for name in budget.rows}):
        flat |= {f"digits_{name}_{key}": value for key, value in figures.items()}
        if out is not None:
            grid(images[:SHOWN], 16).save(out / f"digits_{name}.png")
    flat["digits_lowered"] = 1 - flat["digits_flow_fd"] / flat["digits_prior_fd"]
    swept = study.sweep(ROWS["flow"], budget.sizes) | study.steins()
    return flat | {f"digits_{key}": value for key, value in swept.items()}


def _prompts(study: AvatarsFlow) -> list[AvatarPrompt]:
    return [AvatarPrompt(text, dict(study.judge.stated_in(text))) for text in PROMPTS]


def _save(pictures: Mapping[str, Tensor], out: Path, columns: int) -> None:
    for name, images in pictures.items():
        grid(images, columns).save(out / f"{name}.png")


def _tables(flat: Mapping[str, float], budget: Budget) -> str:
    """Returns the figures as text."""
    lines = [_digits_table(flat, budget), ""]
    lines.append("step sizes" + "".join(f"{size:>18g}" for size in budget.sizes))
    for steps in MARKS:
        cells = [_cell(flat, f"digits_size_{plain(size)}_steps_{steps}") for size in budget.sizes]
        lines.append(f"{f'{steps} steps':<10}" + "".join(cells))
    lines.append("")
    for task, heads in TASKS.items():
        lines.append(f"{task:<12}" + "".join(f"{head:>18}" for head in heads))
        for kind in ("start", "alone", "flow"):
            cells = [_cell(flat, f"{task}_{kind}_{head}") for head in heads]
            lines.append(f"{kind:<12}" + "".join(cells))
    return "\n".join(lines)


def _digits_table(flat: Mapping[str, float], budget: Budget) -> str:
    names = ("prior", "real", *budget.rows)
    width = max(map(len, names)) + 2
    lines = [" " * width + f"{'Frechet':>18}{'score':>18}{'logit':>18}"]
    for name in names:
        cells = [_cell(flat, f"digits_{name}_{key}") for key in ("fd", "score", "logit")]
        lines.append(f"{name:<{width}}" + "".join(cells))
    lines.append(f"Frechet distance lowered by {flat['digits_lowered']:.0%}")
    lengths = [
        f"{_cell(flat, f'digits_stein_length_{plain(ridge)}').strip()} at eta {ridge:g}"
        for ridge in STEIN_RIDGES
    ]
    lines.append(f"Length of Stein's scores over ridge regression's: {', '.join(lengths)}")
    return "\n".join(lines)


def _cell(flat: Mapping[str, float], key: str) -> str:
    if key not in flat:
        return f"{'':>18}"
    spread = flat.get(f"{key}_sd")
    text = f"{flat[key]:.3f}"
    return f"{text if spread is None else f'{text} +- {spread:.3f}':>18}"
