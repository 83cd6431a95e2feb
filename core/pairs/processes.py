"""Processes that share a synthesis or a training, on one machine or on many."""

import contextlib
import json
import os
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, distributed

from ..errors import InvalidInput, PeerFailed

__all__ = ["ALONE", "Processes", "launched_together", "made_by"]

MADE, FAILED = "made", "failed"
"""Keys of an outcome: the result of a process, or the message of its error."""


@dataclass(frozen=True)
class Processes:
    """The processes that share a piece of work. Each calls the same methods in the same order.

    Alone, every method returns at once and calls nothing of torch.distributed.

    Attributes:
        rank: number of this process, from 0. Process 0 alone writes files that all share.
        size: number of processes.
    """

    rank: int = 0
    size: int = 1

    def rows(self, count: int) -> slice:
        """Returns this process's rows of a batch: contiguous, and in order of the processes.

        Sizes differ by at most 1. With fewer rows than processes some have none.
        """
        return slice(count * self.rank // self.size, count * (self.rank + 1) // self.size)

    def gathered(self, value: object) -> list[Any]:
        """Returns a value of every process, in their order. Waits for all.

        Args:
            value: value of this process, which JSON can hold.

        Raises:
            PeerFailed: a process has ended.
        """
        if self.size == 1:
            return [value]
        own = torch.frombuffer(bytearray(json.dumps(value).encode()), dtype=torch.uint8)
        sizes = [torch.zeros(1, dtype=torch.long) for _ in range(self.size)]
        with _answering():
            distributed.all_gather(sizes, torch.tensor([len(own)]))
        lengths = [int(size) for size in sizes]
        padded = torch.zeros(max(lengths), dtype=torch.uint8)
        padded[: len(own)] = own
        texts = [torch.empty_like(padded) for _ in range(self.size)]
        with _answering():
            distributed.all_gather(texts, padded)
        return [
            json.loads(text[:length].numpy().tobytes())
            for text, length in zip(texts, lengths, strict=True)
        ]

    def summed(self, numbers: Tensor) -> Tensor:
        """Returns the sum of a tensor over all processes, on its device. Waits for all.

        The sum has the same bits in every process and in every run of as many processes.

        Raises:
            PeerFailed: a process has ended.
        """
        if self.size == 1:
            return numbers
        # Other devices have no backend.
        total = numbers if numbers.device.type in ("cpu", "cuda") else numbers.cpu()
        with _answering():
            distributed.all_reduce(total)
        return total.to(numbers.device)

    def outcomes(self, work: Callable[[], object]) -> list[dict[str, Any]]:
        """Does a piece of work in every process and returns the outcomes, in their order.

        Args:
            work: work of this process. JSON can hold its result.

        Returns:
            A dict for each process, to be read by `made_by`. An error of this process's own work
            is raised after it is reported to the others.
        """
        try:
            own = work()
        except Exception as error:
            if self.size > 1:
                self.gathered({FAILED: str(error) or type(error).__name__})
            raise
        return self.gathered({MADE: own})

    def shared(self, work: Callable[[], object]) -> list[Any]:
        """Returns the results of a piece of work of every process, in their order.

        Args:
            work: as in `outcomes`.

        Raises:
            PeerFailed: the work of another process failed.
        """
        return [made_by(number, one) for number, one in enumerate(self.outcomes(work))]

    def check_same(self, values: Mapping[str, object], what: str, cure: str) -> None:
        """Checks that all processes have the same values.

        Args:
            values: values by name, which JSON can hold.
            what: what has them, for the message.
            cure: ends the message.

        Raises:
            InvalidInput: values differ; the message names them.
        """
        found: Sequence[Mapping[str, object]] = self.gathered(dict(values))
        differ = [
            f"{name} {' and '.join(dict.fromkeys(str(one[name]) for one in found))}"
            for name in values
            if any(one[name] != found[0][name] for one in found)
        ]
        if differ:
            raise InvalidInput(
                f"{what} differs between the {self.size} processes: {'; '.join(differ)}. {cure}"
            )


ALONE = Processes()
"""This process by itself."""


def made_by(number: int, outcome: Mapping[str, Any]) -> Any:  # noqa: ANN401
    """Returns the result in an outcome of a process.

    Raises:
        PeerFailed: its work failed.
    """
    if FAILED in outcome:
        raise PeerFailed(f"Process {number} failed: {outcome[FAILED]}")
    return outcome[MADE]


@contextlib.contextmanager
def _answering() -> Generator[None, None, None]:
    try:
        yield
    except RuntimeError as error:  # of every backend
        raise PeerFailed(
            "Another of the processes that share the work has ended; its message says why."
        ) from error


@contextlib.contextmanager
def launched_together(*, gpu: bool) -> Generator[Processes, None, None]:
    """Context of the processes that `torchrun` has started; of this one alone without it.

    Args:
        gpu: whether they compute on CUDA devices, each on the one of its number on its machine.

    Raises:
        InvalidInput: a machine has fewer CUDA devices than processes.
    """
    launched = distributed.is_available() and distributed.is_torchelastic_launched()
    if not launched or int(os.environ["WORLD_SIZE"]) == 1:
        yield ALONE
        return
    local = int(os.environ["LOCAL_RANK"])
    if gpu:
        there = torch.cuda.device_count()
        if local >= there:
            raise InvalidInput(
                f"Process {local} of this machine has no GPU of its own; there are {there}. "
                "Start one process for each GPU (--nproc-per-node), or compute on the CPU "
                "(--device cpu)."
            )
        torch.cuda.set_device(local)
    # Messages between processes are on the CPU, gradients on the device.
    distributed.init_process_group("cpu:gloo,cuda:nccl" if gpu else "gloo")
    try:
        yield Processes(distributed.get_rank(), distributed.get_world_size())
    finally:
        distributed.destroy_process_group()
