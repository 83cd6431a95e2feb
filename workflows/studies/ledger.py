"""Figures of a study, saved part by part, so that an interrupted study resumes."""

import hashlib
import json
import statistics
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache
from pathlib import Path

import torch

from ...core.errors import InvalidInput
from ...nodes.cli import report
from ...nodes.standalone.version import version
from .session import Progress

__all__ = ["Ledger", "mean_and_deviation"]

PACKAGE = Path(__file__).parents[2]


class Ledger:
    """The finished parts of one study.

    They are in a file next to the result, named after it with `.partial` at the end. A part in the
    file is not measured again. The file is used only for the same study, settings, code, PyTorch
    and number of threads; otherwise the study starts over with a message.

    Args:
        result: file that the finished study is written to; None keeps nothing.
        study: name of the study and its settings.
        say: receives a line about parts that are reused or dropped.
    """

    def __init__(self, result: Path | None, study: Mapping[str, object], say: Progress) -> None:
        self.result = result
        self.path = result.with_name(f"{result.name}.partial") if result is not None else None
        threads = torch.get_num_threads()
        self.study = {**study, "version": version(), "code": _code(), "torch": torch.__version__}
        self.study["threads"] = threads
        self.parts: dict[str, dict[str, float]] = {}
        if self.path is not None and self.path.is_file():
            self._take_over(self.path, say)

    def _take_over(self, path: Path, say: Progress) -> None:
        try:
            kept = json.loads(path.read_text(encoding="utf-8"))
            study, parts = kept["study"], {k: dict(v) for k, v in kept["parts"].items()}
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise InvalidInput(
                f"{path} is no record of an interrupted study: {error}. Delete it to start over."
            ) from error
        differing = sorted(k for k, v in self.study.items() if study.get(k) != v)
        if differing:
            say(f"{path} is of another run ({', '.join(differing)} differ): starting over")
            return
        self.parts = parts
        say(f"going on from {path}: {', '.join(parts)}")

    def part(self, name: str, measure: Callable[[], Mapping[str, float]]) -> dict[str, float]:
        """Returns the figures of a part, measured unless saved."""
        if name not in self.parts:
            self.parts[name] = dict(measure())
            if self.path is not None:
                report.write_report(self.path, {"study": self.study, "parts": self.parts})
        return self.parts[name]

    def finish(self, figures: Mapping[str, float | str]) -> None:
        """Writes the figures and words of the whole study, and removes the file of parts."""
        if self.result is None or self.path is None:
            return
        report.write_report(self.result, figures)
        self.path.unlink(missing_ok=True)
        print(f"written to {self.result}")


def mean_and_deviation(runs: Iterable[Mapping[str, float]]) -> dict[str, float]:
    """Returns the mean of each figure over runs, and from two on its deviation `NAME_sd`."""
    found: dict[str, list[float]] = {}
    for run in runs:
        for key, value in run.items():
            found.setdefault(key, []).append(value)
    flat = {key: statistics.fmean(values) for key, values in found.items()}
    spread = {f"{k}_sd": statistics.stdev(v) for k, v in found.items() if len(v) > 1}
    return flat | spread


@cache
def _code() -> str:
    """Returns the sha256 of the package's sources."""
    found = hashlib.sha256()
    sources: Sequence[Path] = sorted(
        file for room in ("core", "nodes", "workflows") for file in (PACKAGE / room).rglob("*.py")
    )
    for file in sources:
        found.update(file.relative_to(PACKAGE).as_posix().encode() + b"\0" + file.read_bytes())
    return found.hexdigest()
