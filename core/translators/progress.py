"""The file of a training that is under way, from which it resumes bit for bit."""

import hashlib
import json
import logging
import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ..checkpoints.checkpoint import read, write
from ..checkpoints.record import held_in
from ..errors import CheckpointError, Diverged, ResumeMismatch
from ..snapshot import differing
from .resumed import Resumed, TrainingReport

__all__ = ["TrainingFile", "TrainingFolder", "carry_out", "digest"]

logger = logging.getLogger("latentsteer")


@dataclass(frozen=True)
class TrainingFile:
    """Where and how often a training is kept.

    Attributes:
        path: the file, a safetensors file of a few times the size of the network. It is written
            to a temporary name and renamed.
        seconds: time between two writings; 0 is every batch.
    """

    path: Path
    seconds: float = 60.0

    def opened(self, training: Resumed) -> "Kept":
        """Returns the file of a training, which continues from it if it exists.

        Raises:
            ResumeMismatch: the file is of another training, of something else, or damaged.
        """
        kept = Kept(self.path, self.seconds, training, training.settings())
        if self.path.exists():
            kept.resume()
        return kept


@dataclass(frozen=True)
class TrainingFolder:
    """Where unfinished trainings are kept, a file each.

    The name of a file is a hash of everything that decides the result of its training. The file
    exists while its training is unfinished, and is removed at the end.

    Attributes:
        folder: the folder.
        resume: whether to continue from the training's file; otherwise the training starts again,
            and its file is replaced.
        seconds: time to the first writing and between two writings.
        on_stop: called with the path of the file of a training that is stopped early.
    """

    folder: Path
    resume: bool = True
    seconds: float = 60.0
    on_stop: Callable[[Path], None] = lambda path: None

    def opened(self, training: Resumed) -> "Kept":
        """Returns the file of a training, which continues from it if it exists.

        Raises:
            ResumeMismatch: the file is damaged or of something else.
        """
        settings = training.settings()
        text = json.dumps(settings, sort_keys=True)
        name = hashlib.blake2b(text.encode(), digest_size=8).hexdigest()
        kept = Unfinished(self, self.folder / f"{name}.safetensors", training, settings)
        if kept.path.exists() and self.resume:
            kept.resume()
        return kept


class Kept:
    """The file of one training, which remains when the training is finished.

    Of several processes, process 0 writes it and all read it.

    Args:
        path: the file.
        seconds: time between two writings.
        training: the training.
        settings: its identity.
    """

    cure = "Remove it to train from the start, or choose another name."

    def __init__(
        self, path: Path, seconds: float, training: Resumed, settings: Mapping[str, object]
    ) -> None:
        self.path, self.seconds = path, seconds
        self.training, self.settings = training, settings
        self._written: float | None = None

    def due(self) -> bool:
        """Whether it is time to write: at once, then after the given seconds."""
        return self._written is None or time.monotonic() - self._written >= self.seconds

    def stopped(self, *, whole: bool) -> None:
        """Ends a training that is stopped early.

        Args:
            whole: whether the training is between two updates of the weights, and can be written.
        """
        if whole:
            self.write()

    def finished(self) -> None:
        """Ends a training that has reached its last batch."""
        self.write()

    def diverged(self) -> None:
        """Ends a training whose loss is no longer finite."""

    def write(self) -> None:
        """Writes the training as it is between two batches."""
        if self.training.processes.rank == 0:
            self._write()
        self._written = time.monotonic()

    def _write(self) -> None:
        tensors, state = self.training.state()
        config = {
            "what": self.training.what,
            "settings": self.settings,
            "machine": self._machine(),
            **state,
        }
        write(self.path, tensors, config)

    def remove(self) -> None:
        """Removes the file."""
        if self.training.processes.rank == 0:
            self.path.unlink(missing_ok=True)

    def resume(self) -> None:
        """Sets the training to what the file holds.

        Raises:
            ResumeMismatch: the file is of another training, of something else, or damaged.
        """
        path, cure = self.path, self.cure
        try:
            held = read(path)
        except CheckpointError as error:
            raise ResumeMismatch(f"The training cannot resume: {error} {cure}") from error
        if held.config.get("what") != self.training.what:
            raise ResumeMismatch(
                f"{path.name} holds {held_in(held)}, not a {self.training.what}. {cure}"
            )
        if changed := differing(held.config.get("settings", {}), self.settings):
            raise ResumeMismatch(
                f"{path.name} holds a training with other settings ({'; '.join(changed)}). Set "
                f"them back to resume it. {cure}"
            )
        try:
            self.training.restore(held)
        except (KeyError, ValueError, TypeError, RuntimeError, CheckpointError) as error:
            raise ResumeMismatch(f"{path.name} is damaged: {error} {cure}") from error
        self._warn(held.config.get("machine", {}))

    def _warn(self, before: Mapping[str, Any]) -> None:
        if changed := differing({"processes": 1, **before}, self._machine()):
            logger.warning(
                "The training %s resumes under other conditions (%s): its last bits differ from "
                "those of an uninterrupted one.",
                self.path.name,
                "; ".join(changed),
            )

    def _machine(self) -> dict[str, object]:
        """Returns what the bits of the result depend on besides the settings."""
        return {
            "threads": torch.get_num_threads(),
            "device": self.training.device.type,
            "torch": str(torch.__version__),
            "processes": self.training.processes.size,
        }


class Unfinished(Kept):
    """The file of one training in a `TrainingFolder`, which only an unfinished training has.

    Args:
        kept: the folder.
        path: the file.
        training: the training.
        settings: its identity.
    """

    cure = "Remove it, or choose not to resume, to train from the start."

    def __init__(
        self,
        kept: TrainingFolder,
        path: Path,
        training: Resumed,
        settings: Mapping[str, object],
    ) -> None:
        super().__init__(path, kept.seconds, training, settings)
        self._on_stop = kept.on_stop
        self._written = time.monotonic()

    def stopped(self, *, whole: bool) -> None:
        """See `Kept`."""
        super().stopped(whole=whole)
        if self.path.exists() and self.training.processes.rank == 0:
            self._on_stop(self.path)

    def finished(self) -> None:
        """See `Kept`."""
        self.remove()

    def diverged(self) -> None:
        """See `Kept`; the same training would diverge again."""
        self.remove()


def digest(*tensors: Tensor) -> str:
    """Returns a hash of the numbers of tensors on the CPU."""
    found = hashlib.blake2b(digest_size=16)
    for tensor in tensors:
        found.update(str((tensor.dtype, list(tensor.shape))).encode())
        found.update(tensor.contiguous().view(-1).view(torch.uint8).numpy().data)
    return found.hexdigest()


def carry_out(training: Resumed, report: TrainingReport, kept: Kept | None) -> None:
    """Trains to the end, from where a training is.

    An interruption between two updates of the weights, also one raised by `report`, leaves the
    file at the last batch. One within an update leaves the file of the last regular writing.

    Args:
        training: the training.
        report: callback after every batch; first with the position where the training resumes.
        kept: file of the training, if it is kept.

    Raises:
        Diverged: the loss is no longer finite.
        PeerFailed: another process has ended.
    """
    try:
        if training.done:
            report(training.done, math.nan)
        for value in training.batches_left():
            if kept is not None and kept.due():
                kept.write()
            report(training.done, value)
    except OSError:
        raise
    except Diverged:
        if kept is not None:
            kept.diverged()
        raise
    except BaseException:
        if kept is not None:
            kept.stopped(whole=not training.stepping)
        raise
    if kept is not None:
        kept.finished()
