"""`latentsteer bench edit_image` with small settings."""

import json

import pytest
from latentsteer.core.zoo.avatar_edits import user_edits
from latentsteer.nodes.cli.main import main
from latentsteer.workflows.studies.bench import edit_image as bench


@pytest.mark.slow
def test_the_bench_runs_the_node_and_writes_its_numbers(tmp_path, capsys):
    path = tmp_path / "edit.json"
    assert main(["bench", "edit_image", "--quick", "--device", "cpu", "--json", str(path)]) == 0
    flat = json.loads(path.read_text())
    assert flat["first_seconds"] > 0
    assert flat["red_hat_seconds"] > 0
    assert flat["checks"] == {}
    assert f"{flat['red_hat_seconds']:.2f}" in capsys.readouterr().out


def test_every_edit_runs_and_the_first_most_often(monkeypatch, tmp_path):
    ran = []

    def edited(host, picture, edit, *, results, seed):
        ran.append(edit.words)
        assert (len(picture), results) == (1, 4)

    monkeypatch.setattr(bench, "edited_by_node", edited)
    path = tmp_path / "edit.json"
    assert main(["bench", "edit_image", "--device", "cpu", "--json", str(path)]) == 0
    words = [edit.words for edit in user_edits()]
    assert ran == [words[0]] * 6 + words[1:]
    checks = json.loads(path.read_text())["checks"]
    assert len(checks) == 9
    assert all(check["holds"] for check in checks.values())


def test_a_run_that_is_too_slow_misses_the_bound():
    flat = {"first_seconds": 6.0, "red_hat_seconds": 4.0}
    assert [c.holds for c in bench.checks_of(flat, user_edits()[:1])] == [False, True]
