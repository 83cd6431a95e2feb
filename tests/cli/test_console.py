"""The process around a command: encodings, closed pipes, signals, and the working folder."""

import contextlib
import copy
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from latentsteer.nodes.cli import console
from latentsteer.nodes.standalone.signals import Stopped
from latentsteer.nodes.standalone.version import version
from latentsteer.workflows.recipes.table import RECIPES

from .. import forks

ROOT = Path(__file__).parents[2]
CLI = ROOT / "nodes" / "cli"
STARTED = []
WORDS = "caf\u00e9 \u2192 \u2603 \u65e5\u672c"


def started(*arguments, **options):
    environment = {**os.environ, **options.pop("environment", {})}
    command = [sys.executable, str(CLI), *map(str, arguments)]
    streams = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **options}
    process = subprocess.Popen(command, env=environment, **streams)
    STARTED.append(process)
    return process


@pytest.fixture(autouse=True)
def nothing_left_running():
    """Kills what a test that fails or times out leaves running."""
    yield
    while STARTED:
        process = STARTED.pop()
        if process.poll() is None:
            process.kill()
            process.communicate()


def finished(*arguments, **options):
    process = started(*arguments, **options)
    out, err = process.communicate(timeout=300)
    return process.returncode, out, err


def forked(*arguments, environment=(), **options):
    options |= {"env": {**os.environ, **dict(environment)}, "encoding": None}
    did = forks.ran(forks.PLAIN, CLI / "__main__.py", *arguments, **options)
    return did.returncode, did.stdout, did.stderr


@pytest.fixture
def shown(tmp_path):
    """A graph that shows a text of many scripts, in a folder with that name."""
    base = tmp_path / WORDS
    base.mkdir()
    text = {"class_type": "PrimitiveString", "inputs": {"value": WORDS, WORDS: 1}}
    graph = {
        "1": text,
        "2": {"class_type": "PreviewAny", "inputs": {"source": ["1", 0]}},
    }
    path = base / "g.json"
    path.write_text(json.dumps(graph), encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("run", "encoding"),
    [(forked, "cp1252:strict"), pytest.param(finished, "ascii", marks=pytest.mark.slow)],
)
def test_any_encoding_of_the_console(shown, run, encoding):
    code, out, err = run(
        "run", shown, "--base", shown.parent, environment={"PYTHONIOENCODING": encoding}
    )
    assert code == 0, err
    plain = encoding.partition(":")[0]
    assert WORDS.encode(plain, "backslashreplace") in out
    assert WORDS.encode(plain, "backslashreplace") in err
    assert b"Traceback" not in err
    assert json.loads((shown.parent / "out" / "report.json").read_text())["device"]


def test_the_output_of_a_fresh_python_takes_any_text():
    """The console's own module alone, which needs no PyTorch."""
    lines = [
        "import runpy",
        f"runpy.run_path({str(CLI / '__main__.py')!r})['_imported_by_path']()",
        "from latentsteer.nodes.cli import console",
        "console.writable()",
        f"print({WORDS!r})",
    ]
    done = subprocess.run(
        [sys.executable, "-c", "\n".join(lines)],
        env={**os.environ, "PYTHONIOENCODING": "ascii:strict"},
        capture_output=True,
        check=True,
    )
    assert done.stdout.strip() == WORDS.encode("ascii", "backslashreplace")


@pytest.mark.parametrize(
    ("run", "code", "arguments"),
    [
        (finished, 0, ["--help"]),
        (forked, 141, ["run"]),
        pytest.param(finished, 141, ["run"], marks=pytest.mark.slow),
    ],
)
def test_a_closed_pipe_ends_quietly(shown, run, code, arguments):
    if arguments == ["run"]:
        arguments = ["run", shown, "--base", shown.parent]
    reading, writing = os.pipe()
    os.close(reading)
    ended, _, err = run(*arguments, stdout=writing)
    os.close(writing)
    assert ended == code
    assert b"Traceback" not in err
    assert b"BrokenPipe" not in err


