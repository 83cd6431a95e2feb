"""`latentsteer demo --full`: TR0N on the embedded models, with the paper's ablations."""

import argparse
import statistics
import time
from pathlib import Path

import torch
from torch import Tensor

from ....nodes.cli import report
from ....nodes.images import grid
from ..tr0n.digits import DEMO, DigitsStudy, table
from .avatars import avatars

__all__ = ["run"]

PER_CLASS = 100
SHOWN = 10
"""Number of samples per class in the pictures."""
COMPARED = ("prior_m1", "translator_only_m1", "no_translator_m1", "deterministic_m1", "full_m3")


def run(args: argparse.Namespace) -> int:
    """Prints and writes the figures, and writes the pictures."""
    from ....nodes.standalone.host import StandaloneHost

    begun = time.perf_counter()
    out = (args.out or args.base / "out") / "demo-full"
    out.mkdir(parents=True, exist_ok=True)
    device = StandaloneHost(device=args.device).device()
    _digits(out, device)
    avatars(out, device)
    print(f"\n{time.perf_counter() - begun:.0f} s in all, {torch.get_num_threads()} threads.")
    return 0


def _digits(out: Path, device: torch.device) -> None:
    begun = time.perf_counter()
    print("TR0N turns an unconditional digit GAN into a class-conditional one.", flush=True)
    study = DigitsStudy(0, PER_CLASS, device, lambda text: print(f"  {text}", flush=True))
    flat: dict[str, float] = {}
    pictures: dict[str, Tensor] = {}
    for name, figures, images in study.rows(DEMO):
        flat |= {f"{name}_{key}": value for key, value in figures.items()}
        pictures[name] = _first_of_each(images)
        grid(pictures[name], SHOWN).save(out / f"{name}.png")
    _compare({name: pictures[name] for name in COMPARED}, flat, out / "comparison.png")
    flat |= {
        "samples": 10 * PER_CLASS,
        "threads": torch.get_num_threads(),
        "seconds": time.perf_counter() - begun,
        "seconds_per_row": statistics.fmean(flat[f"{name}_seconds"] for name in DEMO),
    }
    report.write_report(out / "summary.json", flat)
    print()
    print(table(flat, DEMO))
    print(
        "\np by f: mean probability of the wanted digit by the classifier that steered; "
        "by judge: by an independent one.\nFrechet: distance to 1,000 digits that no model "
        "saw, lower is better. diversity: within each class; near 0 is collapse."
    )
    print(f"\n{flat['seconds']:.0f} s. Figures: {out / 'summary.json'}")
    print(f"Pictures, one row per digit: {out / 'comparison.png'} and {out}/<row>.png")


def _first_of_each(images: Tensor) -> Tensor:
    return images.unflatten(0, (10, PER_CLASS))[:, :SHOWN].flatten(0, 1)


def _compare(pictures: dict[str, Tensor], flat: dict[str, float], path: Path) -> None:
    """Draws rows of the table side by side, each with its figures."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(2.5 * len(pictures), 3.3), dpi=100, layout="constrained")
    FigureCanvasAgg(figure)
    for axes, (name, images) in zip(
        figure.subplots(1, len(pictures)), pictures.items(), strict=True
    ):
        axes.imshow(grid(images, SHOWN))
        axes.set_axis_off()
        judge, distance = flat[f"{name}_judge"], flat[f"{name}_fd"]
        axes.set_title(f"{name.replace('_', ' ')}\njudge {judge:.2f}, Frechet {distance:.2f}")
    figure.savefig(path, bbox_inches="tight")
