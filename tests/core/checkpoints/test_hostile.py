"""Files that try to run code: every route is refused or inert, here and in a child process."""

import io
import json
import pickle
import sys
import zipfile
from pathlib import Path

import pytest
import torch
from latentsteer.core.checkpoints.checkpoint import read
from latentsteer.core.errors import CheckpointError

from ...forks import PLAIN, ran
from . import reader_files

WHOLE = torch.arange(6.0)
CHILD = Path(__file__).with_name("reader_child.py")
CANARY = b"canary_module\ntouch\n"


def text(value):
    return b"\x8c" + bytes([len(value)]) + value


REFUSED = {
    "GLOBAL": b"cposix\nsystem\n",
    "GLOBAL of builtins": b"cbuiltins\neval\n",
    "STACK_GLOBAL": text(b"posix") + text(b"system") + b"\x93",
    "STACK_GLOBAL through a class": text(b"collections") + text(b"OrderedDict.fromkeys") + b"\x93",
    "REDUCE": b"cposix\nsystem\n" + text(b"touch canary") + b"\x85R",
    "REDUCE of a stranger": b"c" + CANARY + b")R",
    "REDUCE of what REDUCE gave": b"ccollections\nOrderedDict\n)R)R",
    "REDUCE of torch.load": b"ctorch\nload\n" + text(b"canary") + b"\x85R",
    "REDUCE of numpy.load": b"cnumpy\nload\n" + text(b"canary") + b"\x85R",
    "REDUCE of a partial": b"cfunctools\npartial\nc" + CANARY + b"\x85R)R",
    "REDUCE of a type of tensors": (
        b"ctorch._tensor\n_rebuild_from_type_v2\n(c" + CANARY + b"ctorch\nTensor\n)NtR"
    ),
    "REDUCE of codecs": b"c_codecs\nencode\n" + text(b"x") + text(b"rot13") + b"\x86R",
    "copyreg": b"ccopyreg\n_reconstructor\n(cposix\nsystem\ncbuiltins\nobject\nNtR",
    "BUILD on a builder": b"ccollections\nOrderedDict\n}" + text(b"x") + b"c" + CANARY + b"sb",
    "BUILD on a storage": b"ctorch\nFloatStorage\n}" + text(b"__call__") + b"c" + CANARY + b"sb",
    "BUILD on a class": b"c" + CANARY + b"}" + text(b"__reduce__") + b"c" + CANARY + b"sb",
    "BUILD on text": text(b"x") + b"}b",
    "BUILD on a kind of array": (
        b"cnumpy\ndtype\n" + text(b"f4") + b"\x85R}" + text(b"x") + b"c" + CANARY + b"sb"
    ),
    "INST": b"(icanary_module\ntouch\n",
    "OBJ": b"(c" + CANARY + b"o",
    "NEWOBJ of the standard library": b"csubprocess\nPopen\n"
    + text(b"touch canary")
    + b"\x85\x81",
    "NEWOBJ of a builder": b"ccollections\nOrderedDict\n)\x81",
    "NEWOBJ_EX": b"c" + CANARY + b")}\x92",
    "EXT1": b"\x82\x01",
    "EXT2": b"\x83\x01\x00",
    "EXT4": b"\x84\x01\x00\x00\x00",
    "PERSID": b"Pcanary_module.touch\n",
    "BINPERSID": text(b"canary_module.touch") + b"Q",
    "BINPERSID of a stranger": (
        b"(" + text(b"storage") + b"c" + CANARY + text(b"0") + text(b"cpu") + b"K\x01tQ"
    ),
    "DUP": b"}2",
    "buffers outside": b"\x97",
    "objects of NumPy": b"cnumpy\ndtype\n" + text(b"O8") + b"\x85R",
}
INERT = {
    "NEWOBJ of a stranger": b"ccanary_module\nThing\n)\x81",
    "BUILD on an object": (
        b"ccanary_module\nThing\n)\x81}" + text(b"__class__") + b"c" + CANARY + b"sb"
    ),
    "GLOBAL of a stranger": b"c" + CANARY,
}
"""Values that may stay in the file as data: nothing of them is imported or called."""


