"""What a file keeps of a training, whatever is trained."""

from collections.abc import Callable, Iterator
from typing import Protocol, TypeAlias, runtime_checkable

import torch
from torch import Tensor

from ..checkpoints.record import Checkpoint
from ..pairs.processes import Processes

__all__ = ["Resumed", "TrainingReport"]

TrainingReport: TypeAlias = Callable[[int, float], None]
"""Callback with the number of batches done and the latest loss, nan where a training resumes."""


@runtime_checkable
class Resumed(Protocol):
    """A training that a file keeps, such as `loop.Loop`."""

    processes: Processes
    stepping: bool
    """Whether it is within an update of the weights."""

    @property
    def done(self) -> int:
        """Number of batches done."""
        ...

    @property
    def what(self) -> str:
        """Name of the kind of training, which its file holds too: "translator training"."""
        ...

    @property
    def device(self) -> torch.device:
        """Where it computes."""
        ...

    def settings(self) -> dict[str, object]:
        """Returns everything that the result depends on."""
        ...

    def batches_left(self) -> Iterator[float]:
        """Makes the batches from where it is and yields the loss of each."""
        ...

    def state(self) -> tuple[dict[str, Tensor], dict[str, object]]:
        """Returns where it is: tensors, and numbers as JSON, among them `done`."""
        ...

    def restore(self, held: Checkpoint) -> None:
        """Sets it to the state in a file.

        Raises:
            CheckpointError, KeyError, RuntimeError, TypeError, ValueError: the file is damaged.
        """
        ...
