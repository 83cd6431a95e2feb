"""Parts of a study are saved until it ends."""

import json
import statistics

import pytest
from latentsteer.core.errors import InvalidInput
from latentsteer.workflows.studies.ledger import Ledger, mean_and_deviation

STUDY = {"name": "toy", "budget": "full"}


class Measure:
    """Counts its calls."""

    def __init__(self, value):
        self.value, self.calls = value, 0

    def __call__(self):
        self.calls += 1
        return {"figure": self.value}


def stopped():
    raise KeyboardInterrupt


def test_an_interrupted_study_goes_on_with_its_finished_parts(tmp_path):
    result, said = tmp_path / "toy.json", []
    first = Measure(0.1)
    ledger = Ledger(result, STUDY, said.append)
    assert ledger.part("seed 0", first) == {"figure": 0.1}
    with pytest.raises(KeyboardInterrupt):
        ledger.part("seed 1", stopped)
    assert not result.exists()

    again, second = Measure(0.7), Measure(1 / 3)
    ledger = Ledger(result, STUDY, said.append)
    assert ledger.part("seed 0", again) == {"figure": 0.1}
    assert ledger.part("seed 1", second) == {"figure": 1 / 3}
    assert (first.calls, again.calls, second.calls) == (1, 0, 1)
    assert "seed 0" in said[-1]

    ledger.finish({"figure": 1.0})
    assert json.loads(result.read_text()) == {"figure": 1.0}
    assert [file.name for file in tmp_path.iterdir()] == ["toy.json"]


@pytest.mark.parametrize("key", ["name", "budget", "code", "torch", "threads", "version"])
def test_parts_of_another_run_do_not_count(tmp_path, key):
    said = []
    ledger = Ledger(tmp_path / "toy.json", STUDY, said.append)
    ledger.part("seed 0", Measure(0.1))
    kept = json.loads(ledger.path.read_text())
    kept["study"][key] = "another"
    ledger.path.write_text(json.dumps(kept))

    again = Measure(0.2)
    assert Ledger(tmp_path / "toy.json", STUDY, said.append).part("seed 0", again)["figure"] == 0.2
    assert key in said[-1]


@pytest.mark.parametrize("text", ["{", "[]", "{}", '{"study": {}, "parts": [1]}'])
def test_a_damaged_record_is_named(tmp_path, text):
    (tmp_path / "toy.json.partial").write_text(text)
    with pytest.raises(InvalidInput, match=r"toy\.json\.partial is no record"):
        Ledger(tmp_path / "toy.json", STUDY, print)


def test_without_a_result_nothing_is_written(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    ledger = Ledger(None, STUDY, print)
    ledger.part("seed 0", Measure(0.1))
    ledger.finish({"figure": 0.1})
    assert list(tmp_path.iterdir()) == []


def test_figures_over_runs():
    found = mean_and_deviation([{"a": 1.0, "b": 3.0}, {"a": 2.0}, {"a": 6.0}])
    assert found["a"] == 3.0
    assert found["a_sd"] == statistics.stdev([1, 2, 6])
    assert found["b"] == 3.0
    assert "b_sd" not in found
