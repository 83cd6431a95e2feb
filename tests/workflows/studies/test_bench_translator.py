"""`latentsteer bench translator` with small settings, its ratios and its curves."""

import json

import pytest
from latentsteer.core.errors import InvalidInput
from latentsteer.nodes.cli.main import main
from latentsteer.workflows.studies.bench import translator as bench
from latentsteer.workflows.studies.bench import translator_curve
from latentsteer.workflows.studies.bench.translator_problem import RECIPES, Problem

SMALL = Problem(dim=6, hidden=24, pairs=512, held_out=200)


def test_the_bench_prints_its_rows_and_writes_its_numbers(tmp_path, capsys):
    path = tmp_path / "translator.json"
    assert main(["bench", "translator", "--quick", "--json", str(path)]) == 0
    out = capsys.readouterr().out
    flat = json.loads(path.read_text())
    for name, training in RECIPES.items():
        assert f"{name:<14}{training.batch_size:>6}" in out
        assert flat[f"{name}_pair_epoch_seconds"] > 0
    assert flat["paper_faster"] == 1
    assert flat["checks"] == {}


def test_the_full_plan_times_two_hundred_steps_of_the_papers_size():
    plan = bench.FULL
    assert plan.batches["paper"] * plan.repeats == 200
    assert (plan.problem.dim, plan.problem.pairs, plan.problem.hidden) == (512, 20_000, 2048)
    assert RECIPES["paper"].initial_std == RECIPES["fast"].initial_std == "data"
    assert RECIPES["paper_sigma"].initial_std == 0.01


@pytest.mark.parametrize(
    ("level", "epochs"), [(5.0, 1), (4.0, 1), (3.0, 1.5), (2.0, 2), (1.9, 2.5), (1.0, 3)]
)
def test_epochs_to_a_level_are_interpolated(level, epochs):
    assert bench.epochs_to([4.0, 2.0, 1.8], level) == pytest.approx(epochs)


def test_the_time_to_a_likelihood_is_epochs_times_seconds(monkeypatch, tmp_path):
    path = tmp_path / "curve.json"
    curves = {
        "fast": [2.0, 1.0],
        "paper": [3.0, 1.5, 0.5, 0.4],
        "paper_sigma": [9.0, 8.0, 7.0, 6.0],
    }
    path.write_text(json.dumps({"problem": SMALL.described(), "curves": curves}))
    monkeypatch.setattr(bench, "CURVE", path)
    seconds = {"fast": 1.0, "paper": 4.0, "paper_sigma": 8.0}
    flat = {f"{name}_pair_epoch_seconds": found for name, found in seconds.items()}
    found = bench.sooner(flat, SMALL)
    assert found == pytest.approx({"paper_sooner": 2.5 * 4 / 2, "paper_sigma_sooner": 4 * 8 / 2})
    low, high = bench.checks_of(flat | found)
    assert (low.holds, high.holds) == (False, True)
    with pytest.raises(InvalidInput, match="another problem"):
        bench.sooner(flat, Problem())
    monkeypatch.setattr(bench, "CURVE", tmp_path / "none.json")
    assert bench.sooner(flat, SMALL) == {}


def test_curves_fall_and_an_interrupted_one_goes_on(tmp_path, monkeypatch):
    path, other = tmp_path / "curve.json", tmp_path / "other.json"
    whole = translator_curve.curves(SMALL, path, ["fast"])
    curve = whole["curves"]["fast"]
    assert len(curve) == RECIPES["fast"].epochs
    assert curve[-1] < curve[0]
    assert [file.name for file in tmp_path.iterdir()] == ["curve.json"]
    assert json.loads(path.read_text()) == whole

    def stopping(*args):
        if len(seen) == 3:
            raise KeyboardInterrupt
        seen.append(1)
        return measured(*args)

    seen, measured = [], translator_curve.held_out_nll
    with monkeypatch.context() as patched:
        patched.setattr(translator_curve, "held_out_nll", stopping)
        with pytest.raises(KeyboardInterrupt):
            translator_curve.curves(SMALL, other, ["fast"])
    assert len(json.loads(other.read_text())["curves"]["fast"]) == 3
    assert (tmp_path / "other.fast.safetensors").exists()
    assert translator_curve.curves(SMALL, other, ["fast"]) == whole
