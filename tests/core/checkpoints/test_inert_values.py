"""Values besides the weights, of every usual kind: none of them makes a file unreadable."""

import argparse
import array
import collections
import copyreg
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
import pickle
import random
import re
import types
import typing
import uuid
import warnings
import zipfile
import zoneinfo

import numpy as np
import pytest
import torch
from latentsteer.core.checkpoints.cache import cached
from latentsteer.core.checkpoints.checkpoint import read
from latentsteer.core.errors import CheckpointError

from . import reader_files

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
pytestmark = pytest.mark.filterwarnings("ignore")  # warnings of libraries about their own values


@pytest.fixture(autouse=True)
def short(monkeypatch):
    """Lowers the limit of entries, so that the tests are quick."""
    monkeypatch.setattr("latentsteer.core.checkpoints.pickles.modules.LONGEST", 1000)


def opened(path):
    """Returns the weights of a file, as read and from its copy."""
    found = read(path).tensors
    assert torch.equal(found["g.w"], W)
    return found


@pytest.mark.parametrize("options", [{}, OLD], ids=["zip", "legacy"])
@pytest.mark.parametrize("kind", VALUES)
def test_a_value_beside_the_weights_does_not_sink_them(kind, options, tmp_path):
    path = tmp_path / "m.pt"
    content = {"g": {"w": W}, "args": argparse.Namespace(x=VALUES[kind])}
    torch.save(content, path, **options)
    opened(path)


@pytest.mark.parametrize("protocol", range(6))
@pytest.mark.parametrize("write", ["zip", "legacy", "pickle"])
def test_every_layout_opens_in_every_protocol(write, protocol, tmp_path):
    path = tmp_path / "m.pt"
    held = {
        kind: value for kind, value in VALUES.items() if _can_be_written(value, write, protocol)
    }
    assert len(held) > 30
    parts = torch.arange(24.0).reshape(4, 6)
    views = {"turned": parts.T, "part": parts[1:, ::2], "half": parts[0].half()}
    arrays = {"n": np.arange(3, dtype=np.float32), "long": np.arange(4), "pair": np.eye(2)}
    content = {"g": {"w": W, **views, **arrays}, "values": held}
    if write == "pickle":
        path.write_bytes(pickle.dumps(content, protocol))
    else:
        options = OLD if write == "legacy" else {}
        torch.save(content, path, pickle_protocol=protocol, **options)
    found = opened(path)
    for name, view in views.items():
        assert torch.equal(found[f"g.{name}"], view)
    for name, values in arrays.items():
        assert torch.equal(found[f"g.{name}"], torch.from_numpy(values))


def _can_be_written(value, write, protocol):
    try:
        if write == "pickle":
            pickle.dumps(value, protocol)
        else:
            options = OLD if write == "legacy" else {}
            torch.save(value, io.BytesIO(), pickle_protocol=protocol, **options)
    except Exception:  # noqa: BLE001 - whatever a library raises for its own values
        return False
    return True


@pytest.mark.parametrize("protocol", range(6))
@pytest.mark.parametrize(
    "write", [reader_files.plain_modules, reader_files.persistent, reader_files.tensorflow]
)
def test_every_pickle_of_networks_opens_in_every_protocol(write, protocol, tmp_path):
    (tmp_path / "m.pkl").write_bytes(write(protocol))
    found, wanted = tmp_path / "m.pkl", tmp_path / "wanted.pkl"
    wanted.write_bytes(write(4))
    assert read(found).tensors.keys() == read(wanted).tensors.keys()
    for name, tensor in read(wanted).tensors.items():
        assert torch.equal(read(found).tensors[name], tensor)


@pytest.mark.parametrize("protocol", [4, 5])
def test_arrays_in_and_out_of_band_open_where_they_are(protocol, tmp_path):
    """Buffers written elsewhere are not in the file: only values that need them are missing."""
    outside = []
    content = {"g": {"w": W}, "n": np.arange(3.0), "b": pickle.PickleBuffer(bytearray(b"abc"))}
    if protocol < 5:
        del content["b"]
    keep = {"buffer_callback": outside.append} if protocol == 5 else {}
    (tmp_path / "m.pkl").write_bytes(pickle.dumps(content, protocol, **keep))
    found = opened(tmp_path / "m.pkl")
    if protocol == 4:
        assert torch.equal(found["n"], torch.arange(3.0).double())
        return
    assert len(outside) == 2
    with pytest.raises(CheckpointError, match="out-of-band buffer that is not in the file"):
        found["n"]


