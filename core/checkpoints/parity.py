"""Compares the outputs of a checkpoint here with those of its authors' code."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from .architecture import Architecture
from .checkpoint import read
from .record import Checkpoint

__all__ = ["TOLERANCE", "Comparison", "compared", "read_arrays"]

TOLERANCE = 1e-5
"""Largest error relative to the largest magnitude of the reference, in float32."""


@dataclass(frozen=True)
class Comparison:
    """Comparison of one output with the reference.

    Attributes:
        name: name of the array.
        error: max |output - reference| / max |reference|; infinite if the shapes differ.
        shape: shape of the reference.
    """

    name: str
    error: float
    shape: tuple[int, ...]

    @property
    def holds(self) -> bool:
        """Whether the error is within the tolerance."""
        return self.error <= TOLERANCE

    def __str__(self) -> str:
        verdict = "ok" if self.holds else "MISSED"
        return f"{verdict:<7}{self.name:<20}{self.error:.2e}  {list(self.shape)}"


def compared(
    checkpoint: Checkpoint,
    architecture: Architecture[Any],
    arrays: Mapping[str, Tensor],
) -> list[Comparison]:
    """Compares every output that the arrays name and the architecture supports.

    Args:
        checkpoint: a checkpoint that the architecture recognises.
        architecture: architecture of the checkpoint.
        arrays: inputs and the outputs of the authors' code, by name.
    """
    if architecture.parity is None:
        return []
    with torch.no_grad():
        found = architecture.parity(checkpoint, arrays)
    return [
        Comparison(name, _error(found[name], arrays[name]), tuple(arrays[name].shape))
        for name in arrays
        if name in found
    ]


def read_arrays(path: str | Path) -> dict[str, Tensor]:
    """Reads the numeric arrays of an `.npz` file, by name.

    Raises:
        CheckpointError: the file is missing, damaged, or holds objects.
    """
    return dict(read(path).tensors)


def _error(found: Tensor, reference: Tensor) -> float:
    if found.shape != reference.shape:
        return math.inf
    if reference.numel() == 0:
        return 0.0
    wanted = reference.double()
    scale = float(wanted.abs().max())
    far = float((found.double() - wanted).abs().max())
    if math.isnan(far):
        return math.inf
    return far / scale if scale else far
