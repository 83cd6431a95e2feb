"""The names that pickles may use, and what is done in place of each."""

import hashlib
import re
import sys
from collections.abc import Callable
from typing import Any

import torch

from .inert_records import Array, Dtype, Name, Record, Refused, View

__all__ = ["PERSISTENT", "STORAGES", "Builder", "builder_of", "key", "known", "makes"]

Builder = Callable[..., object]

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
    "UntypedStorage": torch.uint8,
}
DTYPES = {
    name: dtype
    for name in dir(torch)
    if isinstance(dtype := getattr(torch, name), torch.dtype) and not dtype.is_complex
}
STANDARD = frozenset(sys.stdlib_module_names) | {"__builtin__", "copy_reg", "commands", "org"}
"""Modules whose names a file may not even hold, but for those below: attacks start there."""
BUILTINS = ("builtins", "__builtin__")
PLAIN_TYPES = frozenset(
    Name(module, name)
    for module in BUILTINS
    for name in ("bool", "bytes", "complex", "dict", "float", "int", "list", "object", "str")
) | {Name("builtins", "tuple"), Name("typing", "Any")}
CONTAINERS = frozenset({Name("argparse", "Namespace")})
"""Classes of the standard library whose objects are only attributes."""
PERSISTENT = "_reconstruct_persistent_obj"
PERSISTED = {"type", "version", "module_src", "class_name", "state"}
"""What NVIDIA's persistence writes of an object."""
IDENTIFIER = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*", re.ASCII)
LARGEST_KEY = 2**32
LONGEST_KEY = 1000


def key(value: object) -> object:
    """What a dict of a file may have as a key: text, small numbers; others as their text."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int) and abs(value) < LARGEST_KEY:
        return value
    if isinstance(value, str) and len(value) <= LONGEST_KEY:
        return value
    if isinstance(value, float | Name):
        return str(value)
    # A key of nested tuples could take for ever to hash.
    if (
        type(value) is tuple
        and 0 < len(value) < 9
        and all(isinstance(v, int | str) for v in value)
    ):
        return key(",".join(map(str, value)))
    raise Refused(f"has a {type(value).__name__} as a key")


def known(name: Name) -> Name:
    """The name, where a file of weights may hold it.

    Raises:
        Refused: of Python's own modules and no plain data, or no name at all.
    """
    if not IDENTIFIER.fullmatch(name.module) or not IDENTIFIER.fullmatch(name.name):
        raise Refused(f"asks for `{str(name)!r:.80}`, which is no name")
    inside = name.module.split(".")[0]
    if inside in STANDARD and name not in FROM_STANDARD:
        raise Refused(
            f"asks for `{name}`, which no weights need; nothing of it was run. Known are "
            "tensors, arrays, modules and plain values: save `model.state_dict()`, or ask who "
            "made the file"
        )
    return name


def builder_of(name: Name) -> Builder:
    """What is called in place of a name.

    Raises:
        Refused: the name is not to be called.
    """
    found = BUILDERS.get(name)
    if found is None and name.name == PERSISTENT and name.module.split(".")[-1] == "persistence":
        found = _persistent
    if found is None:
        raise Refused(f"calls `{name}`, which is not to be called; nothing of it was run")
    return found


def makes(name: Name, arguments: tuple[Any, ...]) -> Record:
    """An object of a class, as a record.

    Raises:
        Refused: the name stands for no class of objects.
    """
    inside = name.module.split(".")[0]
    if name in BUILDERS or (name.module == "torch" and name.name in STORAGES):
        raise Refused(f"makes a `{name}`, which no weights need")
    if inside in STANDARD and name not in CONTAINERS:
        raise Refused(f"makes a `{name}`, which no weights need")
    return Record(name, arguments)


def _ordered(pairs: Any = ()) -> dict[object, object]:  # noqa: ANN401 - whatever a file says
    """An ordered dict of a list of pairs, as Python 2 wrote it."""
    if not isinstance(pairs, list | tuple):
        raise Refused(f"has an ordered dict of a {type(pairs).__name__}")
    found = {key(name): value for name, value in pairs}
    if len(found) < len(pairs):
        raise Refused("has an ordered dict with one key twice; it is damaged")
    return found


def _counted(pairs: Any = None) -> dict[object, object]:  # noqa: ANN401
    if pairs is not None and type(pairs) is not dict:
        raise Refused(f"has a dict of a {type(pairs).__name__}")
    return dict(pairs or {})


def _list(items: Any = (), *_: object) -> list[object]:  # noqa: ANN401
    if not isinstance(items, list | tuple):
        raise Refused(f"has a collection of a {type(items).__name__}")
    return list(items)


def _encoded(text: Any, coding: Any = "latin1") -> bytes:  # noqa: ANN401
    """Bytes as Python 3 writes them for Python 2."""
    if not isinstance(text, str) or coding not in ("latin1", "latin-1"):
        raise Refused(f"has text in the coding {coding!r:.40}")
    return text.encode("latin-1")


def _view(storage: object, offset: object, shape: object, stride: object, *_: object) -> View:
    return View(storage, offset, shape, stride)


def _view_of_kind(*arguments: Any) -> View:  # noqa: ANN401
    kind = arguments[6]
    if not isinstance(kind, Name) or kind.module != "torch" or kind.name not in DTYPES:
        raise Refused(f"has a tensor of the kind {kind!s:.80}")
    return _view(*arguments[:4])._replace(dtype=DTYPES[kind.name])


def _of_type(function: Any, _: object, arguments: Any, *state: object) -> object:  # noqa: ANN401
    """A tensor with attributes; those are left out."""
    if function not in TENSORS or not isinstance(arguments, tuple):
        raise Refused(f"makes a tensor by `{function!s:.80}`")
    return TENSORS[function](*arguments)


def _reconstructed(kind: Any, base: Any, state: Any) -> Record:  # noqa: ANN401
    """An object as the oldest pickles write it."""
    if not isinstance(kind, Name) or base not in PLAIN_TYPES:
        raise Refused("makes an object of no class")
    record = makes(kind, ())
    if type(state) is dict:
        record.items.update(state)
    elif type(state) is list:
        record.entries.extend(state)
    return record


def _dtype(code: object, *_: object) -> Dtype:
    return Dtype.of(code)


def _scalar(dtype: object, content: object = b"") -> Array:
    if not isinstance(dtype, Dtype):
        raise Refused("has a number of no kind")
    return Array(dtype, (), content, built=True)


def _array_in_band(content: object, dtype: object, shape: object, order: object) -> Array:
    return Array(dtype, shape, content, order == "F", built=True)


def _persistent(meta: Any) -> Record:  # noqa: ANN401
    """An object of NVIDIA's `torch_utils.persistence`, whose source is hashed and dropped."""
    held = meta.items if isinstance(meta, Record) else meta
    if type(held) is not dict or held.get("type") != "class" or held.keys() != PERSISTED:
        raise Refused("has a persistent object of an unknown kind")
    source, name = held.get("module_src", ""), held.get("class_name")
    if not isinstance(name, str) or not IDENTIFIER.fullmatch(name) or not isinstance(source, str):
        raise Refused("has a persistent object without a class or a source")
    digest = hashlib.sha256(source.encode("utf-8", "surrogatepass")).hexdigest()
    return Record(Name("", name), state=held.get("state"), source=digest, built=True)