def test_a_file_of_python_3_13_opens(tmp_path):
    path = tmp_path / "m.pt"
    torch.save({"g": {"w": W}, "out": pathlib.PosixPath("/a/b")}, tmp_path / "old.pt")
    with zipfile.ZipFile(tmp_path / "old.pt") as old, zipfile.ZipFile(path, "w") as new:
        for entry in old.infolist():
            content = old.read(entry).replace(b"pathlib\nPosix", b"pathlib._local\nPosix")
            new.writestr(entry.filename, content)
    opened(path)
    assert read(path).config["values"]["out"].endswith("a/b")


def test_extension_codes_and_python_2s_names_open_or_are_refused(tmp_path):
    """Python 2 had other module names; numbers instead of names stay refused."""
    weights = pickle.dumps(W, 2)[2:-1]
    python_2 = (
        b"ccopy_reg\n_reconstructor\n(c__main__\nOpt\nc__builtin__\nobject\nNtR}b"
        b"c__builtin__\nset\n((lI1\natR"
        b"cexceptions\nValueError\n(S'a'\ntR"
        b"c__builtin__\nunicode\n"
        b"c__builtin__\nxrange\n(I0\nI3\nI1\ntR"
        b"(i__main__\nClassic\n}b"
        b"(c__main__\nClassic\nI1\no"
        b"cUserDict\nUserDict\n)R"
        b"ccStringIO\nStringI\n(S'a'\ntR"
    )
    (tmp_path / "m.pkl").write_bytes(
        b"\x80\x02}(X\x01\x00\x00\x00g}X\x01\x00\x00\x00w" + weights + b"s"
        b"X\x01\x00\x00\x00x(" + python_2 + b"lu."
    )
    opened(tmp_path / "m.pkl")
    copyreg.add_extension("tests", "nothing", 77)
    try:
        (tmp_path / "m.pkl").write_bytes(
            b"\x80\x02}(X\x01\x00\x00\x00g}X\x01\x00\x00\x00w" + weights + b"sX\x01\x00\x00\x00x"
            b"\x82\x4du."
        )
        with pytest.raises(CheckpointError, match="EXT1"):
            read(tmp_path / "m.pkl")
    finally:
        copyreg.remove_extension("tests", "nothing", 77)


# Tensors that depend on unknown values


def dill(name):
    """Context with a function of dill while a pickle is written."""

    def function(*arguments):
        raise AssertionError("never called")

    return function, name


def test_dills_numbers_are_numbers(tmp_path):
    """Dill takes `scalar` of a module that it imports, where pickle writes its name."""
    members = {}
    for name in ("_get_attr", "_import_module", "_create_type", "_load_type"):
        function, _ = dill(name)
        members[name] = function
    reader_files._module("dill._dill", **members)
    try:
        module = Reduced(members["_import_module"], "numpy._core._multiarray_umath")
        scalar = Reduced(
            Reduced(members["_get_attr"], module, "scalar"), np.dtype("f8"), b"\0" * 8
        )
        kind = Reduced(members["_create_type"], Reduced(members["_load_type"], "type"), "A", {})
        content = {"g": {"w": W}, "gain": scalar, "kind": kind}
        (tmp_path / "m.pkl").write_bytes(pickle.dumps(content, 4))
    finally:
        reader_files._forget("dill._dill", "dill")
    opened(tmp_path / "m.pkl")
    assert read(tmp_path / "m.pkl").config["values"]["gain"] == 0


@pytest.mark.parametrize(
    ("value", "names"),
    [
        (torch.eye(2).to_sparse(), "_rebuild_sparse_tensor"),
        (quantised(), "_rebuild_qtensor"),
        (torch.empty(3, device="meta"), "_rebuild_meta_tensor_no_storage"),
        (Reduced(unknown_rebuild, W), "unknown_rebuild"),
        (np.array([None]), "Python objects"),
        (torch.tensor([float("nan")]), "not finite"),
    ],
    ids=["sparse", "quantised", "meta", "unknown", "objects", "nan"],
)
@pytest.mark.parametrize("options", [{}, OLD], ids=["zip", "legacy"])
def test_a_tensor_that_is_not_read_is_refused_by_name_once_it_is_taken(
    value, names, options, tmp_path, monkeypatch
):
    monkeypatch.setattr("latentsteer.core.checkpoints.cache.LEAST_BYTES", 0)
    path = tmp_path / "m.pt"
    torch.save({"g": {"w": W, "bad": value}}, path, **options)
    for found in (opened(path), cached(path, tmp_path).tensors, cached(path, tmp_path).tensors):
        with pytest.raises(CheckpointError, match=names) as caught:
            found["g.bad"]
        assert "`g.bad`" in str(caught.value)
        assert str(path.name) in str(caught.value) or "safetensors" in str(caught.value)


