"""Pickles of every protocol, of other versions of Python and of other libraries: how they open."""

import copyreg
import pathlib
import pickle
import zipfile

import numpy as np
import pytest
import torch
from latentsteer.core.checkpoints.checkpoint import read
from latentsteer.core.errors import CheckpointError

from . import reader_files
from .inert_values import Reduced, W, opened

pytestmark = pytest.mark.filterwarnings("ignore")  # warnings of libraries about their own values


@pytest.mark.parametrize("protocol", range(6))
@pytest.mark.parametrize(
    "write", [reader_files.plain_modules, reader_files.persistent, reader_files.tensorflow]
)
def test_every_pickle_of_networks_opens_in_every_protocol(write, protocol, tmp_path):
    (tmp_path / "m.pkl").write_bytes(write(protocol))
    (tmp_path / "wanted.pkl").write_bytes(write(4))
    found, wanted = (read(tmp_path / name).tensors for name in ("m.pkl", "wanted.pkl"))
    assert found.keys() == wanted.keys()
    for name, tensor in wanted.items():
        assert torch.equal(found[name], tensor)


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
