"""A simulated accelerator: tensors that report another device and compute on the CPU.

Within `Accelerator()` everything that is moved to `DEVICE`, or made there, reports that device. As
on real hardware, an operation refuses tensors of two devices (except for single numbers, and
indices on the CPU), a CPU generator cannot draw there, and NumPy cannot read it. Operations that
make a host wait for an accelerator are counted: `reads` are values that come back, `writes` are
blocking copies to the device.
"""

from collections import Counter
from functools import cache

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode

DEVICE = torch.device("meta")
"""Every build of PyTorch has it, gradients on it need no hardware, LatentSteer never uses it."""
CPU = torch.device("cpu")
aten = torch.ops.aten
COPY_INTO = aten.copy_.default
COPIES = {aten._to_copy.default, COPY_INTO}
SCALAR = aten._local_scalar_dense.default
SET_DATA = Tensor.data.__set__  # pyright: ignore
NEW_TENSOR = Tensor.new_tensor
INTERCEPTED = {torch.tensor, torch.as_tensor, NEW_TENSOR, SET_DATA}
DATA_DEPENDENT = {
    aten.nonzero.default,
    aten.masked_select.default,
    aten.equal.default,
    aten.is_nonzero.default,
    aten.repeat_interleave.Tensor,
    aten._unique2.default,
    aten.unique_dim.default,
    aten.bincount.default,
}
"""Operations that the host must wait for, because the size of the result depends on values."""
INDEXING = {
    aten.index.Tensor,
    aten.index_put.default,
    aten.index_put_.default,
    aten._index_put_impl_.default,
    aten._unsafe_index.Tensor,
}
"""Operations that accept indices on the CPU, and copy them."""


class MixedDevices(RuntimeError):
    """Raised when an operation gets tensors of two devices."""


class There(Tensor):
    """A tensor on the simulated accelerator."""

    inner: Tensor

    @staticmethod
    def __new__(cls, inner: Tensor) -> "There":
        made = Tensor._make_wrapper_subclass(
            cls,
            inner.size(),
            strides=inner.stride(),
            storage_offset=inner.storage_offset(),
            dtype=inner.dtype,
            layout=inner.layout,
            device=DEVICE,
        )
        made.inner = inner
        return made

    def __repr__(self, *, tensor_contents=None) -> str:
        return f"There({self.inner!r})"

    def tolist(self):
        return self.cpu().tolist()

    def numpy(self, *, force=False):
        raise TypeError("can't convert an accelerator's tensor to numpy; use Tensor.cpu() first")

    @classmethod
    def __torch_dispatch__(cls, func, types, args=(), kwargs=None):
        raise MixedDevices(f"{func} of a tensor that is on the accelerator, outside of it")