def test_started_by_path_and_by_name_under_any_folder(tmp_path):
    """As in ComfyUI, where the folder of the package is not an identifier and not on the path."""
    pack = tmp_path / "custom_nodes" / "latent-steer 2"
    pack.parent.mkdir()
    pack.symlink_to(ROOT, target_is_directory=True)
    by_path = [sys.executable, "custom_nodes/latent-steer 2/nodes/cli", "--version"]
    by_name = [sys.executable, "-m", "custom_nodes.latent-steer 2.nodes.cli", "--version"]
    alone = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    for command in (by_path, by_name):
        done = subprocess.run(
            command, cwd=tmp_path, env=alone, capture_output=True, text=True, check=False
        )
        assert (done.returncode, done.stdout) == (0, f"latentsteer {version()}\n"), done.stderr


@pytest.mark.skipif(os.name == "nt", reason="no such signals")
def test_a_terminated_refinement_is_kept(tmp_path):
    api = copy.deepcopy(RECIPES["tr0n_digits_no_translator"].api)
    for raw in api.values():
        for name in {"samples_per_class", "steps", "preview_every"} & raw["inputs"].keys():
            raw["inputs"][name] = {"samples_per_class": 1, "steps": 100_000}.get(name, 1)
    path = tmp_path / "g.json"
    path.write_text(json.dumps(api), encoding="utf-8")
    process = started("run", path, "--base", tmp_path, "--previews", "--device", "cpu")
    end, previews = time.monotonic() + 240, tmp_path / "out" / "previews"
    while not (previews.is_dir() and any(previews.iterdir())):
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < end
        time.sleep(0.1)
    process.send_signal(signal.SIGTERM)
    _, err = process.communicate(timeout=240)
    assert process.returncode == 143, err
    (kept,) = (tmp_path / "out" / "interrupted").glob("*.safetensors")
    assert f"kept so far: {kept}".encode() in err
    assert b"Traceback" not in err


@pytest.mark.skipif(os.name == "nt", reason="no such signals")
def test_a_signal_before_the_work_ends_quietly(tmp_path):
    """Commands without state end at once, without a traceback."""
    with started("bench", "clip", "--json", tmp_path / "x.json") as process:
        try:
            time.sleep(0.5)
            while process.poll() is None and not _is_in_python(process.pid):
                time.sleep(0.1)
            process.send_signal(signal.SIGTERM)
            _, err = process.communicate(timeout=60)
        finally:
            process.kill()
    assert process.returncode in (143, -signal.SIGTERM)
    assert b"Traceback" not in err
    assert list(tmp_path.iterdir()) == []


def _discards():
    with contextlib.suppress(BaseException):
        signal.raise_signal(signal.SIGTERM)


class _Finalizer:
    def __del__(self):
        signal.raise_signal(signal.SIGTERM)


@pytest.mark.skipif(os.name == "nt", reason="no such signals")
@pytest.mark.parametrize("discards", [_discards, _Finalizer], ids=["except", "finalizer"])
def test_code_that_discards_exceptions_does_not_discard_a_signal(discards, capsys):
    before, reached = signal.getsignal(signal.SIGTERM), []

    def work():
        discards()
        reached.append(True)
        time.sleep(60)

    with pytest.raises(Stopped, match="SIGTERM"), console.stoppable():
        work()
    assert reached
    assert signal.getsignal(signal.SIGTERM) is before
    assert "Traceback" not in capsys.readouterr().err


def _is_in_python(pid):
    """Whether the process has set its handler, read from the kernel on Linux."""
    status = Path(f"/proc/{pid}/status")
    if not status.exists():
        return True
    caught = next(r for r in status.read_text().splitlines() if r.startswith("SigCgt"))
    return bool(int(caught.split()[1], 16) & (1 << (signal.SIGTERM - 1)))
