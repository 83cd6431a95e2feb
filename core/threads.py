"""How many threads PyTorch takes in loops of small operations."""

import os
from collections.abc import Generator, Iterable
from contextlib import AbstractContextManager, contextmanager

import torch
from torch import nn

from .chunking import SMALL_IMAGE, Chunking
from .energy import Energy
from .generator import Generator as Model

__all__ = ["SMALL_WORK", "passive", "threads_for", "threads_of"]

SMALL_WORK = 100_000_000
"""Numbers in the networks times rows at a time up to which one thread does the work."""


@contextmanager
def threads_for(
    modules: Iterable[nn.Module],
    *,
    rows: int,
    device: torch.device,
    image_size: tuple[int, int] = (1, 1),
) -> Generator[None, None, None]:
    """One thread inside where the work is small, and the former number after it, errors included.

    PyTorch shares every operation out among threads that wait for each other at its end, and
    OpenMP's threads wait by spinning. Beside other busy processes one of them is soon without a
    processor, and the others spin until it has one again: some milliseconds for each operation,
    however short. A step on digits is hundreds of operations of less than a tenth of a
    millisecond. The whole of `tr0n_digits_class` on two cores took 31 s idle on two threads and
    43 on one; eight steps of sixteen digits beside other work (a load of 15 to 20) took 40 to 48
    s on two threads that spin, 2.3 to 3.8 on one, and 4 on two that sleep. `latentsteer bench
    threads` has whole runs. Operations of many milliseconds lose little, and threads stay worth
    it.

    The rule looks at what is computed and never at the load or at how many samples there are, so
    that a run repeats: images of at most 64 pixels a side, and at most SMALL_WORK of numbers times
    rows, as a row's cost goes with the numbers of its networks. The embedded models at eight rows
    lie below (3 and 38 million), a CLIP of 88 million numbers or StyleGAN2 for CIFAR-10 above.

    Nothing changes on an accelerator, whose threads these are not; and where OpenMP was told to
    wait passively before PyTorch was loaded, as the command `latentsteer` does: its threads sleep
    and may stay. Nor where there is one thread already, as inside another of these.

    Args:
        modules: the networks that are called.
        rows: at a time, of a chunk or a batch.
        device: where they are.
        image_size: (height, width) that they make or look at.
    """
    before = torch.get_num_threads()
    small = max(image_size) <= SMALL_IMAGE and rows * _numbers(modules) <= SMALL_WORK
    if before == 1 or device.type != "cpu" or not small or passive():
        yield
        return
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def threads_of(
    generator: Model, energy: Energy | None, chunking: Chunking, device: torch.device
) -> AbstractContextManager[None]:
    """`threads_for` a generator and an energy that looks at what it makes."""
    return threads_for(
        (*generator.modules, *(energy.modules if energy is not None else ())),
        rows=chunking.size,
        device=device,
        image_size=generator.image_size,
    )


def passive() -> bool:
    """Whether the environment tells OpenMP's threads to sleep while they wait.

    Runtimes read it as they are loaded: the number of spins first, where GNU's or Intel's own
    variable gives one, else the policy.
    """
    for own in ("GOMP_SPINCOUNT", "KMP_BLOCKTIME"):
        if (said := os.environ.get(own)) is not None:
            return said.strip() == "0"
    return os.environ.get("OMP_WAIT_POLICY", "").strip().lower() == "passive"


def _numbers(modules: Iterable[nn.Module]) -> int:
    own = dict.fromkeys(number for module in modules for number in module.parameters())
    return sum(number.numel() for number in own)
