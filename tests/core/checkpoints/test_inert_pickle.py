"""Hostile or damaged pickles in files of torch.save: refused, and nothing runs."""

import os
import pickle
import zipfile
from collections import OrderedDict

import pytest
import torch
from latentsteer.core.checkpoints import checkpoint as checkpoints
from latentsteer.core.checkpoints.pickles import modules as pickled_modules
from latentsteer.core.errors import CheckpointError

from .reader_files import read_tensors

TENSOR = torch.arange(6.0)


def hand_made(tmp_path, pickled):
    """A file of torch.save with another pickle."""
    path = tmp_path / "m.pth"
    torch.save({"a": TENSOR}, path)
    with zipfile.ZipFile(path) as archive:
        held = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in held.items():
            archive.writestr(name, pickled if name.endswith("/data.pkl") else content)
    return path


class Reduced:
    def __init__(self, function, *arguments):
        self.how = (function, arguments)

    def __reduce__(self):
        return self.how


def hostile(command):
    text = command.encode()
    return {
        "reduce, protocol 0": b"cposix\nsystem\n(S'" + text + b"'\ntR.",
        "reduce, protocol 2": pickle.dumps({"a": Reduced(os.system, command)}, 2),
        "reduce, protocol 4": pickle.dumps([Reduced(os.system, command)], 4),
        "reduce eval": pickle.dumps(Reduced(eval, f"__import__('os').system({command!r})"), 2),
        "reduce exec": pickle.dumps(Reduced(exec, f"import os; os.system({command!r})"), 4),
        "global alone": b"cos\nsystem\n.",
        "inst": b"(S'" + text + b"'\nios\nsystem\n.",
        "obj": b"(cos\nsystem\nS'" + text + b"'\no.",
        "obj of a known name": b"(ccollections\nOrderedDict\nS'x'\no.",
        "newobj": b"\x80\x02ccollections\nOrderedDict\n)\x81.",
        "newobj_ex": b"\x80\x04ccollections\nOrderedDict\n)}\x92.",
        "build of a name": b"ccollections\nOrderedDict\n}(U\x01ai1\nub.".replace(b"i1\n", b"I1\n"),
        "build of a storage": b"ctorch\nFloatStorage\n}(U\x08__call__cos\nsystem\nub.",
        "reduce of a storage": b"\x80\x02ctorch\nFloatStorage\nK\x05\x85R.",
        "reduce of text": b"\x80\x02U\x09os.systemU\x01x\x85R.",
        "reduce of the result": b"\x80\x02ccollections\nOrderedDict\n)RU\x01x\x85R.",
        "extension": b"\x80\x02\x82\x01.",
        "persistent text": b"Pos.system\n.",
        "persistent module": (b"\x80\x02(U\x06modulecos\nsystem\nU\x01fU\x05print" + b"K\x01tQ."),
        "persistent, unknown storage": (
            b"\x80\x02(U\x07storagectorch\nload\nU\x010U\x03cpuK\x01tQ."
        ),
        "getattr chain": b"cbuiltins\ngetattr\n(cos\nU\x06systemtR.",
        "dotted": b"\x80\x04\x8c\x0bcollections\x8c\x14OrderedDict.__init__\x93.",
        "torch.load": b"\x80\x02ctorch\nload\nU\x09other.pth\x85R.",
        "buffers": b"\x80\x05\x97.",
    }


ATTACKS = tuple(hostile("touch canary"))


@pytest.mark.parametrize("attack", ATTACKS)
def test_a_hostile_pickle_is_refused_and_runs_nothing(attack, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    canary = tmp_path / "canary"
    path = hand_made(tmp_path, hostile("touch canary")[attack])
    with pytest.raises(CheckpointError, match=r"m\.pth") as caught:
        checkpoints.read(path)
    assert not canary.exists()
    if "os" in attack or attack.startswith(("reduce, ", "global")):
        assert "system" in str(caught.value)
        assert "nothing of it was run" in str(caught.value)


def test_an_attack_behind_good_tensors_is_refused(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    class Sly(OrderedDict):
        def __reduce__(self):
            return os.system, ("touch canary",)

    path = tmp_path / "m.pth"
    torch.save({"a": TENSOR, "b": Sly()}, path)
    with pytest.raises(CheckpointError, match=r"asks for `(posix|nt)\.system`"):
        read_tensors(path)
    assert not (tmp_path / "canary").exists()


# Damage


@pytest.mark.parametrize(
    ("pickled", "message"),
    [
        (b"", "ends within a pickle"),
        (b"\x80\x02}", "ends within a pickle"),
        (b"\x80\x02.", "prematurely"),
        (b"\x80\x02N\x85", "ends within a pickle"),
        (b"\x80\x02h\x05.", "not a readable torch.save file"),
        (b"\x80\x02X\xff\xff\xff\x7fabc.", "ends within a pickle: 2147483647 bytes"),
        (b"\x80\x02}(K\x01u.", "not a readable torch.save file"),
        (b"\x80\x02}K\x01K\x02K\x03e.", "not a readable torch.save file"),
        (b"\x80\x02}K\x01a.", "dict where a list"),
        (b"\x80\x02]K\x01K\x02s.", "list where a dict"),
        (b"\x80\x02})K\x01s.", "tuple as a key"),
        (b"\xff\xfe.", "not a readable torch.save file"),
        (b"\x80\x02}q\x00U\x01ah\x00s.", "nests deeper"),
    ],
)
def test_a_damaged_pickle_is_refused(pickled, message, tmp_path):
    with pytest.raises(CheckpointError, match=message):
        read_tensors(hand_made(tmp_path, pickled))


def test_lists_that_share_themselves_end_in_bounded_time(tmp_path, monkeypatch):
    monkeypatch.setattr(pickled_modules, "MOST_ENTRIES", 10_000)
    # Each list holds the one before ten times: visiting all would take 10^20 steps.
    layers = b"".join(
        b"](" + b"".join(b"h" + bytes([n]) for _ in range(10)) + b"eq" + bytes([n + 1])
        for n in range(20)
    )
    with pytest.raises(CheckpointError, match="entries"):
        read_tensors(hand_made(tmp_path, b"\x80\x02(]q\x00" + layers + b"t."))
