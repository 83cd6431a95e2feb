"""`latentsteer demo`: what LatentSteer does, on the shipped models, within three minutes."""

import argparse
import platform
import sys
import time
import traceback
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path

import torch

from ....core.errors import SteerError
from ....core.files import replacing
from ....nodes.cli import report
from ....nodes.images import grid
from ....nodes.standalone.host import StandaloneHost, use
from ....nodes.standalone.version import version
from .page import FIGURES, PAGE, PICTURES, DonePart, page_of, picture_name
from .parts import PARTS
from .shipped import Budget, ShippedModels
from .shown import Part

__all__ = ["run", "short_demo"]


def run(args: argparse.Namespace) -> int:
    """Makes the pictures and the page; prints the page's path last."""
    out = args.out or args.base / "out"
    host = StandaloneHost(args.base, out, args.device)
    with host.catching_sigint():
        return short_demo(host, out / "demo")


def short_demo(
    host: StandaloneHost,
    out: Path,
    budget: Budget | None = None,
    parts: Mapping[str, tuple[str, Callable[[ShippedModels, Budget], Part]]] = PARTS,
) -> int:
    """Runs the parts one by one; a part that fails is reported, and the others run.

    The page and the figures are written after each part, so that an interrupted demo leaves those
    that are done.

    Args:
        host: where to compute.
        out: folder of the page.
        budget: size of the demo; the default one if None.
        parts: title and function of each part, by key.

    Returns:
        The exit code: 1 if a part failed.
    """
    begun, shipped, done = time.perf_counter(), ShippedModels(), list[DonePart]()
    size = budget or Budget()
    with use(host):
        for key, (title, make) in parts.items():
            print(f"{len(done) + 1}/{len(parts)} {title} ...", flush=True)
            one = _done(key, title, lambda make=make: make(shipped, size))
            done.append(one)
            _write(out, done, time.perf_counter() - begun, str(host.device()))
            print(f"    {_said(one)}, {one.seconds:.1f} s", flush=True)
    print(f"{time.perf_counter() - begun:.0f} s in all, {torch.get_num_threads()} threads. Open:")
    print(out / PAGE)
    return int(any(one.part is None for one in done))


def _done(key: str, title: str, make: Callable[[], Part]) -> DonePart:
    begun = time.perf_counter()
    try:
        part, failure = make(), ""
    except Exception as error:  # noqa: BLE001 - the other parts go on
        part, failure = None, f"{type(error).__name__}: {error}"
        if isinstance(error, (SteerError, OSError)):
            failure = str(error)
        else:
            traceback.print_exc(file=sys.stderr)
    return DonePart(key, title, time.perf_counter() - begun, part, failure)


def _write(out: Path, done: list[DonePart], seconds: float, device: str) -> None:
    """Writes the pictures of the last part, the figures and the page."""
    last = done[-1]
    folder = out / PICTURES
    folder.mkdir(parents=True, exist_ok=True)
    images = [p.image for g in last.part.groups for p in g.pictures] if last.part else []
    for number, image in enumerate(images):
        with replacing(folder / picture_name(last.key, number)) as temporary:
            grid(image[None]).save(temporary, format="PNG")
    # Those of an earlier run that showed more.
    for old in set(folder.glob(f"{last.key}-[0-9]*.png")):
        if int(old.stem.rpartition("-")[2]) >= len(images):
            with suppress(OSError):
                old.unlink()
    facts = {
        "LatentSteer": version(),
        "PyTorch": str(torch.__version__),
        "Python": platform.python_version(),
        "device": device,
        "threads": torch.get_num_threads(),
    }
    numbers: dict[str, object] = {}
    for one in done:
        numbers |= {f"{one.key}_seconds": one.seconds}
        numbers |= one.part.numbers if one.part else {f"{one.key}_failed": one.failure}
    report.write_report(out / FIGURES, {**numbers, "seconds": seconds, **facts})
    with replacing(out / PAGE) as temporary:
        text = page_of(done, facts=facts, seconds=seconds)
        temporary.write_text(text, encoding="utf-8", newline="\n")


def _said(one: DonePart) -> str:
    if one.part is None:
        return f"failed: {one.failure}"
    numbers, figures = one.part.numbers, one.part.figures
    return "; ".join(
        f"{numbers[f.key]:.2f} [{numbers[f'{f.key}_low']:.2f}, {numbers[f'{f.key}_high']:.2f}] "
        f"{f.says}"
        for f in figures
    )
