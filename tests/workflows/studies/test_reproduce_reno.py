"""`latentsteer reproduce reno` with a small budget."""

import json
from dataclasses import replace

from latentsteer.core.generators import load_generator
from latentsteer.nodes.cli.main import main
from latentsteer.workflows.studies.tasks import reno

CALLS, SAMPLES = 4, 2


def test_the_study_measures_every_method_at_equal_calls(tmp_path, monkeypatch):
    rendered, calls = [], {}

    def counting(*given):
        generator = load_generator(*given)

        def render(parts, rng):
            rendered.append(len(rng))
            return generator.render(parts, rng)

        return replace(generator, render=render)

    def counted(name, method):
        def run(*given):
            rendered.clear()
            found = method(*given)
            calls[name] = sum(rendered) / SAMPLES
            return found

        return run

    methods = {name: counted(name, method) for name, method in reno.METHODS.items()}
    monkeypatch.setattr(reno, "METHODS", methods)
    monkeypatch.setattr(reno, "load_generator", counting)
    monkeypatch.setitem(reno.BUDGETS, "ci", reno.Budget((0,), 1, SAMPLES, CALLS))
    path = tmp_path / "reno.json"
    given = ["reproduce", "reno", "--budget", "ci", "--device", "cpu", "--json", str(path)]
    assert main([*given, "--out", str(tmp_path / "out")]) == 0
    found = json.loads(path.read_text("utf-8"))
    for name in methods:
        assert 0 <= found[f"{name}_satisfied_low"] <= found[f"{name}_satisfied"]
        assert found[f"{name}_satisfied"] <= found[f"{name}_satisfied_high"] <= 1
        assert -1 <= found[f"{name}_score"] <= 1
        assert found[f"{name}_apart"] > 0
        assert (tmp_path / "out" / "reno" / f"{name}.png").exists()
    for name in ("langevin", "krr", "reno"):
        assert found[f"{name}_score"] >= found["prior_score"] - 1e-5, "the best point is kept"
        assert found[f"{name}_rise"] == found[f"{name}_satisfied"] - found["prior_satisfied"]
    assert found["calls"] == CALLS
    # For its report a refinement renders its first and its last point once more.
    refined = dict.fromkeys(("langevin", "krr", "reno", "smoothed", "searched"), CALLS + 2)
    assert calls == {"prior": 0, "best": CALLS, **refined}
    assert not path.with_name("reno.json.partial").exists()
