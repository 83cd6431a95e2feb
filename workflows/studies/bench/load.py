"""`latentsteer bench load`: opening a model against reading its files, in time and in memory.

The files are the embedded generators, those of the folder that LATENTSTEER_REFERENCE names, and
one of a released model's size. Reading is what a load does first with the model's file and the
files beside it that it takes: the bytes, their hash, the checks of every tensor. `again` opens the
copy in the cache.
"""

import argparse
import gc
import os
import re
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import nn

from ....core.checkpoints import checkpoint as checkpoints
from ....core.checkpoints.architecture import Architecture, load_detected
from ....core.checkpoints.cache import cached
from ....core.checkpoints.names import SUFFIXES
from ....core.checkpoints.record import Checkpoint
from ....core.errors import CheckpointError
from ....core.generators import ARCHITECTURES, DISCRIMINATORS, PARTS
from ....core.generators.biggan.networks.ajbrock import BigGanGenerator, GeneratorLayout
from ....core.generators.dalle.networks import DvaeDecoder, DvaeLayout
from ....core.generators.dfgan.networks.generators import DfGanGenerator, DfGanLayout
from ....core.zoo import shipped
from .device import machine
from .harness import Check, Step, added_memory, conclude, frugal_process

__all__ = ["FOLDER", "FULL", "QUICK", "Plan", "checks_of", "model_files", "run"]

FOLDER = "LATENTSTEER_REFERENCE"
"""Environment variable with the folder of model files."""
MOST = 1.5
"""Largest ratio of a load to the reading of its files, in time and in memory."""
LEAST = 1 << 20
"""Bytes of a file from which its ratios are required: below, they are of the layers' objects."""


@dataclass(frozen=True)
class Plan:
    """Plan of the measurements.

    Attributes:
        rounds: rounds of the three cases, for each file.
        most: number of files, for the smallest ones; 0 for all.
        released: networks of the sizes of released files, by the names of files that are written
            and measured too.
    """

    rounds: int
    most: int = 0
    released: Mapping[str, Callable[[], nn.Module]] = field(default_factory=dict)


BIGGAN = GeneratorLayout((1536, 1536, 768, 384, 192, 96), 4, 20, 148, 1000, 128, frozenset({3}))
FULL = Plan(
    3,
    released={
        "decoder of DALL-E's size.pth": lambda: DvaeDecoder(DvaeLayout(8192, 256, 2, 128)),
        "DF-GAN of 2022's released size.pth": lambda: DfGanGenerator(
            DfGanLayout(100, 256, (256, 256, 256, 256, 128, 64, 32))
        ),
        "BigGAN-128 of its released size.pth": lambda: BigGanGenerator(BIGGAN),
    },
)
QUICK = Plan(1, most=2)


def run(args: argparse.Namespace) -> int:
    """Measures, prints the table and writes all numbers."""
    plan = QUICK if args.quick else FULL
    files = model_files()
    files = sorted(files, key=_bytes)[: plan.most] if plan.most else files
    with (
        tempfile.TemporaryDirectory() as cache,
        frugal_process(LATENTSTEER_CACHE=cache, OMP_NUM_THREADS="1") as pool,
    ):
        made = (_written(make(), Path(cache) / name) for name, make in plan.released.items())
        files = [*files, *made]
        found = pool.submit(_measured, files, plan.rounds).result()
    flat: dict[str, Any] = {
        "torch": str(torch.__version__),
        "machine": machine(torch.device("cpu")),
        "rounds": plan.rounds,
        "quick": args.quick,
        "files": found,
    }
    flat |= {
        f"largest_{kind}_ratio": max(
            (one[f"{kind}_ratio"] for one in found.values() if _counts(one)), default=0.0
        )
        for kind in ("seconds", "bytes", "again_seconds", "again_bytes")
    }
    flat |= {
        f"{_key(name)}_{kind}_ratio": one[f"{kind}_ratio"]
        for name, one in found.items()
        for kind in ("seconds", "bytes", "again_seconds", "again_bytes")
    }
    print(_table(found))
    conclude(flat, [] if args.quick else list(checks_of(found)), args.json)
    return 0


def checks_of(found: Mapping[str, Mapping[str, Any]]) -> Iterator[Check]:
    """Requirements on the numbers of the files of a megabyte and more."""
    for name, one in found.items():
        if _counts(one):
            yield Check(f"{name}: time of a load over reading", one["seconds_ratio"], MOST, True)
            yield Check(f"{name}: memory of a load over reading", one["bytes_ratio"], MOST, True)


def model_files() -> list[Path]:
    """The embedded generators, and the files and model folders of the folder of the variable."""
    found = [shipped.embedded(name) for name in shipped.GENERATORS]
    if folder := os.environ.get(FOLDER):
        found += [entry for entry in sorted(Path(folder).iterdir()) if _is_model(entry)]
    return found