def content(attack, *, tensor=b"N"):
    """{'w': a tensor, 'x': the attack}."""
    return b"\x80\x04}(" + text(b"w") + tensor + text(b"x") + attack + b"u."


def as_pickle(attack):
    return content(attack)


def as_zip(attack):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("archive/data.pkl", content(attack))
        archive.writestr("archive/version", b"3\n")
    return file.getvalue()


def as_legacy(attack):
    head = [pickle.dumps(part, 2) for part in (0x1950A86A20F9469CFC6C, 1001)]
    machine = pickle.dumps({"protocol_version": 1001, "little_endian": True}, 2)
    return b"".join([*head, machine, content(attack), pickle.dumps([], 2)])


def nested(attack):
    """Within a tensor of a pickle."""
    inner = as_legacy(attack)
    arguments = b"B" + len(inner).to_bytes(4, "little") + inner + b"\x85"
    return content(b"ctorch.storage\n_load_from_bytes\n" + arguments + b"R")


def in_persistence(attack):
    """Within the state of a persistent object."""
    parts = {b"type": text(b"class"), b"class_name": text(b"G"), b"module_src": text(b"")}
    parts |= {b"version": b"K\x06"}
    meta = b"}(" + b"".join(text(k) + v for k, v in parts.items())
    meta += text(b"state") + b"}" + text(b"x") + attack + b"su"
    return content(b"ctorch_utils.persistence\n_reconstruct_persistent_obj\n" + meta + b"\x85R")


HOLDERS = {
    "m.pkl": as_pickle,
    "m.pth": as_zip,
    "m.ckpt": as_legacy,
    "nested.pkl": nested,
    "persistent.pkl": in_persistence,
}


def written(folder, holder, attack):
    path = folder / f"{attack.replace(' ', '-')}-{holder}"
    path.write_bytes(HOLDERS[holder]((REFUSED | INERT)[attack]))
    return path


@pytest.mark.parametrize("holder", HOLDERS)
@pytest.mark.parametrize("attack", REFUSED)
def test_an_attack_is_refused_by_name_and_with_a_reason(attack, holder, tmp_path):
    path = written(tmp_path, holder, attack)
    with pytest.raises(CheckpointError) as caught:
        read(path)
    said = str(caught.value)
    assert str(path) in said
    assert len(said.removeprefix(str(path))) > 20


@pytest.mark.parametrize("holder", ["m.pkl", "m.pth", "m.ckpt", "persistent.pkl"])
@pytest.mark.parametrize("attack", INERT)
def test_a_strangers_object_is_data_and_nothing_else(attack, holder, tmp_path):
    checkpoint = read(written(tmp_path, holder, attack))
    assert checkpoint.tensors == {}
    assert "canary_module" not in sys.modules


def in_child(folder, job):
    """Returns the report of a limited process on a job; it runs in an empty folder."""
    job = {"warm": str(folder / "warm.safetensors"), "memory": 1 << 28, "seconds": 120} | job
    reader_files.SEALED["ours.safetensors"](folder / "warm.safetensors")
    here = folder / "empty"
    here.mkdir(exist_ok=True)
    job["modules"] = str(folder)
    done = ran(PLAIN, CHILD, text=json.dumps(job), cwd=here, timeout=600)
    assert done.returncode == 0, done.stderr[-3000:]
    assert list(here.iterdir()) == []
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def answered(tmp_path_factory):
    """The folder, attacks, bombs and report of one limited process, which reads them all."""
    folder = tmp_path_factory.mktemp("child")
    (folder / "canary_module.py").write_text(
        f"open({str(folder / 'canary')!r}, 'w').close()\n"
        "class Thing: pass\n"
        "def touch(*_): open('canary', 'w').close()\n"
    )
    files = [written(folder, h, attack) for h in HOLDERS for attack in REFUSED | INERT]
    source = f"open({str(folder / 'canary')!r}, 'w').close()\n"
    with_source = folder / "source.pkl"
    with_source.write_bytes(reader_files.persistent(source=source))
    reasons = {}
    for bomb, (content, reason) in bombs().items():
        path = folder / f"{bomb.replace(' ', '-')}.pkl"
        path.write_bytes(content)
        reasons[str(path)] = reason
    job = {"files": [str(file) for file in (*files, with_source)], "bombs": list(reasons)}
    return folder, str(with_source), reasons, in_child(folder, job)


