"""Tensors of a file, validated only when they are requested."""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import chain
from pathlib import Path
from types import MappingProxyType
from typing import TypeVar

import torch
from torch import Tensor, nn

from ..errors import CheckpointError

__all__ = [
    "Unusable",
    "Weights",
    "below",
    "if_usable",
    "is_finite",
    "joined",
    "settled",
    "take_over",
    "why_left_out",
]

SHOWN = 3
ALIGNMENT = 64
"""Bytes to which PyTorch aligns memory; matrix products round differently elsewhere."""
WIDE = (torch.float32, torch.float64)
"""Types whose sums rarely overflow."""
Loaded = TypeVar("Loaded")


class Unusable(CheckpointError):
    """Raised when a requested tensor cannot be used."""


class Weights(Mapping[str, Tensor]):
    """Name to tensor; unusable tensors are listed by name and raise an error once requested.

    Args:
        path: path of the file, for messages.
        whole: usable tensors.
        left_out: name of an unusable tensor to the reason, in words that follow the file's name.
        unknown: the same for values that are not known to be tensors.
    """

    def __init__(
        self,
        path: Path,
        whole: Mapping[str, Tensor],
        left_out: Mapping[str, str] = MappingProxyType({}),
        unknown: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        self.path, self.whole, self.left_out, self.unknown = path, whole, left_out, unknown

    def __getitem__(self, name: str) -> Tensor:
        """Returns a usable tensor.

        Raises:
            Unusable: it is unusable, or an unknown value has this name.
            KeyError: there is no such tensor.
        """
        if (found := self.whole.get(name)) is not None:
            return found
        if why := self.left_out.get(name) or self.unknown.get(name):
            raise Unusable(f"{self.path} {why}.")
        raise KeyError(name)

    def __contains__(self, name: object) -> bool:
        """Whether the name exists, usable or not."""
        return name in self.whole or name in self.left_out

    def __iter__(self) -> Iterator[str]:
        """Iterates over the names, unusable ones last."""
        return chain(self.whole, self.left_out)

    def below(self, prefix: str) -> "Weights":
        """Returns the tensors under a prefix, which their names then lack."""
        parts = (
            {
                name.removeprefix(prefix): held
                for name, held in all_of.items()
                if name.startswith(prefix)
            }
            for all_of in (self.whole, self.left_out, self.unknown)
        )
        return Weights(self.path, *parts)  # pyright: ignore[reportArgumentType]

    def __len__(self) -> int:
        """Number of tensors, usable or not."""
        return len(self.whole) + len(self.left_out)


def below(tensors: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    """Returns the tensors under a prefix, which their names then lack.

    Raises:
        Unusable: one of them cannot be used.
    """
    return {
        name.removeprefix(prefix): tensors[name] for name in tensors if name.startswith(prefix)
    }


def if_usable(load: Callable[[], Loaded]) -> Loaded | None:
    """Loads an optional part of a model, such as its discriminator; None if it is unusable.

    Diverged training leaves unusable discriminators: the generator is opened without one.
    """
    try:
        return load()
    except Unusable:
        return None


def why_left_out(tensors: Mapping[str, Tensor]) -> str:
    """Returns a sentence about what is not read from a file, for messages, or an empty text."""
    if not isinstance(tensors, Weights):
        return ""
    reasons = [f"it {why}" for why in (*tensors.left_out.values(), *tensors.unknown.values())]
    more = f" and {len(reasons) - SHOWN} more" if len(reasons) > SHOWN else ""
    return f" Not all of the file is read: {'; '.join(reasons[:SHOWN])}{more}." if reasons else ""


def joined(path: Path, parts: Sequence[Mapping[str, Tensor]]) -> Weights:
    """Merges the tensors of several files that hold one model."""
    whole: dict[str, Tensor] = {}
    left_out: dict[str, str] = {}
    for part in parts:
        held = part if isinstance(part, Weights) else Weights(path, part)
        whole |= held.whole
        left_out |= held.left_out
    return Weights(path, whole, left_out)


def is_finite(tensor: Tensor, *, or_infinite: bool = False) -> bool:
    """Whether all numbers are finite, or with `or_infinite` at least not NaN."""
    # A sum with NaN or infinity is never finite; of most tensors it is all that is needed.
    if tensor.dtype in WIDE and math.isfinite(tensor.sum().item()):
        return True
    if not (tensor.is_floating_point() or tensor.is_complex()) or tensor.numel() == 0:
        return True
    real = torch.view_as_real(tensor) if tensor.is_complex() else tensor
    if real.dtype.itemsize == 1:
        real = real.float()
    low, high = real.reshape(-1).aminmax()
    if or_infinite:
        return not bool(low.isnan())
    return bool(low.isfinite()) and bool(high.isfinite())


def settled(tensor: Tensor) -> Tensor:
    """Returns a tensor of a file as a network holds it, for the network to take over.

    Numbers are in float32, in memory of PyTorch's own, and convolutions are stored channels last,
    which cuts a step on the digits to two thirds. Where this loses no digits, the tensor itself is
    moved, so that the memory that the file was read into is free again.
    """
    if not tensor.is_floating_point():
        return tensor
    if tensor.is_inference() or tensor.dtype == torch.float64:
        tensor = tensor.to(torch.float32, copy=True)
    elif tensor.dtype != torch.float32:
        tensor.data = tensor.to(torch.float32)
    if tensor.ndim == 4:
        tensor.data = tensor.to(memory_format=torch.channels_last)
    elif not tensor.is_contiguous():
        tensor.data = tensor.contiguous()
    if tensor.data_ptr() % ALIGNMENT:
        tensor.data = tensor.clone()
    return tensor


def take_over(kept: Tensor, tensor: Tensor) -> None:
    """Makes a settled tensor a network's parameter, frozen, or copies it to a buffer.

    Buffers are copies, since normalisations change theirs.

    Args:
        kept: the parameter or buffer, from `state_dict(keep_vars=True)`.
        tensor: the tensor.
    """
    if isinstance(kept, nn.Parameter):
        kept.data = tensor
        kept.requires_grad_(False)
    else:
        kept.data = tensor.to(kept.dtype, copy=True)
