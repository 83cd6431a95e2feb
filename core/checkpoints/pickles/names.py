"""Names that pickles may use, and what stands in for each; all others are inert."""

import hashlib
import sys
from collections.abc import Callable
from typing import Any

import torch

from .hostile_names import as_python_3, refuse_hostile
from .keys import key
from .records import Array, Dtype, Name, Record, Refused, View

__all__ = [
    "PERSISTENT",
    "STORAGES",
    "Builder",
    "builder_of",
    "is_expected",
    "known",
    "makes",
]

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
STANDARD = frozenset(sys.stdlib_module_names) | {"__builtin__", "copy_reg", "org"}
"""Modules whose names are unexpected, except those below."""
BUILTINS = ("builtins", "__builtin__")
PLAIN_TYPES = frozenset(
    Name(module, name)
    for module in BUILTINS
    for name in ("bool", "bytes", "complex", "dict", "float", "int", "list", "object", "str")
) | {Name("builtins", "tuple"), Name("typing", "Any")}
CONTAINERS = frozenset({Name("argparse", "Namespace")})
"""Standard library classes whose objects are only attributes."""
PERSISTENT = "_reconstruct_persistent_obj"
PERSISTED = {"type", "version", "module_src", "class_name", "state"}
"""Keys that NVIDIA's persistence writes for an object."""
LONGEST_NAME = 1000


def known(name: Name) -> Name:
    """Validates a name and returns it; it stays inert.

    Raises:
        Hostile: weights never need it, and attacks do.
        Refused: it is not a valid name.
    """
    for part in name:
        if len(part) > LONGEST_NAME or not all(map(_is_word, part.split("."))):
            raise Refused(f"asks for `{str(name)!r:.80}`, an invalid name; it is damaged")
    refuse_hostile(name)
    return name


def _is_word(part: str) -> bool:
    """Whether it can be a component of a dotted name; torch.package adds angle brackets."""
    return part.isidentifier() or (part[:1] + part[-1:] == "<>" and part[1:-1].isidentifier())


def is_expected(name: Name) -> bool:
    """Whether weight files use such names; few from Python's standard library are."""
    return name.module.split(".")[0] not in STANDARD or not FROM_STANDARD.isdisjoint(
        (name, as_python_3(name))
    )


def builder_of(name: Name) -> Builder | None:
    """Returns the builder called in place of a name, or None."""
    if name.name == PERSISTENT and name.module.split(".")[-1] == "persistence":
        return _persistent
    return BUILDERS.get(name) or BUILDERS.get(as_python_3(name))


def makes(name: Name, arguments: tuple[Any, ...]) -> Record:
    """Returns an object of a class, as a record."""
    record = Record(name, arguments)
    is_storage = name.module == "torch" and name.name in STORAGES
    if builder_of(name) is not None or is_storage or not is_expected(name):
        record.why = f"makes a `{name}`, which no weights need; nothing of it was run"
    return record


def _ordered(pairs: Any = ()) -> dict[object, object]:  # noqa: ANN401 - whatever a file says
    """Builds an ordered dict from a list of pairs, as Python 2 writes it."""
    if not isinstance(pairs, list | tuple):
        raise Refused(f"has an ordered dict of a {type(pairs).__name__}")
    found = {key(name): value for name, value in pairs}
    if len(found) < len(pairs):
        raise Refused("has an ordered dict with a duplicate key; it is damaged")
    return found


def _counted(pairs: Any = None) -> dict[object, object]:  # noqa: ANN401
    if pairs is not None and type(pairs) is not dict:
        raise Refused(f"has a dict of a {type(pairs).__name__}")
    return dict(pairs or {})


def _list(items: Any = (), *_: object) -> list[object]:  # noqa: ANN401
    if not isinstance(items, list | tuple):
        raise Refused(f"has a collection of a {type(items).__name__}")
    return list(items)


def _dict(pairs: Any = ()) -> dict[object, object]:  # noqa: ANN401
    return dict(pairs) if type(pairs) is dict else _ordered(pairs)


def _encoded(text: Any, coding: Any = "latin1") -> bytes:  # noqa: ANN401
    """Builds bytes as Python 3 writes them for Python 2."""
    if not isinstance(text, str) or coding not in ("latin1", "latin-1"):
        raise Refused(f"has text in the coding {coding!r:.40}")
    return text.encode("latin-1")


def _view(storage: object, offset: object, shape: object, stride: object, *_: object) -> View:
    return View(storage, offset, shape, stride)


def _view_of_kind(*arguments: Any) -> View:  # noqa: ANN401
    kind = arguments[6]
    if not isinstance(kind, Name) or kind.module != "torch" or kind.name not in DTYPES:
        raise Refused(f"has a tensor of the dtype {kind!s:.80}")
    return _view(*arguments[:4])._replace(dtype=DTYPES[kind.name])


