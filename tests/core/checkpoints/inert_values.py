"""Values that may be in a file besides the weights, of every usual kind."""

import argparse
import array
import collections
import dataclasses
import datetime
import decimal
import enum
import fractions
import functools
import io
import ipaddress
import logging
import operator
import pathlib
import random
import re
import types
import typing
import uuid
import warnings
import zoneinfo

import numpy as np
import torch
from latentsteer.core.checkpoints.checkpoint import read

W = torch.arange(6.0).reshape(2, 3)
OLD = {"_use_new_zipfile_serialization": False}


class Mode(enum.Enum):
    FAST = "fast"
    SLOW = ("slow", 2)


class Bits(enum.IntFlag):
    ONE = 1
    TWO = 2


class Point(typing.NamedTuple):
    x: int
    y: float


@dataclasses.dataclass
class Settings:
    rate: float = 1e-3
    mode: Mode = Mode.FAST
    parts: list[int] = dataclasses.field(default_factory=list)


@dataclasses.dataclass(frozen=True)
class Slotted:
    __slots__ = ("a",)
    a: int

    def __getstate__(self):
        return (None, {"a": self.a})

    def __setstate__(self, state):
        object.__setattr__(self, "a", state[1]["a"])


class Attributes(dict):
    """As Lightning's AttributeDict and dnnlib's EasyDict."""

    __getattr__ = dict.__getitem__


class Ordered(collections.OrderedDict):
    pass


class Rows(list):
    pass


class ByName:
    """An object whose class takes arguments by name."""

    def __new__(cls, *, size):
        made = super().__new__(cls)
        made.size = size
        return made

    def __getnewargs_ex__(self):
        return (), {"size": self.size}


class Setter:
    """An object whose state is set by a custom function."""

    def __reduce__(self):
        return Setter, (), {"a": 1}, None, None, _set


def _set(made, state):
    made.__dict__.update(state)


class Reduced:
    """Pickled as a given call."""

    def __init__(self, function, *arguments):
        self.how = (function, arguments)

    def __call__(self):
        raise AssertionError("never called")

    def __reduce__(self):
        return self.how


def unknown_rebuild(*arguments):
    raise AssertionError("never called")


class Phase(enum.Enum):
    train = 1
    eval = 2


class Net(torch.nn.Module):
    def forward_flex(self, x):
        return x


def bound():
    """A module with one of its methods as an attribute, as the patched ViT of StyleGAN-XL."""
    net = Net()
    net.forward_flex = types.MethodType(Net.forward_flex, net)
    return net


def cyclic(kind):
    held = kind()
    (held.append if kind is list else functools.partial(held.__setitem__, "me"))(held)
    return held


def cyclic_tuple():
    inner = []
    held = (inner, 1)
    inner.append(held)
    return held


def cyclic_object():
    held = argparse.Namespace()
    held.me = held
    return held


