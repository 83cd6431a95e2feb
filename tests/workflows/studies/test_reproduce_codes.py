"""`latentsteer reproduce codes` with few steps, and the meaning of its figures."""

import json
from dataclasses import replace

import pytest
import torch
from latentsteer.core.energies.codebook import nearest_codes
from latentsteer.core.zoo.avatar_captions import AvatarPrompt
from latentsteer.nodes.cli.main import main
from latentsteer.workflows.studies.krr import codes as krr_codes
from latentsteer.workflows.studies.krr import codes_report
from latentsteer.workflows.studies.krr.codes import ARMS, Arm, CodesFlow
from latentsteer.workflows.studies.krr.codes_report import COMPARED, Budget, compared

CPU = torch.device("cpu")
FEW = replace(krr_codes.AVATARS_STAGES, candidates=2, samples=2, warm_up=2, fine_tuning=1)
PROMPT = AvatarPrompt("blue background", {"background": "blue"})


@pytest.fixture(scope="module")
def study():
    return CodesFlow(7, CPU, lambda what: None, FEW)


def test_arms_move_what_they_say_from_the_same_start(study, monkeypatch):
    ends = {}
    whole = study._drawn

    def noted(latents, *, snapped):
        ends[len(ends)] = latents.values
        return whole(latents, snapped=snapped)

    monkeypatch.setattr(study, "_drawn", noted)
    arms = {
        "warm": Arm(("all",)),
        "both": Arm(("all", "rows")),
        "free": Arm(("all",), regular=False),
    }
    found = study.drawn(PROMPT, arms)
    start, warm, both, free = (ends[number].unflatten(1, (-1, 64)) for number in range(4))
    assert (warm != start).any(dim=1).all()
    assert (free != warm).any()
    # The first step of the second stage moves the first row alone.
    assert (both != warm).any(dim=(0, 1)).tolist() == [True] * 8 + [False] * 56
    assert found["start"].distance == pytest.approx(0, abs=1e-9)
    assert found["warm"].distance > 0


def test_an_arm_ends_at_codes_unless_it_is_not_snapped(study):
    arms = {"snapped": Arm(("all",)), "free": Arm(("all",), snapped=False)}
    found = study.drawn(PROMPT, arms)
    generator = study.runner.generator
    start = study.runner.prior(FEW.samples, PROMPT.text).values
    assert torch.equal(nearest_codes(generator, start), start)
    assert found["snapped"].distance == found["free"].distance
    assert not torch.equal(found["snapped"].images, found["free"].images)


def test_differences_are_of_the_same_text_and_seed():
    def cell(level):
        arms = ("start", *ARMS)
        return {f"{name}_satisfied": level + 0.1 * number for number, name in enumerate(arms)}

    flat = compared([cell(0.0), cell(0.3)])
    assert flat["two_stages_over_start"] == pytest.approx(0.3)
    assert flat["two_stages_over_start_low"] == pytest.approx(0.3)
    assert flat["warm_up_over_free_high"] == pytest.approx(-0.3)
    assert len(flat) == 3 * len(COMPARED)


def test_a_study_writes_flat_keys_and_pictures(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(CodesFlow.__init__, "__defaults__", (FEW,))
    monkeypatch.setitem(codes_report.BUDGETS, "ci", Budget((0, 1), 1))
    path, out = tmp_path / "codes.json", tmp_path / "out"
    flags = ["--budget", "ci", "--device", "cpu", "--json", str(path), "--out", str(out)]
    assert main(["reproduce", "codes", *flags]) == 0
    found = json.loads(path.read_text())
    assert (found["seeds"], found["prompts"], found["samples"]) == (2, 1, 2)
    assert 0 <= found["two_stages_satisfied"] <= 1
    assert found["two_stages_satisfied_sd"] >= 0
    assert found["two_stages_cosine"] != found["warm_up_cosine"]
    assert [one.name for one in (out / "codes").glob("*.png")] == ["text_0.png"]
    assert "two stages over warm up" in capsys.readouterr().out
