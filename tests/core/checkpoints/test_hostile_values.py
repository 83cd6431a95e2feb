"""Values that only attacks need, besides good weights: the file is refused, and nothing runs."""

import pickle

import pytest
from latentsteer.core.checkpoints.checkpoint import read
from latentsteer.core.errors import CheckpointError

from .inert_values import W

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