def quietly(make):
    """A value with a warning of its library."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return make()


def quantised():
    return quietly(lambda: torch.quantize_per_tensor(torch.ones(3), 0.1, 0, torch.quint8))


def trained():
    net = torch.nn.Linear(2, 1)
    optimiser = torch.optim.AdamW(net.parameters())
    net(torch.ones(1, 2)).sum().backward()
    optimiser.step()
    return optimiser.state_dict()


VALUES = {
    "enum": Mode.FAST,
    "enum of a tuple": Mode.SLOW,
    "flags": Bits.ONE | Bits.TWO,
    "enum of words": list(Phase),
    "a module's own eval": Net().eval,
    "enum as a key": {Mode.FAST: 1, Mode.SLOW: 2},
    "regex flags": re.RegexFlag.IGNORECASE,
    "types": [int, str, list, dict, type(None), Mode, torch.nn.Linear, bytes, tuple, type],
    "typing": [typing.Any, typing.Optional[int], dict[str, int], list[torch.Tensor]],  # noqa: UP045
    "functions": [len, print, torch.relu, np.mean, operator.add, unknown_rebuild],
    "a method of a class": [str.lower, dict.fromkeys, "text".upper],
    "range": range(1, 9, 2),
    "slice": slice(0, None, 2),
    "ellipsis": [Ellipsis, NotImplemented],
    "dates": [
        datetime.date(2024, 1, 1),
        datetime.datetime(2024, 1, 1, tzinfo=datetime.timezone.utc),
        datetime.time(1, 2),
        datetime.timedelta(1, 2, 3),
        datetime.timezone(datetime.timedelta(hours=1)),
        zoneinfo.ZoneInfo("UTC"),
    ],
    "numbers": [decimal.Decimal("1.5"), fractions.Fraction(1, 3), 1 + 2j, 2**200, True],
    "bytes": [b"a\xff", bytearray(b"b"), bytearray(), b""],
    "identifiers": [uuid.UUID(int=1), ipaddress.ip_address("10.0.0.1"), re.compile("a+")],
    "containers": [
        collections.defaultdict(int, a=1),
        collections.defaultdict(list),
        collections.Counter("aab"),
        collections.deque([1, 2], maxlen=3),
        collections.OrderedDict(a=1),
        collections.UserDict(a=1),
        collections.ChainMap({"a": 1}),
        Ordered(a=1),
        Attributes(a=1),
        Rows([1, 2]),
        {1, 2},
        frozenset({3}),
        array.array("f", [1.0]),
    ],
    "named tuple": Point(1, 2.0),
    "data classes": [Settings(), Slotted(1)],
    "by name": ByName(size=3),
    "a state setter": Setter(),
    "partial": functools.partial(operator.mul, 2),
    "namespaces": [argparse.Namespace(a=Mode.FAST), types.SimpleNamespace(b=range(3))],
    "keys": {
        (): 1,
        (1, 2): 2,
        (1.5, 2): 3,
        ((1, 2), "a"): 4,
        b"a": 5,
        None: 6,
        1.5: 7,
        frozenset({1}): 8,
        -1: 9,
        2**80: 10,
        "x" * 5000: 11,
        int: 12,
        torch.float32: 13,
        pathlib.PurePosixPath("a"): 14,
    },
    "keys of one text": {1: 1, "1": 2, 1.5: 3, "1.5": 4, b"a": 5, "b'a'": 6},
    "paths": [pathlib.PurePosixPath("/a/b"), pathlib.Path("c"), pathlib.PureWindowsPath("d")],
    "errors": [ValueError("a"), KeyError("b"), OSError(2, "c")],
    "streams": [io.BytesIO(b"a"), io.StringIO("b"), logging.getLogger("a")],
    "random": [random.Random(1), np.random.default_rng(0), np.random.RandomState(0)],
    "torch's stream": torch.get_rng_state(),
    "numpy's numbers": [
        np.float64(1.5),
        np.float16(2),
        np.int64(3),
        np.bool_(True),
        np.uint8(4),
        np.complex64(1j),
        np.str_("a"),
        np.datetime64("2024-01-01"),
        np.float32("nan"),
    ],
    "numpy's arrays": [
        np.array(["a", None], dtype=object),
        np.array(["a", "b"]),
        np.array([(1, 2.0)], dtype=[("a", "i4"), ("b", "f8")]),
        np.array([1.0, 2.0], dtype=">f8"),
        np.ma.masked_array([1, 2], [0, 1]),
        np.asfortranarray(np.ones((2, 3))),
        np.array(["2024-01-01"], dtype="datetime64[D]"),
        np.rec.array([(1, 2.0)], dtype=[("a", "i4"), ("b", "f8")]),
        np.longdouble(1),
        np.dtype("f4"),
        np.dtype([("a", "i4")]),
    ],
    "torch's kinds": [
        torch.float32,
        torch.Size([1, 2]),
        torch.device("cpu"),
        torch.strided,
        torch.per_tensor_affine,
        torch.finfo(torch.float32).dtype,
    ],
    "sparse": torch.eye(2).to_sparse(),
    "sparse rows": quietly(lambda: torch.eye(2).to_sparse_csr()),
    "quantised": quantised(),
    "meta": torch.empty(3, device="meta"),
    "nested": quietly(lambda: torch.nested.nested_tensor([torch.ones(2), torch.ones(3)])),
    "complex": torch.ones(2, dtype=torch.complex64),
    "conjugated": torch.ones(2, dtype=torch.complex64).conj(),
    "parameters": [torch.nn.Parameter(torch.ones(2)), torch.nn.Buffer(torch.ones(2))],
    "unfinite": [torch.tensor(float("inf")), torch.tensor([float("nan")]), np.array([np.inf])],
    "an optimiser": trained(),
    "modules": [torch.nn.Linear(2, 2), bound()],
    "a cyclic list": cyclic(list),
    "a cyclic dict": cyclic(dict),
    "a cyclic tuple": cyclic_tuple(),
    "a cyclic object": cyclic_object(),
    "deep": functools.reduce(lambda held, _: [held], range(60), 1),
    "a long list": [0.5] * 1500,
    "a long dict": {str(n): n for n in range(1500)},
    "an unknown call": Reduced(unknown_rebuild, "a", W[:1]),
    "a call of a call": Reduced(Reduced(unknown_rebuild, "a"), 1),
}
"""Values that may be in a file besides the weights, by kind."""


def opened(path):
    """Returns the weights of a file, as read and from its copy."""
    found = read(path).tensors
    assert torch.equal(found["g.w"], W)
    return found
