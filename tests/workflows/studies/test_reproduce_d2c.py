"""`latentsteer reproduce d2c`: its parts, and the meaning of its figures."""

import json
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from latentsteer.core.checkpoints.checkpoint import fingerprint
from latentsteer.core.metrics.moments import load_moments
from latentsteer.core.zoo import shipped as catalogue
from latentsteer.core.zoo.avatars import ATTRIBUTES, draw
from latentsteer.nodes.cli.main import main
from latentsteer.nodes.latents.edit import EditByCondition
from latentsteer.nodes.standalone.values import default_of, widgets
from latentsteer.workflows.studies.avatars_models import avatars_models
from latentsteer.workflows.studies.d2c import manipulation, pictures_classifier
from latentsteer.workflows.studies.d2c.few_shot import ROWS
from latentsteer.workflows.studies.d2c.gaussians import gaussian_draws
from latentsteer.workflows.studies.d2c.labels import FewLabels
from latentsteer.workflows.studies.d2c.models import JudgedDraws, Seen
from latentsteer.workflows.studies.d2c.orderings import orderings
from latentsteer.workflows.studies.d2c.pictures_classifier import (
    image_probabilities,
    train_on_pictures,
)
from latentsteer.workflows.studies.d2c.tables import tables
from latentsteer.workflows.studies.d2c.tasks import EDITS, EVERYTHING, MOMENTS, TASKS, shows
from latentsteer.workflows.studies.edited import edit_figures
from latentsteer.workflows.studies.training.avatars_moments import drawn, moments_of


def numbers(avatars):
    return torch.tensor([[ATTRIBUTES[n].index(one[n]) for n in ATTRIBUTES] for one in avatars])


def test_rare_values_are_drawn_until_there_are_enough():
    avatars = drawn(5, 60, 20)
    rng = np.random.default_rng(5)
    assert avatars[:60] == [draw(rng) for _ in range(60)]
    features = torch.arange(len(avatars)).double()[:, None].expand(-1, 2)
    found = moments_of(features, numbers(avatars), 60, 20)
    assert found[EVERYTHING].mean[0] == 29.5
    counts = {name: one.count for name, one in found.items()}
    assert all(counts[name] >= 20 for name in TASKS)
    for name, wanted in TASKS.items():
        own = [n for n in range(60) if wanted.sets.items() <= avatars[n].items()]
        assert counts[name] == max(20, len(own))
        # Those drawn for another value do not count, or their law would be another.
        if len(own) >= 20:
            assert found[name].mean[0] == pytest.approx(np.mean(own))


def test_the_moments_are_of_the_shipped_judge_and_of_enough_avatars():
    judge = fingerprint(catalogue.embedded("avatars judge (embedded)"))
    moments = load_moments(MOMENTS, features=judge)
    assert moments[EVERYTHING].count >= 12_000
    assert set(moments) == {EVERYTHING, *TASKS}
    assert min(one.count for one in moments.values()) >= 2000


def test_labels_are_avatars_with_and_without_the_value():
    _, values = catalogue.reference_images("avatars held out (embedded)")
    study = SimpleNamespace(values=values)
    for seed in (0, 1):
        few = FewLabels(study, TASKS["hijab"], seed)
        assert shows(values[few.rows], TASKS["hijab"]).tolist() == [True] * 50 + [False] * 50
        assert few.labels.tolist() == [1] * 50 + [0] * 50
        assert int(few.rows.max()) < 1800
    other = FewLabels(study, TASKS["hijab"], 0)
    assert not torch.equal(few.rows, other.rows)


def test_raw_draws_are_standard_normal_where_the_encoder_is():
    generator = avatars_models(torch.device("cpu")).generator
    rng = SimpleNamespace(normal=lambda dim, like: torch.eye(dim))
    shift, scale = generator.module.shift, generator.module.scale
    raw = gaussian_draws(generator, rng, whitened=False)
    assert torch.allclose(raw @ scale.T + shift, torch.eye(64), atol=1e-4)
    assert torch.equal(gaussian_draws(generator, rng, whitened=True), torch.eye(64))


