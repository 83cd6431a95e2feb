"""`latentsteer bench threads` with small settings, and the command's settings of OpenMP."""

import json
import os
import subprocess
import sys

import pytest
from latentsteer.nodes.cli.main import main
from latentsteer.nodes.standalone.errors import WorkflowError
from latentsteer.workflows.studies.bench import threads as bench_threads

PROBE = """
import os, sys
from latentsteer.nodes.cli import main
assert "torch" not in sys.modules
{before}
main._wait_passively()
print(os.environ.get("OMP_WAIT_POLICY"), os.environ.get("GOMP_SPINCOUNT"))
"""


def told(before="", **environment):
    clean = bench_threads.ungoverned(os.environ)
    clean["PYTHONPATH"] = os.pathsep.join(sys.path)
    command = [sys.executable, "-c", PROBE.format(before=before)]
    done = subprocess.run(
        command, env=clean | environment, capture_output=True, text=True, check=True
    )
    return done.stdout.split()


def test_the_command_lets_threads_wait_passively_before_pytorch_is_loaded():
    assert told() == ["PASSIVE", "0"]


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({"OMP_WAIT_POLICY": "ACTIVE"}, ["ACTIVE", "None"]),
        ({"GOMP_SPINCOUNT": "99"}, ["None", "99"]),
    ],
)
def test_a_users_own_settings_win(environment, expected):
    assert told(**environment) == expected


def test_where_pytorch_is_loaded_already_nothing_is_told():
    assert told(before="sys.modules['torch'] = None") == ["None", "None"]


def test_the_bench_prints_its_rows_and_writes_its_numbers(monkeypatch, tmp_path, capsys):
    ran = []
    monkeypatch.setattr(bench_threads, "_once", lambda command, busy: ran.append((command, busy)))
    path = tmp_path / "threads.json"
    assert main(["bench", "threads", "--quick", "--json", str(path)]) == 0
    assert "tr0n_digits_class_trained, as a command:" in capsys.readouterr().out
    flat = json.loads(path.read_text())
    assert flat["tr0n_digits_class_trained_command_ratio"] > 0
    assert flat["checks"] == {}
    assert [busy for _, busy in ran] == [0, 2]
    assert "Train Translator.pairs=16" in ran[0][0]


def test_a_run_is_a_whole_process_and_the_busy_ones_end(monkeypatch):
    begun = []
    started = subprocess.Popen

    def watched(*args, **options):
        begun.append(started(*args, **options))
        return begun[-1]

    monkeypatch.setattr(bench_threads.subprocess, "Popen", watched)
    bench_threads._once([sys.executable, "-c", "pass"], 2)
    assert len(begun) == 3
    assert all(one.poll() is not None for one in begun)


def test_a_run_that_fails_says_why():
    with pytest.raises(WorkflowError, match=r"a run failed(.|\n)*out of luck"):
        bench_threads._once([sys.executable, "-c", "raise SystemExit('out of luck')"], 0)


def test_it_asks_for_two_and_a_half_times_at_most():
    flat = {f"{case.name}_ratio": ratio for case, ratio in zip(
        bench_threads.FULL.cases, (1.7, 2.4, 2.6), strict=True)}  # fmt: skip
    checks = bench_threads.checks_of(bench_threads.FULL, flat)
    assert [check.holds for check in checks] == [True, True, False]