def test_in_a_process_of_its_own_nothing_is_imported_opened_or_run(answered):
    folder, with_source, _, answer = answered
    found = dict(answer["found"])
    assert len(found.pop(with_source)) > 5
    assert len(found) == len(HOLDERS) * len(REFUSED | INERT)
    for file, said in found.items():
        assert said == [] or said.startswith("refused: "), (file, said)
    assert answer["seen"] == []
    assert answer["modules"] == []
    assert answer["grown by files"] < 1 << 27
    assert not (folder / "canary").exists()


def test_a_source_is_hashed_and_dropped(tmp_path):
    import hashlib

    source = "raise SystemExit('run')"
    (tmp_path / "m.pkl").write_bytes(reader_files.persistent(source=source))
    found = read(tmp_path / "m.pkl").config["modules"]["G_ema"]
    assert found["source"] == hashlib.sha256(source.encode()).hexdigest()
    assert source not in json.dumps(read(tmp_path / "m.pkl").config)


def test_a_persistent_object_of_another_kind_is_refused(tmp_path):
    (tmp_path / "m.pkl").write_bytes(reader_files.persistent(kind="function"))
    with pytest.raises(CheckpointError, match="persistent object of an unknown kind"):
        read(tmp_path / "m.pkl")


# Bombs


def bombs():
    """Pickles by kind, with the reason of the refusal."""
    tens = (b"(" + (b"h" + bytes([n])) * 10 + b"lq" + bytes([n + 1]) for n in range(1, 30))
    twos = (b"h" + bytes([n]) + b"h" + bytes([n]) + b"\x86q" + bytes([n + 1]) for n in range(30))
    pairs = b"".join(b"(M" + n.to_bytes(2, "little") + b"Nt" for n in range(3000))
    return {
        "lists shared without end": (b"\x80\x02(]q\x01" + b"".join(tens) + b"t.", "entries"),
        "a tuple that doubles": (b"\x80\x02()q\x00" + b"".join(twos) + b"t.", "entries"),
        "eight gigabytes of text": (
            b"\x80\x04\x8d" + (8 << 30).to_bytes(8, "little") + b"x",
            "8589934592 bytes should follow, but 1 do",
        ),
        "bytes beyond all": (b"\x80\x04\x8e" + b"\xff" * 8 + b"x", "maxsize"),
        "negative bytes": (b"\x80\x02T\xff\xff\xff\xffx.", "byte count < 0"),
        "a number of a million digits": (b"\x80\x02}(I" + b"9" * 1_000_000 + b"\nNu.", "digits"),
        "one dict over and over": (
            b"\x80\x04(ccollections\nOrderedDict\nq\x00(]("
            + pairs
            + b"etq\x01R"
            + b"h\x00h\x01R" * 3000
            + b"t.",
            "without limit",
        ),
        "nested too deep": (b"\x80\x02" + b"]" * 100_000 + b"a" * 99_999 + b".", "deeper than"),
        "a huge array": (
            b"\x80\x04}"
            + text(b"w")
            + b"cnumpy.core.multiarray\n_reconstruct\n)R(K\x01"
            + b"J\xff\xff\xff\x7fJ\xff\xff\xff\x7f\x86cnumpy\ndtype\n"
            + text(b"f4")
            + b"\x85R\x89C\x01xtbs.",
            "far larger than the file",
        ),
    }


def test_bombs_end_in_bounded_time_and_memory(answered):
    _, _, reasons, answer = answered
    assert answer["bombs"].keys() == reasons.keys()
    for path, said in answer["bombs"].items():
        assert said.startswith(f"refused: {path}")
        assert reasons[path] in said
    assert answer["slowest"] < 5
    assert answer["grown"] < 1 << 28


def test_zip_bombs_are_refused_before_they_are_unpacked(tmp_path):
    path = tmp_path / "m.npz"
    header = b"{'descr': '<f4', 'fortran_order': False, 'shape': (268435456,), }"
    start = b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        archive.writestr("w.npy", start + bytes(1 << 28))
    with pytest.raises(CheckpointError, match=r"unpacks to 2684.* bytes"):
        read(path)
