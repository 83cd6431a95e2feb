"""`latentsteer bench translator` with small settings, its ratios and its curves."""

import json
from dataclasses import asdict, replace

import pytest
from latentsteer.core.errors import InvalidInput
from latentsteer.nodes.cli.main import main
from latentsteer.workflows.studies.bench import translator as bench
from latentsteer.workflows.studies.bench import translator_curve
from latentsteer.workflows.studies.bench.translator_problem import (
    PROBLEMS,
    RECIPES,
    Digits,
    Synthetic,
)

SMALL = Synthetic(dim=6, hidden=24, pairs=512, held_out=200)


def test_the_bench_prints_its_rows_and_writes_its_numbers(tmp_path, capsys):
    path = tmp_path / "translator.json"
    assert main(["bench", "translator", "--quick", "--json", str(path)]) == 0
    out = capsys.readouterr().out
    flat = json.loads(path.read_text())
    assert "synthetic: 600 pairs, 16 hidden units" in out
    for name, training in RECIPES.items():
        assert out.count(f"{name:<14}{training.batch_size:>6}") == 2
        for key in PROBLEMS:
            assert flat[f"{key}_{name}_pair_epoch_seconds"] > 0
    assert flat["synthetic_paper_faster"] == flat["digits_paper_faster"] == 1
    assert flat["checks"] == {}


def test_the_full_plan_times_two_hundred_steps_of_the_papers_size():
    plan = bench.FULL
    assert plan.batches["paper"] * plan.repeats == 200
    problem = plan.problems["synthetic"]
    assert (problem.dim, problem.pairs, problem.hidden) == (512, 20_000, 2048)
    assert set(plan.problems) == {"synthetic", "digits"}
    assert RECIPES["paper"].initial_std == RECIPES["fast"].initial_std == "data"
    assert RECIPES["paper_sigma"].initial_std == 0.01


def test_the_digits_hold_out_pairs_that_are_not_trained_on():
    problem = Digits()
    trained, held = problem.drawn(problem.pairs, "pairs"), problem.drawn(1024, "held out")
    assert (len(trained), len(held)) == (19_456, 1024)
    assert held.conditions.sum(dim=1).allclose(held.conditions.new_ones(()), atol=1e-2)
    both = {tuple(row) for row in trained.latents.tolist()}
    assert not both & {tuple(row) for row in held.latents.tolist()}


@pytest.mark.parametrize(
    ("level", "epochs"),
    [(9.0, 0), (8.0, 0), (6.0, 0.5), (4.0, 1), (3.0, 1.5), (1.9, 2.5), (1, None)],
)
def test_epochs_to_a_level_are_interpolated(level, epochs):
    found = bench.epochs_to([[0, 8.0], [1, 4.0], [2, 2.0], [3, 1.8]], level)
    assert found == (None if epochs is None else pytest.approx(epochs))


def test_a_curve_that_rises_again_has_reached_what_it_reached():
    assert bench.epochs_to([[0, 8.0], [1, 2.0], [2, 4.0], [3, 1.0]], 3.0) == pytest.approx(5 / 6)


def written(path, problem, curves, recipes=None):
    recipes = {name: asdict(RECIPES[name]) for name in curves} | (recipes or {})
    entry = {"problem": problem.described(), "recipes": recipes, "curves": curves}
    path.write_text(json.dumps({"problems": {"small": entry}}))


def test_the_time_to_a_likelihood_is_epochs_times_seconds(monkeypatch, tmp_path):
    path = tmp_path / "curve.json"
    epochs = float(RECIPES["fast"].epochs)
    curves = {
        "fast": [[0, 2.0], [epochs, 1.0]],
        "paper": [[0, 4.0], [1, 3.0], [2, 1.5], [3, 0.5], [4, 0.4]],
        "paper_sigma": [[0, 9.0], [1, 8.0], [2, 7.0], [3, 6.0], [4, 6.0]],
    }
    written(path, SMALL, curves)
    monkeypatch.setattr(bench, "CURVE", path)
    seconds = {"fast": 1.5 / epochs, "paper": 4.0, "paper_sigma": 8.0}
    flat = {f"small_{name}_pair_epoch_seconds": found for name, found in seconds.items()}
    flat["small_fast_start_pair_seconds"] = 0.5  # 2 in all
    found = bench.sooner(flat, "small", bench._made({"small": SMALL})["small"])
    assert found == pytest.approx(
        {
            "small_paper_epochs": 2.5,
            "small_paper_reached": True,
            "small_paper_sooner": 2.5 * 4 / 2,
            "small_paper_sigma_epochs": 4,
            "small_paper_sigma_reached": False,
            "small_paper_sigma_sooner": 4 * 8 / 2,
        }
    )
    (low,) = bench.checks_of(flat | found, ("small",))
    more = {"small_paper_sooner": 10.5, "small_paper_reached": False}
    (high,) = bench.checks_of(flat | found | more, ("small",))
    assert (low.holds, high.holds) == (False, True)
    assert (low.what[-5:], high.what[-8:]) == ("paper", "at least")
    with pytest.raises(InvalidInput, match="another problem 'small'"):
        bench._made({"small": Synthetic()})
    written(path, SMALL, curves, {"fast": asdict(RECIPES["paper"])})
    with pytest.raises(InvalidInput, match="or of other recipes"):
        bench._made({"small": SMALL})
    monkeypatch.setattr(bench, "CURVE", tmp_path / "none.json")
    assert bench.sooner(flat, "small", bench._made({"small": SMALL}).get("small", {})) == {}


def test_a_training_that_is_not_finished_has_no_time():
    assert bench.sooner({}, "small", {"fast": [[0, 2.0]], "paper": [[0, 4.0], [1, 1.0]]}) == {}


def test_curves_fall_and_an_interrupted_one_goes_on(tmp_path, monkeypatch):
    path, other = tmp_path / "curve.json", tmp_path / "other.json"
    whole = translator_curve.curves({"small": SMALL}, path, ["fast"])
    curve = whole["problems"]["small"]["curves"]["fast"]
    epochs = RECIPES["fast"].epochs
    # Two batches an epoch have two of the four points.
    assert [number for number, _ in curve] == [half / 2 for half in range(2 * epochs + 1)]
    assert curve[-1][1] < curve[0][1]
    assert [file.name for file in tmp_path.iterdir()] == ["curve.json"]
    assert json.loads(path.read_text()) == whole

    def stopping(*args):
        if len(seen) == 2:
            raise KeyboardInterrupt
        seen.append(1)
        return measured(*args)

    seen, measured = [], translator_curve.held_out_nll
    with monkeypatch.context() as patched:
        patched.setattr(translator_curve, "held_out_nll", stopping)
        with pytest.raises(KeyboardInterrupt):
            translator_curve.curves({"small": SMALL}, other, ["fast"])
    assert len(json.loads(other.read_text())["problems"]["small"]["curves"]["fast"]) == 2
    assert (tmp_path / "other.small.fast.safetensors").exists()
    assert translator_curve.curves({"small": SMALL}, other, ["fast"]) == whole
    changed = {"fast": replace(RECIPES["fast"], epochs=2)}
    monkeypatch.setattr(translator_curve, "RECIPES", changed)
    again = translator_curve.curves({"small": SMALL}, other, ["fast"])["problems"]["small"]
    assert again["recipes"]["fast"]["epochs"] == again["curves"]["fast"][-1][0] == 2
