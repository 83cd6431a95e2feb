"""`make gpu` without an accelerator, and the commands that it would run."""

import importlib.util
import sys
from pathlib import Path

import pytest
import torch
from latentsteer.nodes.cli.commands import parser
from latentsteer.nodes.cli.main import main

from . import forks

ROOT = Path(__file__).parent.parent


@pytest.fixture
def on_gpu(monkeypatch):
    spec = importlib.util.spec_from_file_location("on_gpu", ROOT / "tests" / "on_gpu.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setattr(sys, "argv", ["on_gpu.py"])
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.mps, "is_available", lambda: False, raising=False)
    return module


def test_it_says_that_there_is_no_device(on_gpu, capsys):
    assert on_gpu.main() == 2
    assert "No cuda or mps device" in capsys.readouterr().out


def test_it_says_what_is_missing(on_gpu, monkeypatch, capsys):
    monkeypatch.setattr(on_gpu, "NEEDED", ("torch", "not_a_library"))
    monkeypatch.setitem(on_gpu.OPTIONAL, "nor_is_this", "nothing happens")
    assert on_gpu.main() == 2
    assert "lacks not_a_library; needed are torch, not_a_library" in capsys.readouterr().out
    monkeypatch.setattr(on_gpu, "NEEDED", ("torch",))
    assert on_gpu.main() == 2
    assert "without nor_is_this: nothing happens" in capsys.readouterr().out


def test_it_stops_what_takes_too_long_and_fails(on_gpu, monkeypatch, capsys):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda: "a card")
    slept = [sys.executable, "-c", "import time; time.sleep(60)"]
    monkeypatch.setattr(on_gpu, "commands", lambda device: {"sleep": slept, device: ["true"]})
    monkeypatch.setattr(sys, "argv", ["on_gpu.py", "--minutes", "0"])
    assert on_gpu.main() == 1
    out = capsys.readouterr().out
    assert "a card" in out
    assert "sleep: stopped, 0 minutes are over" in out
    assert "cuda: exit 0" in out


def test_its_commands_are_ours(on_gpu):
    commands = on_gpu.commands("cuda")
    assert list(commands) == ["tests", "bench clip", "bench generator"]
    for name in ("bench clip", "bench generator"):
        args = parser().parse_args(commands[name][3:])
        assert args.device == "cuda"


def test_a_bench_runs_from_a_checkout_that_is_not_installed(tmp_path):
    script = str(ROOT / "tests" / "on_gpu.py")
    bench = ["latentsteer", "bench", "generator", "--quick"]
    did = forks.ran(forks.PLAIN, script, *bench, cwd=tmp_path)
    assert did.returncode == 0, did.stderr
    assert "BigGAN-32" in did.stdout


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a cuda device here")
def test_a_bench_says_that_there_is_no_device(capsys):
    assert main(["bench", "generator", "--quick", "--device", "cuda"]) == 2
    assert "No cuda device here" in capsys.readouterr().err
