"""`latentsteer reproduce edits` with its small budget, and the meaning of its figures."""

import json
from types import SimpleNamespace

import pytest
import torch
from latentsteer.core.zoo.avatar_edits import AvatarEdit
from latentsteer.core.zoo.avatars import visible
from latentsteer.nodes.cli.main import main
from latentsteer.workflows.studies.pairs.edits import EditStudy, measured, table

HAT = AvatarEdit("red hat", ("blue hat",), "hat", {"top": "hat", "hat_colour": "red"})
PLAIN = {"top": "bob", "hair_colour": "grey", "hat_colour": "blue", "skin": "tan", "mouth": "sad"}


def judged(before, after):
    judge = SimpleNamespace(likeliest=lambda images: after, visible=visible)
    study = SimpleNamespace(before=before, judge=judge, device=torch.device("cpu"))
    return EditStudy._judged(study, HAT, torch.zeros(len(after), 3, 2, 2))


def test_an_avatar_reaches_an_edit_with_all_its_values_and_keeps_others_that_stay_visible():
    hat = PLAIN | {"top": "hat", "hat_colour": "red"}
    # Hair is no longer visible: of skin and mouth, the second keeps one.
    assert judged([PLAIN] * 2, [hat, hat | {"skin": "dark"}]) == {"reached": 1.0, "kept": 0.75}
    # A blue hat, and a red beanie, are none.
    blue, beanie = hat | {"hat_colour": "blue"}, hat | {"top": "beanie"}
    assert judged([PLAIN] * 2, [blue, beanie])["reached"] == 0
    # The hidden colour of a hat does not count, nor do avatars that wear one already.
    assert judged([PLAIN, hat], [PLAIN | {"hat_colour": "red"}, PLAIN]) == {
        "reached": 0.0,
        "kept": 1.0,
    }
    assert judged([hat], [hat]) == {}


def test_means_are_over_the_edits_that_have_a_figure():
    figures = {"red hat": {"reached": 1.0, "kept": 0.5}, "smile": {"reached": 0.0}}
    study = SimpleNamespace(edited=lambda edit: (figures[edit.wanted], torch.zeros(2, 3, 4, 4)))
    edits = [HAT, AvatarEdit("smile", (), "", {"mouth": "smile"})]
    flat = measured(study, edits, None)
    assert flat == {
        "red_hat_reached": 1.0,
        "red_hat_kept": 0.5,
        "smile_reached": 0.0,
        "mean_reached": 0.5,
        "mean_kept": 0.5,
    }
    lines = table(flat, edits).splitlines()
    assert lines[1].split() == ["red", "hat", "1.00", "0.50", "-", "-", "-", "-"]
    assert lines[-1].split()[:3] == ["mean", "0.50", "0.50"]


@pytest.mark.slow
def test_the_study_edits_and_writes(tmp_path, capsys):
    path, out = tmp_path / "edits.json", tmp_path / "out"
    flags = ["--budget", "ci", "--device", "cpu", "--json", str(path), "--out", str(out)]
    assert main(["reproduce", "edits", *flags]) == 0
    found = json.loads(path.read_text())
    assert found["pairs"] == 500
    assert {picture.name for picture in (out / "edits").glob("*.png")} == {
        "edit_sunglasses.png",
        "edit_blue_background.png",
    }
    # Even few pairs show where sunglasses are.
    assert found["sunglasses_reached"] > 0.3
    assert found["mean_kept"] > 0.7
    assert "mean" in capsys.readouterr().out
