"""Devices and threads: tensors on the device of the networks, and one thread for small work."""

import os
from collections.abc import Generator, Iterable, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor, nn

__all__ = [
    "SMALL_IMAGE",
    "SMALL_WORK",
    "as_float64",
    "constants",
    "numbers_on",
    "passive",
    "placed",
    "threads_for",
    "threads_of",
]

SMALL_IMAGE = 64
"""Largest image side at which a batch of eight samples is as fast as its parts on one thread."""
SMALL_WORK = 100_000_000
"""Limit of parameters times rows up to which one thread does the work."""


def as_float64(x: Tensor) -> Tensor:
    """Returns the tensor in float64, where the device supports it, against cancellation."""
    return x if x.device.type == "mps" else x.double()


def placed(tensor: Tensor, like: Tensor) -> Tensor:
    """Returns the tensor with the device and float type of another.

    Draws and constants come from the CPU at every step. A plain `.to` would wait until the
    accelerator has finished all its work. CUDA copies pageable memory before it returns, so that a
    non-blocking copy is safe and the source may be freed at once. Types are converted on the CPU,
    since not every device has float64.

    Args:
        tensor: tensor on the CPU, or already on the device.
        like: tensor with the device and the float type.
    """
    typed = tensor.to(like.dtype) if tensor.device.type == "cpu" else tensor
    return typed.to(like, non_blocking=_waits_not(tensor, like.device))


def constants(numbers: Sequence[float], like: Tensor) -> Tensor:
    """Returns a few numbers as a tensor with the device and float type of another."""
    return placed(torch.tensor(numbers, dtype=torch.float64), like)


def numbers_on(numbers: Sequence[int] | Tensor, device: torch.device) -> Tensor:
    """Returns integers, such as row indices, on a device; as `placed`."""
    found = torch.as_tensor(numbers, dtype=torch.long)
    return found.to(device, non_blocking=_waits_not(found, device))


def _waits_not(tensor: Tensor, device: torch.device) -> bool:
    # Copies to the CPU must be waited for, and Metal reads the source while it copies.
    return tensor.device.type == "cpu" and device.type not in ("cpu", "mps")


@runtime_checkable
class _Networks(Protocol):
    @property
    def modules(self) -> tuple[nn.Module, ...]: ...


@runtime_checkable
class _Rendering(_Networks, Protocol):
    @property
    def image_size(self) -> tuple[int, int]: ...


@runtime_checkable
class _Chunks(Protocol):
    @property
    def size(self) -> int: ...


@contextmanager
def threads_for(
    modules: Iterable[nn.Module],
    *,
    rows: int,
    device: torch.device,
    image_size: tuple[int, int] = (1, 1),
) -> Generator[None, None, None]:
    """Context with one thread where the work is small; restores the former number at its end.

    PyTorch splits every operation among threads that wait for each other at its end, and OpenMP's
    threads wait by spinning. Next to other busy processes one of them soon loses its processor,
    and the others spin until it has one again: some milliseconds for each operation, however
    short. A step on digits is hundreds of operations of less than a tenth of a millisecond. All of
    `tr0n_digits_class_trained` on two cores took 31 s idle on two threads and 43 on one; eight
    steps of sixteen digits next to other work (a load of 15 to 20) took 40 to 48 s on two threads
    that spin, 2.3 to 3.8 on one, and 4 on two that sleep. `latentsteer bench threads` measures
    whole runs. Operations of many milliseconds lose little, and profit from threads.

    The rule depends only on what is computed, not on the load or the number of samples, so that
    runs are reproducible: images of at most 64 pixels a side, and parameters times rows at most
    SMALL_WORK, as the cost of a row grows with the parameters of its networks. The embedded models
    at eight rows are below (3 and 38 million), a CLIP of 88 million parameters or StyleGAN2 for
    CIFAR-10 above.

    Nothing changes on an accelerator, which does not use these threads; where OpenMP is set to
    wait passively before PyTorch is loaded, as by the command `latentsteer`, since its threads
    sleep; or where there is already one thread, as inside another such context.

    Args:
        modules: networks that are called.
        rows: rows of a chunk or a batch.
        device: where they are.
        image_size: (height, width) of their images.
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
    generator: _Rendering, energy: _Networks | None, chunking: _Chunks, device: torch.device
) -> AbstractContextManager[None]:
    """`threads_for` a generator and an energy of its images.

    Args:
        generator: `core.generator.Generator`.
        energy: `core.energy.Energy`, if there is one.
        chunking: `core.chunking.Chunking`.
        device: where they are.
    """
    return threads_for(
        (*generator.modules, *(energy.modules if energy is not None else ())),
        rows=chunking.size,
        device=device,
        image_size=generator.image_size,
    )


def passive() -> bool:
    """Whether the environment sets OpenMP's threads to sleep while they wait.

    Runtimes read it when they are loaded: first the number of spins, if GNU's or Intel's own
    variable sets one, otherwise the policy.
    """
    for own in ("GOMP_SPINCOUNT", "KMP_BLOCKTIME"):
        if (value := os.environ.get(own)) is not None:
            return value.strip() == "0"
    return os.environ.get("OMP_WAIT_POLICY", "").strip().lower() == "passive"


def _numbers(modules: Iterable[nn.Module]) -> int:
    own = dict.fromkeys(number for module in modules for number in module.parameters())
    return sum(number.numel() for number in own)
