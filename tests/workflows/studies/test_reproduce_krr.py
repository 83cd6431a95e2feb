"""`latentsteer reproduce krr` with its small budget, and the meaning of its figures."""

import json
from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch
from latentsteer.core.zoo import shipped
from latentsteer.core.zoo.avatar_captions import AvatarPrompt
from latentsteer.nodes.cli.main import main
from latentsteer.workflows.studies.krr import avatars as krr_avatars
from latentsteer.workflows.studies.krr import digits as krr_digits
from latentsteer.workflows.studies.krr import report as krr_report
from latentsteer.workflows.studies.krr import tasks as krr_tasks
from latentsteer.workflows.studies.krr.avatars import (
    EDITS,
    HOLES,
    AvatarsFlow,
    Edit,
    hole,
    pairwise,
)
from latentsteer.workflows.studies.krr.tasks import completions, stays

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def study():
    return AvatarsFlow(7, CPU, lambda what: None)


def reproduced(tmp_path):
    """The figures of the small budget, and its pictures."""
    path, out = tmp_path / "krr.json", tmp_path / "out"
    flags = ["--budget", "ci", "--device", "cpu", "--json", str(path), "--out", str(out)]
    assert main(["reproduce", "krr", *flags]) == 0
    return json.loads(path.read_text()), {picture.name for picture in (out / "krr").glob("*.png")}


def test_a_study_writes_flat_keys_and_pictures(tmp_path, capsys, monkeypatch):
    """With few samples, real digits, candidates and steps, one hole and one edit."""
    whole = shipped.reference_images
    few = {"digits held out (embedded)": 80}
    monkeypatch.setattr(
        shipped, "reference_images", lambda name: [x[: few.get(name)] for x in whole(name)]
    )
    for name in ("CANDIDATES", "FEWER", "PASTED", "NEIGHBOURS", "PARTNERS", "OF_EACH"):
        monkeypatch.setattr(krr_avatars, name, 4)
    for name in ("TEXT", "INPAINTING", "EDITING"):
        monkeypatch.setattr(krr_avatars, name, replace(getattr(krr_avatars, name), steps=1))
    monkeypatch.setattr(krr_avatars, "SAMPLES", 2)
    monkeypatch.setattr(krr_report, "SAMPLES", 2)
    monkeypatch.setattr(krr_digits, "STEPS", 1)
    monkeypatch.setattr(krr_digits, "MARKS", (1,))
    monkeypatch.setattr(krr_tasks, "HOLES", {"top": HOLES["top"]})
    monkeypatch.setattr(krr_tasks, "EDITS", EDITS[:1])
    budget = replace(krr_report.BUDGETS["ci"], samples=8)
    monkeypatch.setitem(krr_report.BUDGETS, "ci", budget)
    found, pictures = reproduced(tmp_path)
    assert all(isinstance(value, (int, float)) for value in found.values())
    assert found["seeds"] == 1
    assert found["samples"] == 8
    # One step changes the judges' figures; the reduction is relative to the distance of the prior.
    assert found["digits_flow_fd"] != found["digits_prior_fd"]
    lowered = 1 - found["digits_flow_fd"] / found["digits_prior_fd"]
    assert found["digits_lowered"] == pytest.approx(lowered)
    for task, head in (("text", "pairwise"), ("completion", "error"), ("edit", "pairwise")):
        readings = [found[f"{task}_{kind}_{head}"] for kind in ("start", "alone", "flow")]
        assert len(set(readings)) == 3
        assert min(readings) > 0
    assert pictures == {
        *("digits_prior.png", "digits_real.png", "digits_flow.png"),
        *("text_0.png", "text_1.png", "apart_0.png"),
        *("completion_top.png", "edit_sunglasses.png"),
    }
    said = capsys.readouterr().out
    assert "Frechet distance lowered by" in said
    assert "completion" in said


@pytest.mark.slow
def test_the_small_budget_shows_what_the_flow_does(tmp_path):
    found, _ = reproduced(tmp_path)
    # Sixty digits move towards real ones, and their density drives avatars apart.
    assert found["digits_flow_fd"] < found["digits_prior_fd"]
    assert found["text_flow_pairwise"] > found["text_alone_pairwise"]
    shares = [key for key in found if key.endswith(("_satisfied", "_changed", "_kept"))]
    assert len(shares) > 6
    assert all(0 <= found[key] <= 1 for key in shares)


def test_a_refined_completion_holds_what_is_known_better_than_its_start(study, monkeypatch):
    """One hole and five steps."""
    monkeypatch.setattr(krr_tasks, "HOLES", {"right": HOLES["right"]})
    monkeypatch.setattr(krr_avatars, "INPAINTING", replace(krr_avatars.INPAINTING, steps=5))
    monkeypatch.setattr(krr_avatars, "PASTED", 8)
    found, pictures = completions(study, (40,))
    assert set(pictures) == {"completion_right"}
    assert found["completion_flow_error"] < found["completion_start_error"]
    assert found["completion_flow_error"] < found["completion_flow_error_most"]


@pytest.mark.slow
def test_refined_completions_hold_what_is_known_better_than_their_starts(study):
    found, pictures = completions(study, (40,))
    assert set(pictures) == {f"completion_{name}" for name in HOLES}
    assert found["completion_flow_error"] < found["completion_start_error"]


def test_the_samples_of_a_prompt_begin_about_one_or_apart(study, monkeypatch):
    # Only starts are evaluated.
    monkeypatch.setattr(study, "_both", lambda start, run, energy: {"start": start})
    monkeypatch.setattr(krr_avatars, "TEXT", replace(krr_avatars.TEXT, steps=1))
    monkeypatch.setattr(krr_avatars, "CANDIDATES", 6)
    monkeypatch.setattr(krr_avatars, "FEWER", 2)
    prompt = AvatarPrompt("blue background", {"background": "blue"})
    near, apart = (study.by_text(prompt, apart=flag)["start"] for flag in (False, True))
    assert len(near) == len(apart) == krr_avatars.SAMPLES
    distances = [pairwise(one.values) for one in (near, apart)]
    # Variations of 0.2 are 0.2 sqrt(2 d) apart, draws of the prior sqrt(2 d).
    assert distances[0] < 0.4 * distances[1]


def test_what_stays_is_what_can_be_seen_before_and_after():
    study = SimpleNamespace(judge=SimpleNamespace(visible=lambda values: values))
    before = {"top": "hat", "hat_colour": "red", "mouth": "smile", "accessory": "none"}
    after = {"top": "bald", "mouth": "sad", "accessory": "sunglasses"}
    edit = Edit("sunglasses", "accessory", "sunglasses")
    assert stays(study, before, after, edit) == 0
    assert stays(study, before, after | {"mouth": "smile"}, edit) == 0.5


def test_a_hole_is_where_nothing_is_known():
    mask = hole("right")
    assert mask.shape == (1, 64, 64)
    assert float(mask[:, :, 36:].min()) == 1
    assert float(mask[:, :, :36].max()) == 0
