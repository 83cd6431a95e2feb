"""`latentsteer bench pairs`: the cost of making, searching and training from pairs, on a CPU.

Synthesis of pairs of the embedded models is compared with bare G then f at the best batch size. A
folder of a million pairs of 512 numbers, 3 GB, is written to a temporary folder and removed: what
opening it reads, the search for the nearest pairs against a bare matrix product over the same
files, and the memory of a training. The pairs of that folder are noise, since only cost is
measured.
"""

import argparse
import platform
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch

from ....core.pairs.stored import StoredPairs
from .harness import Check, conclude, medians, peak_memory
from .pairs_million import Folder, bytes_read, searches, training
from .pairs_synthesis import MODELS, Models, steps_of

__all__ = ["FULL", "QUICK", "Plan", "checks_of", "run"]

OF_BARE = 0.9
"""Smallest ratio of the throughput of synthesis to that of the bare networks."""
OVER_PRODUCT = 1.2
"""Largest ratio of the time of a search to that of a bare matrix product."""
MOST_READ = 0.01
"""Largest share of a folder that opening it and reading its first pairs may read."""
MOST_GIGABYTES = 6.0
GIGABYTE = 1e9


@dataclass(frozen=True)
class Plan:
    """Plan of the measurements.

    Attributes:
        models: embedded models by name.
        folder: the synthetic folder.
        repeats: number of rounds.
    """

    models: Mapping[str, Models]
    folder: Folder
    repeats: int


FULL = Plan(MODELS, Folder(), repeats=5)
QUICK = Plan(
    {"digits": Models("digits (embedded)", "digits classifier (embedded)", 16, (4, 16))},
    Folder(pairs=600, dim=8, shard=4, hidden=16, batches=1, blocks=(64,)),
    repeats=1,
)


def run(args: argparse.Namespace) -> int:
    """Measures, prints the tables and writes all numbers."""
    plan = QUICK if args.quick else FULL
    flat: dict[str, Any] = {
        "threads": torch.get_num_threads(),
        "torch": str(torch.__version__),
        "machine": platform.processor() or platform.machine(),
        "pairs": plan.folder.pairs,
        "dim": plan.folder.dim,
        "repeats": plan.repeats,
        "quick": args.quick,
    }
    with tempfile.TemporaryDirectory(prefix="latentsteer-bench-") as temporary:
        flat |= _large(plan, Path(temporary))
    for name, models in plan.models.items():
        with tempfile.TemporaryDirectory(prefix="latentsteer-bench-") as temporary:
            flat |= _synthesis(plan, name, models, Path(temporary))
    checks = [] if args.quick else list(checks_of(flat, tuple(plan.models)))
    conclude(flat, checks, args.json)
    return 0


def checks_of(flat: Mapping[str, Any], models: Sequence[str]) -> Iterator[Check]:
    """Requirements on the numbers."""
    for name in models:
        what = f"{name}: throughput of synthesis over that of bare G then f"
        yield Check(what, flat[f"{name}_of_bare"], OF_BARE, most=False)
    if (share := flat.get("open_share")) is not None:
        what = "opening and a first block: share of the folder that is read"
        yield Check(what, share, MOST_READ, most=True)
    what = f"nearest of {flat['pairs']} pairs: time over that of a bare product"
    yield Check(what, flat["nearest_over_bare"], OVER_PRODUCT, most=True)
    what = f"training from {flat['pairs']} pairs: gigabytes of the process"
    yield Check(what, flat["training_gigabytes"], MOST_GIGABYTES, most=True)


def _large(plan: Plan, folder: Path) -> dict[str, float]:
    sizes, flat = plan.folder, dict[str, float]()
    # Another process writes the folder and trains: this one does not know the hashes of the files.
    peak = peak_memory(partial(training, folder, sizes), whole=True)
    held = sum(path.stat().st_size for path in folder.iterdir())
    flat |= {"training_gigabytes": peak / GIGABYTE, "folder_gigabytes": held / GIGABYTE}
    print(
        f"{sizes.pairs} pairs of {sizes.dim} numbers, {held / GIGABYTE:.2f} GB in files: training "
        f"takes the process to {flat['training_gigabytes']:.2f} GB",
        flush=True,
    )
    before, begun = bytes_read(), time.perf_counter()
    pairs = StoredPairs(folder)
    _, block = next(pairs.blocks(sizes.prompts))
    pairs.latents_of(torch.arange(len(block)))
    flat["open_seconds"] = time.perf_counter() - begun
    if before is not None and (after := bytes_read()) is not None:
        flat["open_share"] = (after - before) / held
        print(f"opening and a first block read {flat['open_share']:.2%} of them", flush=True)
    steps = searches(pairs, sizes)
    begun = time.perf_counter()
    steps["nearest"]()
    # With the hashes of all shards, once in a process.
    flat["nearest_first_seconds"] = time.perf_counter() - begun
    found = medians(steps, plan.repeats, warm=tuple(steps))
    flat |= {f"{name}_seconds": seconds for name, seconds in found.items()}
    bare = min(seconds for name, seconds in found.items() if name != "nearest")
    flat |= {"bare_seconds": bare, "nearest_over_bare": found["nearest"] / bare}
    print(
        f"nearest for {sizes.prompts} prompts: {found['nearest']:.3f} s, the first time "
        f"{flat['nearest_first_seconds']:.3f} s; {_cells(found)}",
        flush=True,
    )
    return flat


def _synthesis(plan: Plan, name: str, models: Models, folder: Path) -> dict[str, float]:
    steps = steps_of(models, folder)
    found = medians(steps, plan.repeats, warm=tuple(steps))
    bare = {key: seconds for key, seconds in found.items() if key.startswith("bare")}
    flat = {f"{name}_{key}_seconds": seconds for key, seconds in found.items()}
    flat[f"{name}_of_bare"] = min(bare.values()) / found["fast"]
    flat[f"{name}_fixed_of_bare"] = min(bare.values()) / found["fixed"]
    print(
        f"{name}: {models.count} pairs in {found['fast']:.3f} s in fast chunks, "
        f"{found['fixed']:.3f} s in fixed ones; {_cells(bare)}",
        flush=True,
    )
    return flat


def _cells(seconds: Mapping[str, float]) -> str:
    return ", ".join(f"{name} {value:.3f} s" for name, value in seconds.items())
