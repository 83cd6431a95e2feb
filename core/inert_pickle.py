"""Pickles of state dicts, read without running any of them.

A small machine of our own knows the instructions that a state dict needs and no others. A name in
the file selects a builder of this module or is refused; nothing is imported.
"""

import pickletools
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, BinaryIO, NamedTuple

import torch

__all__ = ["Refused", "ScriptObject", "Storage", "View", "storages_of", "unpickle"]

STORAGES = {
    "DoubleStorage": torch.float64,
    "FloatStorage": torch.float32,
    "HalfStorage": torch.float16,
    "BFloat16Storage": torch.bfloat16,
    "LongStorage": torch.int64,
    "IntStorage": torch.int32,
    "ShortStorage": torch.int16,
    "CharStorage": torch.int8,
    "ByteStorage": torch.uint8,
    "BoolStorage": torch.bool,
    "ComplexFloatStorage": torch.complex64,
    "ComplexDoubleStorage": torch.complex128,
}
NUMBERS = {"BININT", "BININT1", "BININT2", "INT", "LONG", "LONG1", "LONG4", "FLOAT", "BINFLOAT"}
TEXTS = {
    "BINUNICODE",
    "SHORT_BINUNICODE",
    "BINUNICODE8",
    "UNICODE",
    "BINSTRING",
    "SHORT_BINSTRING",
}
BYTES = {"BINBYTES", "SHORT_BINBYTES", "BINBYTES8"}
LITERALS = frozenset(NUMBERS | TEXTS | BYTES)


class Refused(Exception):
    """What is wrong with the file, in words that follow its name."""


class _Name(NamedTuple):
    """A name that the file asks for: inert, whatever it is called."""

    module: str
    name: str

    def __str__(self) -> str:
        return f"{self.module}.{self.name}"


class Storage(NamedTuple):
    """Numbers in the archive, not read yet."""

    dtype: torch.dtype
    key: str
    numel: int


class View(NamedTuple):
    """A tensor as the file declares it, not checked yet."""

    storage: Any
    offset: Any
    shape: Any
    stride: Any


@dataclass
class ScriptObject:
    """A module of a TorchScript archive: its attributes alone, whatever its code would do."""

    attributes: dict[str, Any] = field(default_factory=dict[str, Any])


SCRIPT = "__torch__"
"""The module of all classes that a TorchScript archive brings along."""
BUILDERS: dict[_Name, Callable[..., object]] = {
    _Name("collections", "OrderedDict"): lambda *pairs: _ordered(*pairs),
    _Name("torch", "Size"): tuple,
    _Name("torch", "device"): lambda *where: None,
    _Name("torch._utils", "_rebuild_tensor"): lambda *args: View(*args[:4]),
    _Name("torch._utils", "_rebuild_tensor_v2"): lambda *args: View(*args[:4]),
    _Name("torch._utils", "_rebuild_parameter"): lambda tensor, *_: tensor,
    _Name("torch._utils", "_rebuild_parameter_with_state"): lambda tensor, *_: tensor,
    _Name("torch.jit._pickle", "build_boollist"): lambda items: items,
    _Name("torch.jit._pickle", "build_doublelist"): lambda items: items,
    _Name("torch.jit._pickle", "build_intlist"): lambda items: items,
    _Name("torch.jit._pickle", "build_tensorlist"): lambda items: items,
    _Name("torch.jit._pickle", "restore_type_tag"): lambda value, *_: value,
}
"""The names that may be called, each with what is called in its place."""


def _key(key: object) -> object:
    # A key of nested tuples could take for ever to hash.
    if not isinstance(key, str | int | float | None):
        raise Refused(f"has a {type(key).__name__} as a key")
    return key


def _ordered(pairs: Any = ()) -> dict[object, object]:  # noqa: ANN401 - whatever a file says
    """An ordered dict of a list of pairs, as Python 2 wrote it."""
    if not isinstance(pairs, list | tuple):
        raise Refused(f"has an ordered dict of a {type(pairs).__name__}")
    return {_key(key): value for key, value in pairs}


def _known(name: _Name) -> _Name:
    storage = name.module == "torch" and name.name in STORAGES
    if storage or name in BUILDERS or _is_script(name):
        return name
    raise Refused(
        f"asks for `{name}`, which no weights need; nothing of it was run. Known are dicts of "
        "tensors: save `model.state_dict()`, or ask who made the file"
    )


def _is_script(name: _Name) -> bool:
    return name.module.split(".")[0] == SCRIPT


def unpickle(pickle: bytes | BinaryIO) -> object:
    """What a pickle describes: dicts, lists, tuples, numbers, texts, storages and views.

    Modules of TorchScript archives become ScriptObjects.

    Args:
        pickle: the bytes, or a file, which is left where the pickle ends.

    Raises:
        Refused: it asks for anything else.
        LookupError, TypeError, ValueError: it is damaged.
    """
    return _Machine().run(pickle)


def storages_of(pickle: bytes | BinaryIO) -> dict[str, Storage]:
    """The storages that a pickle refers to, by their keys; otherwise as `unpickle`."""
    machine = _Machine()
    machine.run(pickle)
    return machine.storages


