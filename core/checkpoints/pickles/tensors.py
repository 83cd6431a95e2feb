"""Makes tensors from a file's declarations, checked against its bytes."""

import math
import re
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..weights import is_finite
from .records import Array, Dtype, LeftOut, Record, Refused, Storage, View

__all__ = ["SPARE_BYTES", "Tensors", "plain_name", "unfinite"]

SPARE_BYTES = 64 << 20
"""Allowance for tensors beyond twice the file size, since saved views may share storage."""
DEEPEST = 32
"""Limit on the dimensions of a tensor."""
LARGEST = 2**40
NAME = re.compile(r"[\w./:+-]*", re.ASCII)
Fetch = Callable[[Storage], bytes | bytearray]


class Tensors:
    """Makes tensors from views and arrays, within what a file of its size can hold.

    Args:
        size: file size in bytes.
        fetch: returns the bytes of a storage.
        sealed: whether checksums cover the file. Without them only usual names and PyTorch's own
            strides are accepted, which detects most damage.

    Attributes:
        forgiving: whether tensors that are not finite are omitted instead of refused.
    """

    def __init__(self, size: int, fetch: Fetch, *, sealed: bool) -> None:
        self.forgiving = False
        self._allowance = 2 * size + SPARE_BYTES
        self._fetch, self._sealed = fetch, sealed
        self._buffers: dict[int, tuple[Storage, Tensor]] = {}

    def of(self, name: str, declared: View | Array) -> Tensor | None:
        """Returns the tensor declared under a name, or None if it is omitted.

        Raises:
            LeftOut: it depends on something unknown, is not finite, or has no weight's name.
            Refused: it does not fit its bytes, or is far too large.
        """
        if not self._sealed and not NAME.fullmatch(name):
            raise LeftOut(f"has a tensor named {name!r:.99}, which no network has; it is damaged")
        if isinstance(declared, View):
            tensor = self._view(name, declared)
        else:
            tensor = self._array(name, declared)
        tensor = tensor.detach()  # a view would keep the file's bytes after it is moved
        if self.forgiving and not is_finite(tensor):
            return None
        if why := unfinite(name, tensor):
            raise LeftOut(why)
        return tensor

    def number(self, name: str, array: Array) -> bool | int | float | None:
        """Returns a NumPy scalar as a Python number, or None for a complex one.

        Raises:
            Refused: it does not fit its bytes.
        """
        tensor = self._array(name, array)
        return None if tensor.is_complex() else tensor.item()

    def _charge(self, name: str, numbers: int, width: int) -> None:
        self._allowance -= numbers * width
        if self._allowance < 0:
            raise Refused(f"declares tensors, up to `{name}`, far larger than the file")

    def _view(self, name: str, view: View) -> Tensor:
        storage, offset, shape, stride, kind = view
        _refuse_records(name, storage, offset, shape, stride)
        shape, stride = _sizes(shape), _sizes(stride)
        if type(storage) is not Storage or shape is None or stride is None:
            raise Refused(f"declares `{name}` by other than a storage, a shape and strides")
        if len(shape) != len(stride):
            raise Refused(f"declares `{name}` by other than a storage, a shape and strides")
        numbers = (offset, *shape, *stride)
        if any(type(n) is not int or not 0 <= n < LARGEST for n in numbers):
            raise Refused(f"declares `{name}` with invalid sizes: {numbers!r:.99}")
        if len(shape) > DEEPEST:
            raise Refused(f"declares tensors, up to `{name}`, far larger than the file")
        dtype = kind or storage.dtype
        count = math.prod(shape)
        self._charge(name, count, dtype.itemsize)
        held = self._bytes(storage)
        if count == 0:
            return torch.empty(shape, dtype=dtype)
        last = offset + sum(max(s - 1, 0) * step for s, step in zip(shape, stride, strict=True))
        width = storage.dtype.itemsize
        bytes_needed = (last + 1) * dtype.itemsize
        if len(held) != storage.numel * width or bytes_needed > len(held):
            raise Refused(
                f"declares `{name}` as {last + 1} numbers or more of a storage of "
                f"{storage.numel}, for which it has {len(held)} bytes"
            )
        if not self._sealed and _overlaps(shape, stride):
            raise LeftOut(
                f"declares `{name}` with strides {list(stride)} for the shape {list(shape)}, so "
                "that its numbers overlap. In a file without checksums this may be damage: save "
                "clones of the tensors with torch.save"
            )
        if len(held) % dtype.itemsize:
            raise Refused(f"declares `{name}` of a storage that holds no such numbers")
        return held.view(dtype).as_strided(shape, stride, offset).contiguous()

    def _bytes(self, storage: Storage) -> Tensor:
        if id(storage) not in self._buffers:
            content = storage.content if storage.content is not None else self._fetch(storage)
            if type(content) is bytearray and content:
                held = torch.frombuffer(content, dtype=torch.uint8)
            else:  # in memory of PyTorch's own, which is aligned: networks take it over as it is
                held = torch.empty(len(content), dtype=torch.uint8)
                held.numpy()[:] = np.frombuffer(content, np.uint8)
            self._buffers[id(storage)] = (storage, held)
        return self._buffers[id(storage)][1]

    def _array(self, name: str, array: Array) -> Tensor:
        if why := self._unread(name, array):
            raise LeftOut(why)
        shape, content = _sizes(array.shape), array.content
        if type(array.dtype) is not Dtype or array.dtype.number is None or shape is None:
            raise Refused(f"declares `{name}` as an array without numbers")
        if any(type(n) is not int or not 0 <= n < LARGEST for n in shape) or len(shape) > DEEPEST:
            raise Refused(f"declares `{name}` with invalid sizes: {shape!r:.99}")
        if isinstance(content, str):
            content = content.encode("latin-1")
        count, width = math.prod(shape), array.dtype.width
        self._charge(name, count, width)
        if not isinstance(content, bytes | bytearray) or len(content) != count * width:
            raise Refused(f"declares `{name}` as {count} numbers, but its byte count differs")
        if count == 0:
            return torch.empty(shape, dtype=array.dtype.number)
        held = content if type(content) is bytearray else bytearray(content)
        flat = torch.frombuffer(held, dtype=array.dtype.number)
        if array.fortran:
            return flat.reshape(shape[::-1]).permute(*range(len(shape))[::-1]).contiguous()
        return flat.reshape(shape)

    def _unread(self, name: str, array: Array) -> str | None:
        """Returns why an array cannot be read, or None if all its parts are known."""
        for part in (array.dtype, array.shape, array.content):
            if type(part) is Record:
                return rebuilt(name, part)
        why = array.why or (array.dtype.why if type(array.dtype) is Dtype else None)
        return f"has an array `{name}` that is not read: it {why}" if why else None


