"""`latentsteer reproduce reno` with a small budget."""

import json

from latentsteer.nodes.cli.main import main
from latentsteer.workflows.studies.tasks import reno


def test_the_study_writes_the_figures_of_every_method(tmp_path, monkeypatch):
    monkeypatch.setitem(reno.BUDGETS, "ci", reno.Budget((0, 1), 1, 2, 2))
    path = tmp_path / "reno.json"
    given = ["reproduce", "reno", "--budget", "ci", "--device", "cpu", "--json", str(path)]
    assert main([*given, "--out", str(tmp_path / "out")]) == 0
    found = json.loads(path.read_text("utf-8"))
    for name in reno.METHODS:
        assert 0 <= found[f"{name}_satisfied_low"] <= found[f"{name}_satisfied"]
        assert found[f"{name}_satisfied"] <= found[f"{name}_satisfied_high"] <= 1
        assert -1 <= found[f"{name}_score"] <= 1
        assert found[f"{name}_apart"] > 0
        assert (tmp_path / "out" / "reno" / f"{name}.png").exists()
    assert found["reno_score"] > found["prior_score"], "the reward rises"
    assert found["calls"] == 2
    assert not path.with_name("reno.json.partial").exists()