@dataclass
class _Machine:
    """The stack of a pickle that may build dicts, lists, tuples, numbers, text and views."""

    stack: list[Any] = field(default_factory=list[Any])
    marks: list[int] = field(default_factory=list[int])
    memo: dict[int, Any] = field(default_factory=dict[int, Any])
    storages: dict[str, Storage] = field(default_factory=dict[str, Storage])

    def run(self, pickle: bytes | BinaryIO) -> object:
        """What the pickle describes."""
        for code, argument, _ in pickletools.genops(pickle):
            if code.name in LITERALS:
                self.stack.append(argument)
            elif code.name == "STOP":
                return self.stack.pop()
            elif (action := _ACTIONS.get(code.name)) is not None:
                action(self, argument)
            else:
                raise Refused(f"has the pickle instruction {code.name}, which no state dict has")
        raise Refused("has a pickle without an end")

    def since_mark(self) -> list[Any]:
        """What was put on the stack after the last mark."""
        start = self.marks.pop()
        found, self.stack[start:] = self.stack[start:], []
        return found

    def last(self, count: int) -> list[Any]:
        """The topmost entries, taken off."""
        return [self.stack.pop() for _ in range(count)][::-1]

    def expect(self, value: object, kind: type) -> None:
        """Refuses a value of another type."""
        if type(value) is not kind:
            raise Refused(f"has a {type(value).__name__} where a {kind.__name__} was expected")

    def set_items(self, items: list[Any]) -> None:
        """Pairs into the dict on top."""
        self.expect(self.stack[-1], dict)
        for key, value in zip(items[::2], items[1::2], strict=True):
            self.stack[-1][_key(key)] = value

    def extend(self, items: list[Any]) -> None:
        """Items onto the list on top."""
        self.expect(self.stack[-1], list)
        self.stack[-1].extend(items)

    def call(self) -> None:
        """The builder that stands for the name below its arguments."""
        name, arguments = self.last(2)
        self.expect(name, _Name)
        self.expect(arguments, tuple)
        if name not in BUILDERS:
            raise Refused(f"calls `{name}`, which is not to be called")
        self.stack.append(BUILDERS[name](*arguments))

    def storage(self) -> None:
        """('storage', type, key, where it was, count) as a storage."""
        reference = self.stack.pop()
        self.expect(reference, tuple)
        kind, name, key, _, numel, *view = reference
        self.expect(name, _Name)
        if view not in ([], [None]):
            raise Refused("has a storage within another, as PyTorch before 0.4 could write")
        if kind != "storage" or name.name not in STORAGES:
            raise Refused(f"refers to a `{name}` outside of the pickle; storages alone are known")
        self.expect(key, str)
        self.expect(numel, int)
        self.storages[key] = Storage(STORAGES[name.name], key, numel)
        self.stack.append(self.storages[key])

    def new_object(self) -> None:
        """A module of a TorchScript archive; no other class is made."""
        name, arguments = self.last(2)
        self.expect(name, _Name)
        if not _is_script(name) or arguments != ():
            raise Refused(f"makes a `{name}`, which no weights need")
        self.stack.append(ScriptObject())

    def set_state(self) -> None:
        """Attributes, of a module; those of a dict, such as versions, are of no use here."""
        state = self.stack.pop()
        if type(self.stack[-1]) is ScriptObject:
            self.expect(state, dict)
            self.stack[-1].attributes.update(state)
        else:
            self.expect(self.stack[-1], dict)

    def stack_global(self) -> None:
        """The name that lies on the stack."""
        module, name = self.last(2)
        self.expect(module, str)
        self.expect(name, str)
        self.stack.append(_known(_Name(module, name)))


_ACTIONS: dict[str, Callable[[_Machine, Any], object]] = {
    "PROTO": lambda m, arg: None,
    "FRAME": lambda m, arg: None,
    "NONE": lambda m, arg: m.stack.append(None),
    "NEWTRUE": lambda m, arg: m.stack.append(True),
    "NEWFALSE": lambda m, arg: m.stack.append(False),
    "EMPTY_DICT": lambda m, arg: m.stack.append({}),
    "EMPTY_LIST": lambda m, arg: m.stack.append([]),
    "EMPTY_TUPLE": lambda m, arg: m.stack.append(()),
    "MARK": lambda m, arg: m.marks.append(len(m.stack)),
    "TUPLE": lambda m, arg: m.stack.append(tuple(m.since_mark())),
    "TUPLE1": lambda m, arg: m.stack.append(tuple(m.last(1))),
    "TUPLE2": lambda m, arg: m.stack.append(tuple(m.last(2))),
    "TUPLE3": lambda m, arg: m.stack.append(tuple(m.last(3))),
    "APPEND": lambda m, arg: m.extend([m.stack.pop()]),
    "APPENDS": lambda m, arg: m.extend(m.since_mark()),
    "SETITEM": lambda m, arg: m.set_items(m.last(2)),
    "SETITEMS": lambda m, arg: m.set_items(m.since_mark()),
    "BINPUT": lambda m, arg: m.memo.update({arg: m.stack[-1]}),
    "LONG_BINPUT": lambda m, arg: m.memo.update({arg: m.stack[-1]}),
    "MEMOIZE": lambda m, arg: m.memo.update({len(m.memo): m.stack[-1]}),
    "BINGET": lambda m, arg: m.stack.append(m.memo[arg]),
    "LONG_BINGET": lambda m, arg: m.stack.append(m.memo[arg]),
    "GLOBAL": lambda m, arg: m.stack.append(_known(_Name(*arg.split(" ", 1)))),
    "STACK_GLOBAL": lambda m, arg: m.stack_global(),
    "BINPERSID": lambda m, arg: m.storage(),
    "REDUCE": lambda m, arg: m.call(),
    "NEWOBJ": lambda m, arg: m.new_object(),
    "BUILD": lambda m, arg: m.set_state(),
}