def _first(value: object, *_: object) -> object:
    return value


def _nothing(*_: object) -> None:
    return None


def _recorded(name: Name) -> Builder:
    return lambda *arguments: Record(name, arguments)


TENSORS: dict[Name, Builder] = {
    Name("torch._utils", "_rebuild_tensor"): _view,
    Name("torch._utils", "_rebuild_tensor_v2"): _view,
    Name("torch._utils", "_rebuild_tensor_v3"): _view_of_kind,
    Name("torch._utils", "_rebuild_parameter"): _first,
    Name("torch._utils", "_rebuild_parameter_with_state"): _first,
}
BUILDERS: dict[Name, Builder] = {
    **TENSORS,
    Name("torch._tensor", "_rebuild_from_type_v2"): _of_type,
    Name("torch", "Size"): _list,
    Name("torch", "device"): _nothing,
    Name("torch.jit._pickle", "build_boollist"): _first,
    Name("torch.jit._pickle", "build_doublelist"): _first,
    Name("torch.jit._pickle", "build_intlist"): _first,
    Name("torch.jit._pickle", "build_tensorlist"): _first,
    Name("torch.jit._pickle", "restore_type_tag"): _first,
    Name("collections", "OrderedDict"): _ordered,
    Name("collections", "Counter"): _counted,
    Name("collections", "defaultdict"): lambda kind=None: {},
    Name("collections", "deque"): _list,
    Name("_codecs", "encode"): _encoded,
    Name("numpy", "dtype"): _dtype,
    **{
        Name(f"numpy.{core}.{module}", name): builder
        for core in ("core", "_core")
        for module, name, builder in (
            ("multiarray", "_reconstruct", lambda *_: Array()),
            ("multiarray", "scalar", _scalar),
            ("numeric", "_frombuffer", _array_in_band),
        )
    },
    **{Name(module, "_reconstructor"): _reconstructed for module in ("copyreg", "copy_reg")},
    **{
        Name(module, name): _list
        for module in BUILTINS
        for name in ("set", "frozenset", "slice", "range")
    },
    **{
        name: _recorded(name)
        for name in (
            Name("functools", "partial"),
            Name("types", "SimpleNamespace"),
            Name("pathlib", "PosixPath"),
            Name("pathlib", "WindowsPath"),
            Name("pathlib", "PurePosixPath"),
            Name("datetime", "datetime"),
            Name("datetime", "timedelta"),
            Name("decimal", "Decimal"),
            Name("numpy.random", "__RandomState_ctor"),
            Name("numpy.random._pickle", "__randomstate_ctor"),
            Name("numpy.random._pickle", "__bit_generator_ctor"),
        )
    },
}
"""The names that may be called, each with what is called in its place."""
FROM_STANDARD = frozenset(BUILDERS) | PLAIN_TYPES | CONTAINERS
"""What of Python's own modules a file may name."""
