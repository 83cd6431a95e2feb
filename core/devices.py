"""Tensors brought to where the networks are, without making the host wait for an accelerator."""

from collections.abc import Sequence

import torch
from torch import Tensor

__all__ = ["constants", "exact", "numbers_on", "placed"]


def exact(x: Tensor) -> Tensor:
    """In float64, where the device has it: what nearly cancels keeps digits."""
    return x if x.device.type == "mps" else x.double()


def placed(tensor: Tensor, like: Tensor) -> Tensor:
    """The tensor, placed and typed like another.

    Draws and constants come from the CPU at every step. A plain `.to` would wait each time until
    the accelerator has done all its work; CUDA copies what lies in ordinary memory before it
    returns, so here nothing waits and the source may go at once. Types change on the CPU, since
    not every device has float64.

    Args:
        tensor: on the CPU, or there already.
        like: says device and float type.
    """
    typed = tensor.to(like.dtype) if tensor.device.type == "cpu" else tensor
    return typed.to(like, non_blocking=_waits_not(tensor, like.device))


def constants(numbers: Sequence[float], like: Tensor) -> Tensor:
    """A few numbers as a tensor, placed and typed like another."""
    return placed(torch.tensor(numbers, dtype=torch.float64), like)


def numbers_on(numbers: Sequence[int] | Tensor, device: torch.device) -> Tensor:
    """Whole numbers, such as rows to index by, on a device; as `placed`."""
    found = torch.as_tensor(numbers, dtype=torch.long)
    return found.to(device, non_blocking=_waits_not(found, device))


def _waits_not(tensor: Tensor, device: torch.device) -> bool:
    # What goes back must be waited for, and Metal reads the source while it copies.
    return tensor.device.type == "cpu" and device.type not in ("cpu", "mps")
