"""Tensors from what a file declares of them, checked against the bytes that it has."""

import math
import re
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from .records import Array, Dtype, LeftOut, Record, Refused, Storage, View

__all__ = ["SPARE_BYTES", "Tensors", "plain_name", "unfinite"]

SPARE_BYTES = 64 << 20
"""What the tensors may take beyond twice the file, since saved views may share storage."""
DEEPEST = 32
"""Dimensions of a tensor."""
LARGEST = 2**40
NAME = re.compile(r"[\w./:+-]*", re.ASCII)
Fetch = Callable[[Storage], bytes | bytearray]


class Tensors:
    """Makes tensors of views and arrays, within what a file of its size may hold.

    Args:
        size: of the file, in bytes.
        fetch: the bytes of a storage.
        sealed: whether check sums cover the file. Without them names and strides must be such as
            people and PyTorch make, so that most damage is seen.

    Attributes:
        forgiving: whether a tensor that is not finite is left out instead of refused.
    """

    def __init__(self, size: int, fetch: Fetch, *, sealed: bool) -> None:
        self.forgiving = False
        self._allowance = 2 * size + SPARE_BYTES
        self._fetch, self._sealed = fetch, sealed
        self._buffers: dict[int, tuple[Storage, bytearray]] = {}

    def of(self, name: str, declared: View | Array) -> Tensor | None:
        """The tensor that the file declares under a name; None where one is left out.

        Raises:
            LeftOut: it depends on what is not known, is not finite, or has no name of a weight.
            Refused: it does not fit its bytes, or is far too large.
        """
        if not self._sealed and not NAME.fullmatch(name):
            raise LeftOut(f"has a tensor named {name!r:.99}, which no network has; it is damaged")
        if isinstance(declared, View):
            tensor = self._view(name, declared)
        else:
            tensor = self._array(name, declared)
        if self.forgiving and not is_finite(tensor):
            return None
        if why := unfinite(name, tensor):
            raise LeftOut(why)
        return tensor

    def number(self, name: str, array: Array) -> bool | int | float | None:
        """A single number of NumPy; None for a complex one.

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
            raise Refused(f"declares `{name}` with sizes that are no sizes: {numbers!r:.99}")
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
                "that its numbers overlap. A file without check sums that does so cannot be told "
                "from a damaged one: save clones of the tensors by torch.save"
            )
        if len(held) % dtype.itemsize:
            raise Refused(f"declares `{name}` of a storage that holds no such numbers")
        flat = torch.frombuffer(held, dtype=dtype)
        return flat.as_strided(shape, stride, offset).contiguous()

    def _bytes(self, storage: Storage) -> bytearray:
        if id(storage) not in self._buffers:
            content = storage.content if storage.content is not None else self._fetch(storage)
            held = content if type(content) is bytearray else bytearray(content)
            self._buffers[id(storage)] = (storage, held)
        return self._buffers[id(storage)][1]

    def _array(self, name: str, array: Array) -> Tensor:
        if why := self._unread(name, array):
            raise LeftOut(why)
        shape, content = _sizes(array.shape), array.content
        if type(array.dtype) is not Dtype or array.dtype.number is None or shape is None:
            raise Refused(f"declares `{name}` as an array of no numbers")
        if any(type(n) is not int or not 0 <= n < LARGEST for n in shape) or len(shape) > DEEPEST:
            raise Refused(f"declares `{name}` with sizes that are no sizes: {shape!r:.99}")
        if isinstance(content, str):
            content = content.encode("latin-1")
        count, width = math.prod(shape), array.dtype.width
        self._charge(name, count, width)
        if not isinstance(content, bytes | bytearray) or len(content) != count * width:
            raise Refused(f"declares `{name}` as {count} numbers, for which it has other bytes")
        if count == 0:
            return torch.empty(shape, dtype=array.dtype.number)
        held = content if type(content) is bytearray else bytearray(content)
        flat = torch.frombuffer(held, dtype=array.dtype.number)
        if array.fortran:
            return flat.reshape(shape[::-1]).permute(*range(len(shape))[::-1]).contiguous()
        return flat.reshape(shape)

    def _unread(self, name: str, array: Array) -> str | None:
        """Why an array is not read, where it is made of what is not known."""
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
    """That a tensor depends on a record, in words that follow the file's name."""
    why = f": the file {record.why}" if record.why else ""
    return (
        f"has a tensor `{name}` that is made from `{record.kind}`, of which nothing is run or "
        f"read{why}. Save the `state_dict` of the network by torch.save, as plain dense tensors"
    )


def plain_name(prefix: str, key: object) -> str:
    """The dotted name of what lies under a key."""
    return f"{prefix}.{key}" if prefix else str(key)


def is_finite(tensor: Tensor, *, or_infinite: bool = False) -> bool:
    """Whether all numbers are finite, or at least none is NaN."""
    if not (tensor.is_floating_point() or tensor.is_complex()) or tensor.numel() == 0:
        return True
    real = torch.view_as_real(tensor) if tensor.is_complex() else tensor
    if real.dtype.itemsize == 1:
        real = real.float()
    low, high = real.reshape(-1).aminmax()
    if or_infinite:
        return not bool(low.isnan())
    return bool(low.isfinite()) and bool(high.isfinite())


def unfinite(name: str, tensor: Tensor) -> str | None:
    """Why weights with NaN or infinite numbers are not taken; masks may hold infinite ones."""
    if is_finite(tensor, or_infinite="mask" in name):
        return None
    return (
        f"has values that are not finite in `{name}`. Weights are finite: fetch or save it again"
    )


def _sizes(shape: Any) -> tuple[Any, ...] | None:  # noqa: ANN401 - whatever a file says
    return tuple(shape) if type(shape) in (tuple, list) else None


def _overlaps(shape: tuple[Any, ...], stride: tuple[Any, ...]) -> bool:
    """Whether a view shows a number twice, as no slice does; expanded ones may."""
    steps = sorted((d, n) for n, d in zip(shape, stride, strict=True) if n > 1 and d > 0)
    reach = 0
    for step, size in steps:
        if step <= reach:
            return True
        reach += step * (size - 1)
    return False