def test_a_network_that_lacks_such_a_tensor_names_it(tmp_path):
    from latentsteer.core.generators import load_generator

    state = reader_files.state()
    state["main.3.weight"] = Reduced(unknown_rebuild, state["main.3.weight"])
    torch.save({"net": state}, tmp_path / "m.pt")
    with pytest.raises(CheckpointError, match=r"net\.main\.3\.weight.*unknown_rebuild"):
        load_generator(tmp_path / "m.pt")


def test_a_generator_opens_beside_values_of_every_kind(tmp_path):
    from latentsteer.core.generators import load_generator

    torch.save({"net": reader_files.state(), "args": VALUES}, tmp_path / "m.pt")
    assert load_generator(tmp_path / "m.pt").image_size == (8, 8)


# Refused values besides good weights

HOSTILE = {
    "os": b"cos\nsystem\n(S'touch canary'\ntR",
    "os, not called": b"cos\nsystem\n",
    "posix": b"cposix\nsystem\n(S'touch canary'\ntR",
    "subprocess": b"csubprocess\nPopen\n((lS'touch'\naS'canary'\natR",
    "commands of Python 2": b"ccommands\ngetoutput\n(S'touch canary'\ntR",
    "eval": b"cbuiltins\neval\n(S'1'\ntR",
    "eval of Python 2": b"c__builtin__\neval\n(S'1'\ntR",
    "exec": b"cbuiltins\nexec\n(S'1'\ntR",
    "import": b"cbuiltins\n__import__\n(S'os'\ntR",
    "open": b"cio\nopen\n(S'canary'\nS'w'\ntR",
    "print": b"cbuiltins\nprint\n(S'run'\ntR",
    "runpy": b"crunpy\nrun_path\n(S'canary.py'\ntR",
    "importlib": b"cimportlib\nimport_module\n(S'canary'\ntR",
    "pickle": b"cpickle\nloads\n(S'x'\ntR",
    "marshal": b"cmarshal\nloads\n(S'x'\ntR",
    "ctypes": b"cctypes\nCDLL\n(S'x'\ntR",
    "webbrowser": b"cwebbrowser\nopen\n(S'x'\ntR",
    "shutil": b"cshutil\nrmtree\n(S'x'\ntR",
    "socket": b"csocket\nsocket\n(tR",
    "torch.load": b"ctorch\nload\n(S'x'\ntR",
    "numpy.load": b"cnumpy\nload\n(S'x'\ntR",
    "torch.hub": b"ctorch.hub\nload\n(S'x'\ntR",
    "pip": b"cpip\nmain\n(S'x'\ntR",
    "an attribute of everything": b"cbuiltins\ngetattr\n(cbuiltins\nint\nS'__subclasses__'\ntR",
    "dill": b"cdill._dill\n_get_attr\n(cdill._dill\n_import_module\n(S'os'\ntRS'system'\ntR",
    "dill's popen": b"cdill._dill\n_get_attr\n(cdill._dill\n_import_module\n(S'os'\ntRS'fork'\ntR",
    "instance": b"(S'touch canary'\nios\nsystem\n",
    "through another module": b"\x8c\tposixpath\x8c\tos.system\x93(S'touch canary'\ntR",
    "methodcaller": b"coperator\nmethodcaller\n(S'x'\ntR",
}


@pytest.mark.parametrize("attack", HOSTILE)
def test_what_only_attacks_need_is_refused_beside_good_weights(attack, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    weights = pickle.dumps(W, 2)[2:-1]
    (tmp_path / "m.pkl").write_bytes(
        b"\x80\x02}(X\x01\x00\x00\x00g}X\x01\x00\x00\x00w" + weights + b"sX\x01\x00\x00\x00x"
        b"(" + HOSTILE[attack] + b"lu."
    )
    with pytest.raises(CheckpointError, match="nothing of it was run"):
        read(tmp_path / "m.pkl")
    assert [path.name for path in tmp_path.iterdir()] == ["m.pkl"]
