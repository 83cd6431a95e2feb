"""An error of the operating system gives one sentence and exit code 2, before the work."""

import errno
import json
import os
import sys
import types
from pathlib import Path

import pytest
import safetensors
from latentsteer.core.files import creating, replacing
from latentsteer.nodes.cli import commands
from latentsteer.nodes.cli.main import main
from latentsteer.nodes.standalone.os_errors import sentence
from PIL import Image

ROOTLESS = pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write anywhere"
)
LONG = "x" * 300


@pytest.fixture(autouse=True)
def toys(monkeypatch, nodes):
    import latentsteer.nodes.cli.run as run

    monkeypatch.setattr(run, "load_nodes", lambda: nodes)


@pytest.fixture
def places(tmp_path):
    (tmp_path / "file").write_text("mine")
    (tmp_path / "folder").mkdir()
    return tmp_path


@pytest.fixture
def call(places, capsys):
    """Runs the script; returns exit code and messages."""

    def go(*arguments):
        code = main([str(argument) for argument in arguments])
        return code, capsys.readouterr().err

    return go


@pytest.fixture
def graph(places, api):
    def written(**prefix):
        api["4"]["inputs"].update(prefix)
        path = places / "toys.json"
        path.write_text(json.dumps(api), encoding="utf-8")
        return path

    return written


def everything(folder):
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*"))


def is_one_sentence(answer, says):
    code, err = answer
    assert code == 2
    assert err.startswith("latentsteer: ")
    assert err.count("\n") == 1
    assert says in err


BAD_FOLDERS = [
    ("file", "is a file; name a folder"),
    ("file/below", "Not a directory"),
    (LONG, "File name too long; choose a shorter name"),
    (f"new/{LONG}", "File name too long"),
]


@pytest.mark.parametrize(("out", "says"), BAD_FOLDERS)
def test_an_unusable_out_is_refused_before_the_work(call, graph, places, out, says, monkeypatch):
    monkeypatch.setattr("latentsteer.nodes.cli.run.execute", None)
    path = graph()
    before = everything(places)
    for command in (["run", path], ["demo"], ["reproduce", "digits"], ["bench", "clip"]):
        is_one_sentence(call(*command, "--base", places, "--out", places / out), says)
    assert everything(places) == before


def test_the_default_out_is_checked_too(call, graph, places):
    path = graph()
    (places / "out").write_text("a file")
    is_one_sentence(call("run", path, "--base", places), "is a file; name a folder")


@pytest.mark.parametrize(
    ("json_file", "says"),
    [
        ("folder", "is a folder; name a file"),
        ("file/x.json", "is a file; name a folder"),
        (f"{LONG}.json", "File name too long"),
    ],
)
def test_an_unusable_json_is_refused_before_the_work(call, places, json_file, says, monkeypatch):
    called = []
    module = types.ModuleType("fake")
    module.run = lambda args: called.append(args) or 0
    monkeypatch.setitem(sys.modules, "fake", module)
    for table in (commands.REPRODUCTIONS, commands.BENCHES):
        monkeypatch.setitem(table, "fake", "fake:run")
    asked = [("reproduce", "fake"), ("bench", "fake"), ("inspect", "x.pkl")]
    asked.append(("parity", "x.pkl", "y.npz"))
    before = everything(places)
    for command in asked:
        is_one_sentence(call(*command, "--json", places / json_file), says)
    assert called == []
    assert everything(places) == before
    assert call("bench", "fake", "--json", places / "new" / "x.json")[0] == 0
    assert everything(places) == before


def test_an_unusable_target_of_convert_is_refused(call, places):
    source = Path(__file__).parents[2] / "core/zoo/digits-generator.safetensors"
    (places / "folder.safetensors").mkdir()
    is_one_sentence(call("convert", source, places / "folder.safetensors"), "is a folder")
    is_one_sentence(call("convert", source, places / "file/x.safetensors"), "is a file")


