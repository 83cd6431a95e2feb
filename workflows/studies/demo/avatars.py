"""Second half of the full demo: avatars from text, with the ablations side by side."""

import textwrap
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor

from ....core.zoo.avatar_captions import PROMPTS, AvatarPrompt
from ....core.zoo.avatar_words import stated_in
from ....nodes.cli import report
from ....nodes.images import grid
from ..tr0n.avatars import table
from ..tr0n.avatars_rows import CANDIDATES, GENERATIONS, ROWS, AvatarsStudy, Row

__all__ = ["avatars"]

PER_PROMPT = 4
SPARE = 2
SHOWN: Mapping[str, Row] = {
    **{name: ROWS[name] for name in ("prior", "translator_only", "no_translator", "full")},
    "searched": replace(ROWS["searched"], spare=SPARE),
}
"""Rows of the paper, and TR0N with a search for its start, keeping the best four of six."""


def avatars(out: Path, device: torch.device) -> None:
    """Steers the avatars' generator to eight prompts; prints figures and writes pictures."""
    begun = time.perf_counter()
    print("\nTR0N makes an unconditional VAE of avatars follow text prompts.", flush=True)
    study = AvatarsStudy(0, device, lambda text: print(f"  {text}", flush=True))
    prompts = [
        AvatarPrompt(text, dict(stated_in(text))) for text in PROMPTS for _ in range(PER_PROMPT)
    ]
    flat: dict[str, float] = {}
    pictures: dict[str, Tensor] = {}
    for name, figures, images in study.rows(prompts, SHOWN):
        flat |= {f"{name}_{key}": value for key, value in figures.items()}
        pictures[name] = images
    titles = {
        f"{name.replace('_', ' ')}\njudge: {flat[f'{name}_satisfied']:.0%} satisfied": images
        for name, images in pictures.items()
    }
    picture = out / "avatars.png"
    compare(titles, PROMPTS, picture)
    flat |= {"samples": len(prompts), "seconds": time.perf_counter() - begun}
    report.write_report(out / "avatars.json", flat)
    print()
    print(table(flat, SHOWN))
    print(
        "\nsatisfied: share of the prompts' constraints that an independent judge sees in the "
        "images.\nsimilarity: cosine of the CLIP that steered. All but the prior: the best of "
        f"{CANDIDATES} starts. The last row is TR0N too: {GENERATIONS} more generations of "
        "starts, clauses that count in addition to the whole prompt, and of "
        f"{PER_PROMPT + SPARE} samples per prompt the {PER_PROMPT} of lowest energy are kept."
    )
    print(f"\n{flat['seconds']:.0f} s. Figures: {out / 'avatars.json'}")
    print(f"Picture, one row per prompt: {picture}")


def compare(sheets: Mapping[str, Tensor], prompts: Sequence[str], path: Path) -> None:
    """Draws titled sheets of images, one row per prompt, with the prompts at the left."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    columns = len(next(iter(sheets.values()))) // len(prompts)
    figure = Figure(figsize=(2.9 * len(sheets) + 2.2, 6.4), dpi=100, layout="constrained")
    FigureCanvasAgg(figure)
    for number, (axes, (title, images)) in enumerate(
        zip(figure.subplots(1, len(sheets), squeeze=False).flat, sheets.items(), strict=True)
    ):
        axes.imshow(grid(images, columns))
        axes.set_title(title)
        axes.set_xticks([])
        side = images.shape[2] + 1
        places = [side * row + side / 2 for row in range(len(prompts))]
        axes.set_yticks(places, [_wrapped(text) for text in prompts] if number == 0 else [])
        axes.tick_params(length=0)
        for spine in axes.spines.values():
            spine.set_visible(False)
    figure.savefig(path)


def _wrapped(text: str, width: int = 26) -> str:
    return "\n".join(textwrap.wrap(text, width))