def _of_type(function: Any, _: object, arguments: Any, *state: object) -> object:  # noqa: ANN401
    """Builds a tensor with attributes and drops those."""
    if function not in TENSORS or not isinstance(arguments, tuple):
        raise Refused(f"makes a tensor by `{function!s:.80}`")
    return TENSORS[function](*arguments)


def _reconstructed(kind: Any, base: Any, state: Any) -> Record:  # noqa: ANN401
    """Builds an object as the oldest pickles write it."""
    if not isinstance(kind, Name) or base not in PLAIN_TYPES:
        raise Refused("makes an object without a class")
    record = makes(kind, ())
    if type(state) is dict:
        record.items.update(state)
    elif type(state) in (list, tuple):
        record.entries.extend(state)
    return record


def _dtype(code: object, *_: object) -> Dtype:
    return Dtype.of(code)


def _scalar(dtype: object, content: object = b"") -> Array:
    if not isinstance(dtype, Dtype):
        raise Refused("has a number without a dtype")
    return Array(dtype, (), content, built=True)


def _array_in_band(content: object, dtype: object, shape: object, order: object) -> Array:
    return Array(dtype, shape, content, order == "F", built=True)


def _persistent(meta: Any) -> Record:  # noqa: ANN401
    """Builds an object of NVIDIA's `torch_utils.persistence`; its source is hashed and dropped."""
    held = meta.items if isinstance(meta, Record) else meta
    if type(held) is not dict or held.get("type") != "class" or held.keys() != PERSISTED:
        raise Refused("has a persistent object of an unknown kind")
    source, name = held.get("module_src", ""), held.get("class_name")
    if not isinstance(name, str) or not name.isidentifier() or not isinstance(source, str):
        raise Refused("has a persistent object without a class or a source")
    digest = hashlib.sha256(source.encode("utf-8", "surrogatepass")).hexdigest()
    return Record(Name("", name), state=held.get("state"), source=digest, built=True)


def _first(value: object, *_: object) -> object:
    return value


def _nothing(*_: object) -> None:
    return None


def _attribute(of: Any, name: Any) -> Name:  # noqa: ANN401
    """Returns the name of a module's attribute, as dill writes it; refuses others."""
    module = of.arguments[0] if isinstance(of, Record) and of.kind in IMPORTED else None
    if not isinstance(module, str) or not isinstance(name, str):
        raise Refused(f"takes the attribute `{name!s:.80}` of something; nothing of it was run")
    return known(Name(module, name))


def _recorded(name: Name) -> Builder:
    return lambda *arguments: Record(name, arguments)


IMPORTED = frozenset(
    {
        Name("dill._dill", "_import_module"),
        Name("cloudpickle.cloudpickle", "subimport"),
        Name("cloudpickle", "subimport"),
    }
)
"""Functions that import a module by its name."""
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
    Name("builtins", "getattr"): _attribute,
    Name("dill._dill", "_get_attr"): _attribute,
    **{
        Name(f"numpy.{core}.{module}", name): builder
        for core in ("core", "_core")
        for module, name, builder in (
            ("_multiarray_umath", "scalar", _scalar),
            ("_multiarray_umath", "_reconstruct", lambda *_: Array()),
            ("multiarray", "_reconstruct", lambda *_: Array()),
            ("multiarray", "scalar", _scalar),
            ("numeric", "_frombuffer", _array_in_band),
        )
    },
    **{Name(module, "_reconstructor"): _reconstructed for module in ("copyreg", "copy_reg")},
    **{
        Name(module, name): _list
        for module in BUILTINS
        for name in ("set", "frozenset", "list", "tuple")
    },
    **{Name(module, "dict"): _dict for module in BUILTINS},
    **{
        name: _recorded(name)
        for name in (
            *IMPORTED,
            Name("builtins", "range"),
            Name("builtins", "slice"),
            Name("functools", "partial"),
            Name("types", "SimpleNamespace"),
            *(
                Name(module, kind)
                for module in ("pathlib", "pathlib._local")
                for kind in ("PosixPath", "PurePosixPath", "PureWindowsPath", "WindowsPath")
            ),
            Name("datetime", "datetime"),
            Name("datetime", "timedelta"),
            Name("decimal", "Decimal"),
            Name("numpy.random", "__RandomState_ctor"),
            Name("numpy.random._pickle", "__randomstate_ctor"),
            Name("numpy.random._pickle", "__bit_generator_ctor"),
        )
    },
}
"""Callable names, each with the builder called in its place."""
FROM_STANDARD = frozenset(BUILDERS) | PLAIN_TYPES | CONTAINERS
"""Names from Python's standard library that a file may use."""