@pytest.mark.parametrize("command", ["inspect", "convert", "parity", "run"])
def test_missing_files_are_one_sentence(call, places, command):
    more = {"convert": [places / "x.safetensors"], "parity": [places / "x.npz"]}.get(command, [])
    named = "x.npz" if command == "parity" else "gone.pkl"
    is_one_sentence(call(command, places / "gone.pkl", *more), named)


@pytest.mark.parametrize("prefix", [LONG, f"sub/{LONG}", f"{LONG}/x", "x" * 250])
def test_a_prefix_that_is_too_long_is_refused_before_the_work(call, graph, places, prefix):
    path = graph(filename_prefix=prefix)
    before = everything(places)
    is_one_sentence(call("run", path, "--base", places), "File name too long")
    assert everything(places) == before


@pytest.mark.parametrize("error", [errno.ENOSPC, errno.EIO, errno.EDQUOT])
def test_a_full_disk_leaves_no_half_file(call, graph, places, error, monkeypatch):
    def full(picture, file, **options):
        Path(file).write_bytes(b"half")
        raise OSError(error, os.strerror(error))

    monkeypatch.setattr(Image.Image, "save", full)
    answer = call("run", graph(), "--base", places, "--out", places / "res")
    is_one_sentence((answer[0], answer[1].splitlines(keepends=True)[-1]), os.strerror(error))
    assert "node 4 (SaveImage): " in answer[1]
    assert [path for path in (places / "res").rglob("*") if path.is_file()] == []


@ROOTLESS
def test_a_folder_that_may_not_be_written_to(call, graph, places):
    (places / "folder").chmod(0o500)
    answer = call("run", graph(), "--base", places, "--out", places / "folder")
    is_one_sentence(answer, "Permission denied; change its permissions")


@ROOTLESS
def test_a_file_that_may_not_be_replaced(call, places):
    (places / "file").chmod(0o400)
    is_one_sentence(call("bench", "clip", "--json", places / "file"), "Permission denied")


@pytest.mark.parametrize("writing", [replacing, creating])
def test_the_error_names_the_file_and_not_its_temporary(tmp_path, writing):
    with (
        pytest.raises(OSError, match=r"x\.bin") as caught,
        writing(tmp_path / "x.bin") as temporary,
    ):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(temporary))
    assert sentence(caught.value) == (
        f"{tmp_path / 'x.bin'}: No space left on device; make room there, or choose another place"
    )
    text = "Error while serializing: I/O error: No space left on device (os error 28)"
    with pytest.raises(OSError, match="No space") as caught, writing(tmp_path / "x.bin"):
        raise safetensors.SafetensorError(text)
    assert (caught.value.errno, caught.value.filename) == (errno.ENOSPC, str(tmp_path / "x.bin"))
    assert everything(tmp_path) == []


def test_a_name_as_long_as_the_system_takes(tmp_path):
    for writing, name in ((replacing, "a"), (creating, "b")):
        with writing(tmp_path / (name * 255)) as temporary:
            temporary.write_text("x")
    assert everything(tmp_path) == ["a" * 255, "b" * 255]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes with names")
@pytest.mark.parametrize("writing", [replacing, creating])
def test_a_pipe_or_device_is_written_to_and_stays_one(tmp_path, writing):
    path = tmp_path / "pipe"
    os.mkfifo(path)
    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    with writing(path) as same:
        same.write_text("through")
    assert os.read(reader, 99) == b"through"
    os.close(reader)
    assert path.is_fifo()


@pytest.mark.parametrize("links", [True, False])
def test_nothing_is_created_over_a_file(tmp_path, links, monkeypatch):
    if not links:

        def refused(*paths):
            raise OSError(errno.EPERM, "no links here")

        monkeypatch.setattr(os, "link", refused)
    path = tmp_path / "x"
    with creating(path) as temporary:
        temporary.write_text("first")
    with pytest.raises(FileExistsError), creating(path) as temporary:
        temporary.write_text("second")
    assert path.read_text() == "first"
    assert everything(tmp_path) == ["x"]
