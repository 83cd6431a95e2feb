"""The losses of a training of D2C as a table in a file."""

from dataclasses import fields
from pathlib import Path

from ...files import replacing
from .steps import Losses

__all__ = ["LossTable"]

COLUMNS = ("batches", *(field.name for field in fields(Losses)))


class LossTable:
    """Writes a line of mean losses every few batches to a CSV file, and when it is closed.

    Where a training resumes, the lines of batches that it repeats are removed.

    Args:
        path: path of the file.
        every: batches of a line.
    """

    def __init__(self, path: Path, every: int = 100) -> None:
        self.path, self.every = path, every
        self._lines = [",".join(COLUMNS)]
        self._kept: list[Losses] = []
        self._done = 0

    def add(self, done: int, losses: Losses) -> None:
        """Adds the losses of a batch.

        Args:
            done: batches done.
            losses: those of the latest; none where the training resumes.
        """
        if losses == Losses():
            self._resume(done)
            return
        self._kept.append(losses)
        self._done = done
        if done % self.every == 0:
            self.close()

    def close(self) -> None:
        """Writes the line of the batches since the last one, if there are any."""
        if not self._kept:
            return
        cells = [str(self._done)]
        for name in COLUMNS[1:]:
            values = [value for own in self._kept if (value := getattr(own, name)) is not None]
            cells.append(f"{sum(values) / len(values):.6g}" if values else "")
        self._kept.clear()
        self._lines.append(",".join(cells))
        with replacing(self.path) as temporary:
            temporary.write_text("\n".join(self._lines) + "\n", encoding="utf-8")

    def _resume(self, done: int) -> None:
        if not self.path.is_file():
            return
        for line in self.path.read_text(encoding="utf-8").splitlines()[1:]:
            number = line.split(",")[0]
            if number.isdigit() and int(number) <= done:
                self._lines.append(line)
