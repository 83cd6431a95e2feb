"""Tools of the benchmarks: interleaved timings, peak memory of a new process, requirements."""

import ctypes
import gc
import multiprocessing
import os
import re
import statistics
import sys
import time
from collections.abc import Callable, Collection, Generator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import torch

from ....nodes.cli import report

__all__ = [
    "FRUGAL",
    "Check",
    "Prepare",
    "Step",
    "added_memory",
    "allocating",
    "conclude",
    "frugal_process",
    "medians",
    "peak_memory",
]

FRUGAL: Mapping[str, str] = {"MALLOC_TRIM_THRESHOLD_": str(1 << 17)}
"""Environment in which glibc returns freed memory; up to a third more varies by chance."""

Step: TypeAlias = Callable[[], None]
Prepare: TypeAlias = Callable[[], tuple[Step, Step]]
"""Makes a warm-up and the step to measure; picklable, since it is sent to another process."""


@dataclass(frozen=True)
class Check:
    """A requirement on a number of a benchmark.

    Attributes:
        what: description of the number.
        found: the number.
        bound: bound on the number.
        most: whether the bound is an upper bound.
    """

    what: str
    found: float
    bound: float
    most: bool

    @property
    def holds(self) -> bool:
        """Whether the requirement is met."""
        return self.found <= self.bound if self.most else self.found >= self.bound

    def __str__(self) -> str:
        sign = "<=" if self.most else ">="
        verdict = "ok" if self.holds else "MISSED"
        return f"{verdict:<7}{self.what}: {self.found:.3f} (required {sign} {self.bound:.2f})"


def conclude(flat: dict[str, Any], checks: Sequence[Check], path: Path | None) -> None:
    """Adds the checks of a benchmark to its numbers, prints them, and writes the numbers.

    Args:
        flat: the numbers; gets the key `checks`.
        checks: requirements on them.
        path: JSON file, or None.
    """
    flat["checks"] = {
        check.what: {"found": check.found, "bound": check.bound, "holds": check.holds}
        for check in checks
    }
    print("\n".join(map(str, checks)))
    if path:
        report.write_report(path, flat)
        print(f"written to {path}")


def medians(
    cases: Mapping[str, Step],
    repeats: int,
    warm: Collection[str] = (),
    seldom: Collection[str] = (),
) -> dict[str, float]:
    """Median seconds of each case over `repeats` interleaved rounds of all cases.

    Interleaving makes a temporary slowdown of the machine affect all cases alike.

    Args:
        cases: steps to measure, by name.
        repeats: number of rounds; with three or more the median ignores a slow first round.
        warm: names of cases to run once before, unmeasured.
        seldom: names of slow cases that may be less precise; they run in every third round, from
            the first on.
    """
    for name in warm:
        cases[name]()
    seconds: dict[str, list[float]] = {name: [] for name in cases}
    for number in range(repeats):
        for name, step in cases.items():
            if number % 3 and name in seldom:
                continue
            begun = time.perf_counter()
            step()
            seconds[name].append(time.perf_counter() - begun)
    return {name: statistics.median(values) for name, values in seconds.items()}


def peak_memory(prepare: Prepare, *, whole: bool = False) -> int:
    """Bytes that a step adds at its peak to those held after its warm-up.

    With `whole`, bytes that the process holds at its peak, including libraries and warm-up.

    The step runs in a new process with this one's number of threads, see `FRUGAL`.
    """
    with frugal_process() as pool:
        return pool.submit(_peak, prepare, torch.get_num_threads(), whole).result()


@contextmanager
def frugal_process(**variables: str) -> Generator[ProcessPoolExecutor, None, None]:
    """A new process whose allocator returns freed memory, with environment variables."""
    spawn = multiprocessing.get_context("spawn")
    frugal = _environment(**FRUGAL, **variables)
    with frugal, ProcessPoolExecutor(1, mp_context=spawn) as pool:
        yield pool


def added_memory(step: Step) -> int:
    """Bytes that a step adds at its peak to those held before it, on Linux.

    Unlike in `peak_memory` it runs in this process, whose highest size so far is forgotten.

    Raises:
        OSError: the system does not forget it.
    """
    gc.collect()
    if (trim := getattr(ctypes.CDLL(None), "malloc_trim", None)) is not None:
        trim(0)
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    before = _held()
    step()
    return max(0, _most_held() - before)


@contextmanager
def _environment(**variables: str) -> Generator[None, None, None]:
    """Sets environment variables for processes started within the context."""
    before = dict(os.environ)
    os.environ.update(variables)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def allocating(megabytes: int) -> tuple[Step, Step]:
    """A step that allocates a known amount of memory, to test `peak_memory`."""

    def step() -> None:
        torch.ones(megabytes << 18)

    return (lambda: None), step


def _peak(prepare: Prepare, threads: int, whole: bool) -> int:
    torch.set_num_threads(threads)
    warm, step = prepare()
    warm()
    gc.collect()
    before = 0 if whole else _held()
    step()
    return max(0, _most_held() - before)


def _held() -> int:
    """Bytes held now, or the peak so far where the system does not report them."""
    return _status("VmRSS") or _most_held()


def _most_held() -> int:
    # On Linux getrusage includes memory that the parent held when it started this process, so it
    # is only the fallback.
    if found := _status("VmHWM"):
        return found
    if sys.platform == "win32":
        raise OSError("Peak memory is not measured on Windows.")
    import resource

    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most if sys.platform == "darwin" else 1024 * most


def _status(field: str) -> int | None:
    path = Path("/proc/self/status")
    if not path.exists():
        return None
    found = re.search(rf"^{field}:\s+(\d+) kB", path.read_text(encoding="ascii"), re.MULTILINE)
    return 1024 * int(found[1]) if found else None
