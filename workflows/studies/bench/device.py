"""Benchmarks on an accelerator: synchronised steps, and their memory."""

import platform

import torch

from ....core.errors import InvalidInput
from .harness import Prepare, Step, peak_memory

__all__ = ["checked_device", "finished", "machine", "memory_of"]


def checked_device(name: str) -> torch.device:
    """Returns the named device; `auto` is the CPU, whose numbers have requirements.

    Raises:
        InvalidInput: the device is not available.
    """
    there = {"cuda": torch.cuda.is_available, "mps": torch.backends.mps.is_available}
    if name in there and not there[name]():
        raise InvalidInput(f"No {name} device here, or PyTorch does not support it. Use cpu.")
    return torch.device(name if name in there else "cpu")


def machine(device: torch.device) -> str:
    """Name of the device."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return platform.processor() or platform.machine()


def finished(step: Step, device: torch.device) -> Step:
    """The step followed by a synchronisation, since kernel launches are asynchronous."""
    if device.type == "cpu":
        return step
    wait = torch.cuda.synchronize if device.type == "cuda" else torch.mps.synchronize

    def both() -> None:
        step()
        wait()

    return both


def memory_of(prepare: Prepare, device: torch.device) -> int | None:
    """Bytes that a step adds at its peak; None where the device does not report them.

    On the CPU the step runs in a process of its own, see `harness.peak_memory`.
    """
    if device.type == "cpu":
        return peak_memory(prepare)
    if device.type != "cuda":
        return None
    warm, step = prepare()
    warm()
    torch.cuda.synchronize()
    torch.cuda.reset_peak_memory_stats()
    before = torch.cuda.memory_allocated()
    step()
    torch.cuda.synchronize()
    return torch.cuda.max_memory_allocated() - before
