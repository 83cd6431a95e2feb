"""`latentsteer bench steer` with small settings."""

import json

import pytest
from latentsteer.nodes.cli.main import main
from latentsteer.workflows.studies.bench import steer as bench


@pytest.mark.slow
def test_the_bench_prints_its_rows_and_writes_its_numbers(tmp_path, capsys):
    path = tmp_path / "steer.json"
    assert main(["bench", "steer", "--quick", "--device", "cpu", "--json", str(path)]) == 0
    flat = json.loads(path.read_text())
    alone, at_once = flat["draft_1_single_seconds"], flat["draft_1_batched_seconds"]
    assert alone > 0
    assert flat["draft_1_ratio"] == at_once / alone
    assert flat["checks"] == {}
    assert f"{at_once:.2f} at once, {alone:.2f} alone" in capsys.readouterr().out


def test_each_case_is_counted_per_prompt(monkeypatch, tmp_path):
    """A batch of 8 that takes as long as one prompt is an eighth of it."""
    ran = []
    monkeypatch.setattr(bench, "_steer", lambda case, texts, device: ran.append(len(texts)))
    monkeypatch.setattr(bench, "medians", lambda steps, *more, **settings: _timed(steps))

    def _timed(steps):
        for step in steps.values():
            step()
        return dict.fromkeys(steps, 2.0)

    path = tmp_path / "steer.json"
    assert main(["bench", "steer", "--device", "cpu", "--json", str(path)]) == 0
    flat = json.loads(path.read_text())
    assert ran == [1, 1, 8] * len(bench.FULL.cases)
    for case in bench.FULL.cases:
        assert flat[f"{case.name}_single_seconds"] == 1.0
        assert flat[f"{case.name}_batched_seconds"] == 0.25
        assert flat[f"{case.name}_ratio"] == 0.25
    assert all(check["holds"] for check in flat["checks"].values())
    assert len(flat["checks"]) == len(bench.FULL.cases)


def test_a_batch_that_saves_nothing_misses_the_bound():
    cases = (bench.Case("draft", 1), bench.Case("good", 4))
    checks = bench.checks_of({"draft_1_ratio": 0.3, "good_4_ratio": 1.0}, cases)
    assert [check.holds for check in checks] == [True, False]