def test_draws_are_judged_once():
    asked = []

    def seen(images):
        asked.extend(images[:, 0].tolist())
        return Seen(2 * images, images.long())

    study = SimpleNamespace(seen=seen, images=lambda values: values)
    draws = JudgedDraws(study, torch.arange(10.0)[:, None])
    for rows in ([3, 1], [1, 5, 3]):
        assert draws.seen(torch.tensor(rows)).features[:, 0].tolist() == [2.0 * n for n in rows]
    assert asked == [3, 1, 5]


def test_a_classifier_of_pictures_learns_what_it_sees(monkeypatch):
    monkeypatch.setattr(pictures_classifier, "STEPS", 12)
    stream = torch.Generator().manual_seed(1)
    images = torch.rand(20, 3, 64, 64, generator=stream) * 0.3
    images[:10, 0] += 0.6
    labels = (torch.arange(20) < 10).long()
    network = train_on_pictures(images, labels, 0)
    r = image_probabilities(network, images.mul(255).byte())
    assert ((r > 0.5) == (labels == 1)).all()
    again = train_on_pictures(images, labels, 0)
    assert torch.equal(again.head.weight, network.head.weight)


def test_orderings_count_the_attributes_on_which_a_row_is_closer():
    tasks = ("sunglasses", "blue_background")
    flat = {f"{task}_{row}_fd": 2.0 for task in tasks for row in ROWS}
    flat["sunglasses_exact_fd"] = 1.0
    del flat["blue_background_raw_fd"]  # accepted nothing
    found = orderings(flat, tasks)
    assert (found["table5_raw"], found["table5_raw_closer"]) == ("holds", 2)
    assert found["table5_naive"] == "holds for sunglasses only"
    assert (found["table5_threshold_naive"], found["table5_threshold_naive_closer"]) == (
        "does not hold",
        0,
    )
    shown = {"encoding_seconds": 1.0, "optimising_seconds": 2.0, "encoding_ratio": 2.0}
    text = tables(flat | found | shown, tasks, ("hat",))
    assert "exact than naive: holds for sunglasses only" in text


def test_edits_state_how_far_they_move():
    """Rows of a table do not change with the defaults of `Editing`, but for the default's own."""
    searched = (manipulation.SEARCHED, manipulation.VECTOR, manipulation.GRADIENT)
    assert {(one.mode, one.beyond, one.grid) for one in searched} == {("smallest", 0.0, 8)}
    assert [one.strength for one in searched] == [8.0, 16.0, 12.0]
    assert (manipulation.SAME.mode, manipulation.SAME.strength) == ("same", 6.0)
    wanted = {one.id: default_of(one) for one in widgets(EditByCondition.define_schema())}
    default = manipulation.DEFAULT
    for name in ("mode", "strength", "grid", "beyond", "seen"):
        assert wanted[name] == getattr(default, name)


def test_an_edit_reaches_its_value_and_keeps_the_others():
    before = [{"top": "bob", "skin": "tan"}]
    judge = SimpleNamespace(visible=lambda values: values)
    after = [{"top": "hat", "skin": "dark"}]
    assert edit_figures(judge, before, after, EDITS["hat"].sets) == {"reached": 1, "kept": 0}


@pytest.mark.slow
def test_the_study_runs_and_resumes(tmp_path, capsys):
    path, out = tmp_path / "d2c.json", tmp_path / "out"
    flags = ["--budget", "ci", "--device", "cpu", "--json", str(path), "--out", str(out)]
    assert main(["reproduce", "d2c", *flags]) == 0
    found = json.loads(path.read_text())
    assert found["sunglasses_threshold_share"] > found["sunglasses_naive_share"]
    assert found["steps_50_fd"] < found["whitened_fd"]
    assert {one.name for one in (out / "d2c").glob("*.png")} == {
        "few_shot_sunglasses.png",
        "edit_sunglasses.png",
    }
    assert "closer than" in capsys.readouterr().out
