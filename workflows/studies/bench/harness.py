"""What the benchmarks share: interleaved timings, peak memory of a fresh process, verdicts."""

import gc
import multiprocessing
import os
import re
import statistics
import sys
import time
from collections.abc import Callable, Collection, Generator, Mapping
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import torch

__all__ = ["Check", "Prepare", "Step", "allocating", "medians", "peak_memory"]

Step: TypeAlias = Callable[[], None]
Prepare: TypeAlias = Callable[[], tuple[Step, Step]]
"""Makes a warm-up and the step to measure; picklable, for it travels to another process."""


@dataclass(frozen=True)
class Check:
    """A number that is required of a benchmark.

    Attributes:
        what: it is, for people.
        found: the number.
        bound: what it must not be on the wrong side of.
        most: whether the bound is from above.
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


def medians(
    cases: Mapping[str, Step],
    repeats: int,
    warm: Collection[str] = (),
    seldom: Collection[str] = (),
) -> dict[str, float]:
    """Seconds of every case, the median of `repeats` rounds of all of them.

    Rounds rather than cases one after the other: what slows the machine down for a while then
    slows every case down alike.

    Args:
        cases: to measure, by name.
        repeats: rounds; of three the median leaves out one that is slow as it is the first.
        warm: names of cases to run once before, unmeasured.
        seldom: names of cases that are in the first round and in every third one after it: those
            that take long and need not be known so well.
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
    """Bytes that a step adds at its peak to what the process held after its warm-up.

    With `whole`, bytes that the process held at its peak, libraries and warm-up included.

    It is measured in a fresh process with this one's number of threads. The allocator of glibc
    hands back there what is freed: what it would keep, a third more and by chance, is not needed.
    """
    spawn = multiprocessing.get_context("spawn")
    frugal = _environment(MALLOC_TRIM_THRESHOLD_=str(1 << 17))
    with frugal, ProcessPoolExecutor(1, mp_context=spawn) as pool:
        return pool.submit(_peak, prepare, torch.get_num_threads(), whole).result()


@contextmanager
def _environment(**variables: str) -> Generator[None, None, None]:
    """What processes that are started meanwhile find in their environment."""
    before = dict(os.environ)
    os.environ.update(variables)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def allocating(megabytes: int) -> tuple[Step, Step]:
    """A step that is known to add so much memory: it measures the measuring."""

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
    """Bytes held now; where the system does not say, the most held so far."""
    return _status("VmRSS") or _most_held()


def _most_held() -> int:
    # getrusage counts, on Linux, what the parent held when it started this process; so it comes
    # second.
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
