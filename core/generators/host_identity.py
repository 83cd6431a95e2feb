"""A digest of what a host has loaded: networks of many gigabytes, settings, conditionings."""

import hashlib
from collections.abc import Iterable, Mapping
from typing import Any

import torch
from torch import Tensor

__all__ = ["sampled_digest"]

VALUES = 64
"""Numbers of a tensor that count."""
DEEP = 12
UNNAMED = ("uuid",)
"""Keys of what the host draws at random for each object."""


def sampled_digest(*values: object) -> str:
    """Returns a sha256 of nested values, in which 64 evenly spaced numbers stand for a tensor.

    Equal values have equal digests in every process. Values with equal digests are most probably
    equal, but this is no proof: two tensors can differ in the numbers between.

    Args:
        values: tensors, numbers, texts, mappings, sequences, functions, and objects of these.
    """
    found = hashlib.sha256()
    for value in values:
        _absorb(found, value, DEEP)
    return found.hexdigest()


def _absorb(found: Any, value: Any, deep: int) -> None:  # noqa: ANN401
    """Adds a value to a hash; what lies deeper than allowed counts by its class."""
    if isinstance(value, Tensor):
        _tensor(found, value)
    elif value is None or isinstance(value, bool | int | float | str | bytes | torch.dtype):
        found.update(f"{type(value).__name__}:{value!r};".encode())
    elif deep == 0:
        found.update(_name(value))
    elif isinstance(value, Mapping):
        _mapping(found, value, deep)
    elif isinstance(value, Iterable) and not isinstance(value, torch.nn.Module):
        items = sorted(value, key=repr) if isinstance(value, set | frozenset) else list(value)
        found.update(f"{type(value).__name__}[{len(items)}]".encode())
        for item in items:
            _absorb(found, item, deep - 1)
    else:
        found.update(_name(value))
        own = {} if callable(value) and hasattr(value, "__qualname__") else _state(value)
        _mapping(found, own, deep)


def _mapping(found: Any, value: Mapping[Any, Any], deep: int) -> None:  # noqa: ANN401
    for key in sorted(value, key=str):
        if key not in UNNAMED:
            found.update(f"{key}=".encode())
            _absorb(found, value[key], deep - 1)


def _name(value: object) -> bytes:
    owner = value if hasattr(value, "__qualname__") else type(value)
    return f"<{getattr(owner, '__qualname__', '')}>".encode()


def _state(value: object) -> dict[str, Any]:
    """An object's plain attributes; a network counts elsewhere."""
    plain = (bool, int, float, str, tuple, list, Tensor)
    kept = getattr(value, "__dict__", {})
    return {k: v for k, v in kept.items() if not k.startswith("_") and isinstance(v, plain)}


def _tensor(found: Any, value: Tensor) -> None:  # noqa: ANN401
    # The newer ComfyUI keeps the numbers of quantised weights apart.
    numbers = getattr(value, "_qdata", value).detach()
    found.update(f"{numbers.dtype}{tuple(numbers.shape)}".encode())
    if numbers.numel() == 0 or numbers.is_meta:
        return
    step = max(1, numbers.numel() // VALUES)
    taken = numbers.flatten()[::step][:VALUES].contiguous().cpu()
    found.update(bytes(taken.view(torch.uint8).tolist()))