class Accelerator(TorchDispatchMode):
    """Context with a simulated accelerator; see the module.

    Attributes:
        reads: number of values that came back, by operation.
        writes: number of copies to the device that the host waits for, by operation.
    """

    def __init__(self) -> None:
        super().__init__()
        self.reads: Counter[str] = Counter()
        self.writes: Counter[str] = Counter()
        self._made_from_lists = _Lists()

    def __enter__(self):
        self._made_from_lists.__enter__()
        return super().__enter__()

    def __exit__(self, *error):
        super().__exit__(*error)
        return self._made_from_lists.__exit__(*error)

    @property
    def waits(self) -> Counter[str]:
        """The total number of waits of the host."""
        return self.reads + self.writes

    def forget(self) -> None:
        """Resets the counts."""
        self.reads.clear()
        self.writes.clear()

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        """Whether PyTorch wraps each operation against its compiler, which no test uses."""
        return False

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        if func in COPIES:
            return self._copied(func, args, dict(kwargs))
        if There not in types and "device" not in kwargs:
            return func(*args, **kwargs)  # on the CPU alone
        flat = _tensors(args, []) if not kwargs else _tensors((args, tuple(kwargs.values())), [])
        there = [x for x in flat if isinstance(x, There)]
        if func is SCALAR:
            self.reads[str(func)] += bool(there)
        elif there and (func in DATA_DEPENDENT or _by_mask(func, args)):
            self.reads[str(func)] += 1
        to = kwargs.get("device")
        to = torch.device(to) if to is not None else (DEVICE if there else CPU)
        if to.type == DEVICE.type and kwargs.get("generator") is not None:
            raise MixedDevices(f"{func}: a CPU generator cannot draw on the accelerator")
        self._check(func, args, flat, there)
        if kwargs.get("device") is not None:
            kwargs = {**kwargs, "device": CPU}
        found = func(*_inner(args), **_inner(kwargs))
        if _in_place(func):
            return args[0]
        return _wrapped(found) if to.type == DEVICE.type else found

    def _copied(self, func, args, kwargs):
        if func is aten.copy_.default:
            into, source, waits = args[0], args[1], not (args[2] if len(args) > 2 else False)
            target = DEVICE if isinstance(into, There) else CPU
        else:
            source, waits = args[0], not kwargs.get("non_blocking", False)
            to = kwargs.pop("device", None)
            target = source.device if to is None else torch.device(to)
        if isinstance(source, There) and target.type != DEVICE.type:
            self.reads[str(func)] += 1
        if not isinstance(source, There) and target.type == DEVICE.type and waits:
            self.writes[str(func)] += source.ndim > 0 or func is not aten.copy_.default
        found = func(*_inner(args), **_inner(kwargs))
        if func is aten.copy_.default:
            return into
        return _wrapped(found) if target.type == DEVICE.type else found

    def _check(self, func, args, flat, there) -> None:
        if not there or len(there) == len(flat):
            return
        here = [x for x in flat if not isinstance(x, There) and x.ndim > 0]
        if not here:
            return
        if func in INDEXING and isinstance(args[0], There):
            values = args[2:3] if len(args) > 2 else ()
            if all(isinstance(x, There) or x.ndim == 0 for x in values):
                self.writes[str(func)] += 1
                return
        shapes = ", ".join(
            f"{'there' if isinstance(x, There) else 'CPU'} {tuple(x.shape)}" for x in flat
        )
        raise MixedDevices(f"{func}: tensors of two devices: {shapes}")


class _Lists(TorchFunctionMode):
    """Creates tensors of lists and numbers on the CPU first: PyTorch leaves `meta` empty."""

    def __torch_function__(self, func, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        if func not in INTERCEPTED:
            return func(*args, **kwargs)
        if func is NEW_TENSOR and isinstance(args[0], There):
            kwargs = {"dtype": args[0].dtype, **kwargs}
            return torch.tensor(*args[1:], **kwargs).to(args[0].device)
        if func in (torch.tensor, torch.as_tensor):
            kwargs = dict(kwargs)
            to = kwargs.pop("device", None)
            made = func(*args, **kwargs)
            return made if to is None else made.to(to)
        found = func(*args, **kwargs)
        if func == SET_DATA and isinstance(args[1], There):
            args[0].inner = args[1].inner  # as in modules when their type changes
        return found


def _tensors(what, found):
    """Appends the tensors of nested lists and tuples to `found`, and returns it."""
    for x in what:
        if isinstance(x, (list, tuple)):
            _tensors(x, found)
        elif isinstance(x, Tensor):
            found.append(x)
    return found


def _inner(what):
    if type(what) is There:
        return what.inner
    if isinstance(what, (list, tuple)):
        return type(what)([_inner(x) for x in what])
    return {k: _inner(x) for k, x in what.items()} if isinstance(what, dict) else what


def _wrapped(what):
    if isinstance(what, Tensor):
        return There(what)
    return type(what)([_wrapped(x) for x in what]) if isinstance(what, (list, tuple)) else what


@cache
def _in_place(func) -> bool:
    arguments = func._schema.arguments
    return (
        bool(arguments)
        and arguments[0].alias_info is not None
        and (arguments[0].alias_info.is_write and len(func._schema.returns) == 1)
    )


def _by_mask(func, args) -> bool:
    if func not in INDEXING:
        return False
    return any(x is not None and x.dtype in (torch.bool, torch.uint8) for x in args[1])