def _refuse_records(name: str, *parts: object) -> None:
    for part in parts:
        if type(part) is Record:
            raise LeftOut(rebuilt(name, part))


def rebuilt(name: str, record: Record) -> str:
    """Explains that a tensor depends on a record, in words that follow the file's name."""
    why = f": the file {record.why}" if record.why else ""
    return (
        f"has a tensor `{name}` that is made from `{record.kind}`, of which nothing is run or "
        f"read{why}. Save the `state_dict` of the network with torch.save, as plain dense tensors"
    )


def plain_name(prefix: str, key: object) -> str:
    """Returns the dotted name of an entry."""
    return f"{prefix}.{key}" if prefix else str(key)


def unfinite(name: str, tensor: Tensor) -> str | None:
    """Returns why weights with NaN or infinity are refused, or None; masks may be infinite."""
    if is_finite(tensor, or_infinite="mask" in name):
        return None
    return (
        f"has values that are not finite in `{name}`. Weights are finite: fetch or save it again"
    )


def _sizes(shape: Any) -> tuple[Any, ...] | None:  # noqa: ANN401 - whatever a file says
    return tuple(shape) if type(shape) in (tuple, list) else None


def _overlaps(shape: tuple[Any, ...], stride: tuple[Any, ...]) -> bool:
    """Whether a view shows an element twice, as expanded tensors may and slices never do."""
    steps = sorted((d, n) for n, d in zip(shape, stride, strict=True) if n > 1 and d > 0)
    reach = 0
    for step, size in steps:
        if step <= reach:
            return True
        reach += step * (size - 1)
    return False
