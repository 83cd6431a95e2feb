"""Matrices as 8-bit integers with a scale for each row, for small files of shipped models."""

from collections.abc import Mapping
from dataclasses import replace

import torch
from torch import Tensor

from .record import Checkpoint

__all__ = ["from_int8", "to_int8"]

SCALE = "/scale"
"""End of the name of a matrix's scales."""
LARGEST = 127


def to_int8(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Returns tensors of at least two axes as int8 with scales, and others in half precision.

    A row is what has one number on the first axis. Its scale is its largest magnitude over 127,
    so that a number is off by at most half a scale.

    Args:
        tensors: a state dict of floating-point tensors.
    """
    found: dict[str, Tensor] = {}
    for name, tensor in tensors.items():
        if tensor.ndim < 2:
            found[name] = tensor.half()
            continue
        rows = tensor.float().flatten(1)
        scale = rows.abs().amax(dim=1) / LARGEST
        whole = (rows / scale.clamp_min(torch.finfo(torch.float32).tiny)[:, None]).round()
        found[name] = whole.to(torch.int8).reshape(tensor.shape).contiguous()
        found[name + SCALE] = scale
    return found


def from_int8(checkpoint: Checkpoint) -> Checkpoint:
    """Returns a checkpoint whose int8 matrices with scales are float32; others are unchanged."""
    tensors: dict[str, Tensor] = {}
    for name, tensor in checkpoint.tensors.items():
        if name.endswith(SCALE):
            continue
        if tensor.dtype == torch.int8 and name + SCALE in checkpoint.tensors:
            scale = checkpoint.tensors[name + SCALE]
            shape = (-1, *[1] * (tensor.ndim - 1))
            tensor = tensor.float().mul_(scale.reshape(shape))
        tensors[name] = tensor
    return replace(checkpoint, tensors=tensors)