def _is_model(path: Path) -> bool:
    """Whether a path is a model: an archive of arrays is one if its outputs lie beside it."""
    if path.suffix == ".npz":
        return path.with_name(f"{path.stem}_ref.npz").exists()
    return path.suffix in SUFFIXES or (path / "config.json").exists()


def _written(network: nn.Module, path: Path) -> Path:
    """Writes a network with random weights as torch.save does."""
    stream = torch.Generator().manual_seed(0)
    for parameter in network.parameters():
        parameter.data.normal_(generator=stream)
    torch.save(network.state_dict(), path)
    return path


def _key(name: str) -> str:
    """The name of a file in the keys of the numbers."""
    return re.sub(r"\W+", "_", Path(name).stem).lower()


def _counts(one: Mapping[str, Any]) -> bool:
    return one["size"] >= LEAST


def _bytes(path: Path) -> int:
    parts = path.iterdir() if path.is_dir() else [path]
    return sum(part.stat().st_size for part in parts)


def _measured(files: Sequence[Path], rounds: int) -> dict[str, dict[str, Any]]:
    """Runs in a process of its own, whose allocator returns memory."""
    opened = _Opened()
    found: dict[str, dict[str, Any]] = {}
    for path in files:
        try:
            taken = opened.by(path, lambda path=path: _opened(checkpoints.read(path)))
        except CheckpointError as error:
            print(f"{path.name} is left out: {error}", file=sys.stderr)
            continue
        cases: dict[str, Step] = {
            "read": lambda taken=taken: _keep([checkpoints.read(one) for one in taken]),
            "load": lambda path=path: _keep(_opened(checkpoints.read(path))),
            "again": lambda path=path: _keep(_opened(cached(path))),
        }
        cases["again"]()  # leaves the copy
        size = sum(map(_bytes, taken))
        found[path.name] = {"size": size, **_of_cases(cases, rounds)}
    return found


def _opened(checkpoint: Checkpoint) -> object:
    """The model of a checkpoint, of whatever kind."""
    known: tuple[Architecture[Any], ...] = (*ARCHITECTURES, *DISCRIMINATORS, *PARTS)
    return load_detected(checkpoint, known)


def _of_cases(cases: Mapping[str, Step], rounds: int) -> dict[str, float]:
    seconds: dict[str, list[float]] = {name: [] for name in cases}
    held: dict[str, list[int]] = {name: [] for name in cases}
    for _ in range(rounds):
        for name, step in cases.items():
            # Hashes of files are kept by path: a first load computes them.
            checkpoints._sha256.cache_clear()  # pyright: ignore[reportPrivateUsage]
            gc.collect()
            begun = time.process_time()
            step()
            seconds[name].append(time.process_time() - begun)
            _kept.clear()
            checkpoints._sha256.cache_clear()  # pyright: ignore[reportPrivateUsage]
            held[name].append(added_memory(step))
            _kept.clear()
    flat: dict[str, float] = {}
    for name in cases:
        flat[f"{name}_seconds"] = statistics.median(seconds[name])
        flat[f"{name}_bytes"] = statistics.median(held[name])
    for kind in ("seconds", "bytes"):
        read = flat[f"read_{kind}"]
        flat[f"{kind}_ratio"] = flat[f"load_{kind}"] / max(read, 1e-9)
        flat[f"again_{kind}_ratio"] = flat[f"again_{kind}"] / max(read, 1e-9)
    return flat


_kept: list[object] = []


def _keep(result: object) -> None:
    """Holds what a step made until its memory is measured."""
    _kept.append(result)


class _Opened:
    """Model files that are opened while a model loads, seen by Python's audit events."""

    def __init__(self) -> None:
        self._seen: set[Path] | None = None
        sys.addaudithook(self._note)

    def by(self, path: Path, load: Callable[[], object]) -> list[Path]:
        """The model's file or folder, and the others beside it that a load opens."""
        self._seen = set()
        try:
            load()
            beside = {one for one in self._seen if one.parent == path.parent and one != path}
        finally:
            self._seen = None
        return [path, *sorted(one for one in beside if one.suffix in SUFFIXES)]

    def _note(self, event: str, arguments: tuple[Any, ...]) -> None:
        if self._seen is not None and event == "open" and isinstance(arguments[0], str):
            self._seen.add(Path(arguments[0]))


def _table(found: Mapping[str, Mapping[str, Any]]) -> str:
    lines = [
        "Seconds of the processor and megabytes added, medians; over those of reading",
        f"{'':<34}{'size':>7}{'read':>9}{'load':>8}{'again':>8}{'read':>9}{'load':>8}{'again':>8}",
    ]
    for name, one in found.items():
        line = f"{name:<34}{one['size'] / 1e6:>7.1f}"
        for kind, unit, form in (("seconds", 1.0, "9.4f"), ("bytes", 1e6, "9.1f")):
            line += format(one[f"read_{kind}"] / unit, form)
            line += f"{one[f'{kind}_ratio']:>8.2f}{one[f'again_{kind}_ratio']:>8.2f}"
        lines.append(line)
    return "\n".join(lines)
