"""The server of forks: what a script sees, how it ends, and that nothing is left."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from . import forks

pytestmark = pytest.mark.skipif(not forks.SERVED, reason="scripts have a fresh Python here")
SEEN = """
import json, os, sys, torch
from beside import HERE
seen = [sys.argv[1:], HERE, os.getcwd(), dict(os.environ), sys.stdin.read(), __name__, __file__]
json.dump([*seen, torch.get_num_threads(), "latentsteer" in sys.modules], sys.stdout)
sys.stderr.write("to stderr")
sys.exit(4)
"""
LIMITED = """
import resource, sys
resource.setrlimit(resource.RLIMIT_AS, (1, 1))
resource.setrlimit(resource.RLIMIT_CPU, (1, 1))
bytearray(1 << 28)
"""
WITH_A_CHILD = """
import os, sys, time
pid = os.fork() or os.getpid()
sys.stdout.write(f"{pid}\\n")
sys.stdout.flush()
time.sleep(600)
"""
SERVERS = pytest.mark.parametrize("server", [forks.PLAIN, forks.TRAINING])


@pytest.fixture
def script(tmp_path):
    def written(text):
        path = tmp_path / "script.py"
        path.write_text(text, "utf-8")
        return path

    return written


@SERVERS
def test_a_script_has_its_arguments_environment_folder_and_streams(script, tmp_path, server):
    (tmp_path / "beside.py").write_text("HERE = 3")
    (tmp_path / "work").mkdir()
    path, work = script(SEEN), tmp_path / "work"
    did = forks.ran(server, path, "a", 6, text="given", env={"MINE": "5"}, cwd=work)
    assert (did.returncode, did.stderr) == (4, "to stderr")
    seen = [["a", "6"], 3, str(work), {"MINE": "5"}, "given", "__main__", str(path)]
    assert json.loads(did.stdout) == [*seen, 1, False]


@pytest.mark.parametrize(
    ("text", "code", "error"),
    [
        ("", 0, ""),
        ("raise SystemExit('out of luck')", 1, "out of luck\n"),
        ("import os; os.kill(os.getpid(), 9)", -9, ""),
    ],
)
def test_the_code_of_a_script(script, text, code, error):
    did = forks.ran(forks.PLAIN, script(text))
    assert (did.returncode, did.stdout, did.stderr) == (code, "", error)


def test_an_error_is_shown_with_its_traceback(script):
    did = forks.ran(forks.PLAIN, script("1 / 0"))
    assert did.returncode == 1
    assert "Traceback" in did.stderr
    assert "ZeroDivisionError" in did.stderr


@pytest.mark.parametrize("encoding", ["cp1252:strict", "ascii:replace", "utf-8", "latin-1"])
def test_the_encodings_are_those_of_a_fresh_python(script, encoding):
    """An error of encoding, too: the snowman is not in cp1252."""
    path = script("import sys; sys.stderr.write('\u2603 caf\u00e9\\n'); print('\u2603 caf\u00e9')")
    environment = {**os.environ, "PYTHONIOENCODING": encoding}
    did = forks.ran(forks.PLAIN, path, env=environment, encoding=None)
    fresh = subprocess.run([sys.executable, path], capture_output=True, env=environment)
    assert (did.returncode, did.stdout) == (fresh.returncode, fresh.stdout)
    assert did.stderr.splitlines()[0] == fresh.stderr.splitlines()[0]
    assert did.stderr.splitlines()[-1] == fresh.stderr.splitlines()[-1]


@SERVERS
def test_the_limits_of_a_script_are_its_own(script, server):
    did = forks.ran(server, script(LIMITED))
    assert did.returncode == 1
    assert "MemoryError" in did.stderr
    assert forks.ran(server, script("bytearray(1 << 28)")).returncode == 0


def test_two_scripts_run_at_once(script, tmp_path):
    """The first one waits until the second one writes."""
    os.mkfifo(tmp_path / "pipe")
    path = script("import sys; open(*sys.argv[1:]).close()")
    both = [forks.Script(forks.PLAIN, path, tmp_path / "pipe", mode) for mode in "rw"]
    assert [one.result(60).returncode for one in both] == [0, 0]


def test_a_script_that_takes_too_long_is_killed_with_its_children(script):
    begun, end = forks.Script(forks.PLAIN, script(WITH_A_CHILD)), time.monotonic() + 60
    while len(pids := os.pread(begun.streams[1].fileno(), 100, 0).split()) < 2:
        assert time.monotonic() < end
        time.sleep(0.02)
    did = begun.result(timeout=0.1)
    assert did.returncode == "none in 0.1 seconds"
    while any(Path("/proc", pid.decode()).exists() for pid in pids):
        assert time.monotonic() < end
        time.sleep(0.02)


def test_a_server_ends_with_the_process_that_started_it(monkeypatch):
    monkeypatch.delenv(forks.ADDRESS, raising=False)
    monkeypatch.setattr(forks, "_running", [])
    forks.start()
    ((server, folder),) = forks._running
    assert {file.name for file in Path(folder).iterdir()} == {forks.PLAIN, forks.TRAINING}
    forks.stop()
    assert server.returncode == 0
    assert not Path(folder).exists()
    assert forks.ADDRESS not in os.environ
