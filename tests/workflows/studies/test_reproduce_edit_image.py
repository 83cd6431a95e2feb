"""`latentsteer reproduce edit_image`: the meaning of its figures, and its small budget."""

import json
from types import SimpleNamespace

import pytest
from latentsteer.core.zoo.avatars import visible
from latentsteer.nodes.cli.main import main
from latentsteer.workflows.studies.edited import figures_of_pictures
from latentsteer.workflows.studies.tasks.edit_image import mean_of_edits

JUDGE = SimpleNamespace(visible=visible)
PLAIN = {"top": "bob", "hair_colour": "grey", "skin": "tan", "mouth": "sad"}
HAT = PLAIN | {"top": "hat", "hat_colour": "red"}
SETS = {"top": "hat", "hat_colour": "red"}


def test_figures_are_means_over_pictures_of_their_results():
    # The second picture shows the wanted already, and does not count.
    before, after = [PLAIN, HAT, PLAIN], [HAT, PLAIN, HAT, HAT, HAT, HAT | {"skin": "dark"}]
    flat = figures_of_pictures(JUDGE, before, after, SETS)
    assert flat["reached"] == 0.75
    # Skin and mouth are visible before and after; the hair only where there is no hat.
    assert flat["kept"] == (1.0 + 0.75) / 2
    assert flat["reached_low"] == 0.5
    assert flat["reached_high"] == 1.0
    assert flat["reached_error"] == pytest.approx(0.25)


def test_one_picture_has_no_error():
    flat = figures_of_pictures(JUDGE, [PLAIN], [HAT], SETS)
    assert flat["reached"] == flat["reached_low"] == flat["reached_high"] == 1
    assert flat["reached_error"] == 0


def test_the_mean_of_edits_has_the_error_of_a_mean():
    flat = {}
    for edit, reached, error in (("hat", 0.5, 0.03), ("smile", 0.7, 0.04)):
        own = {"reached": reached, "reached_error": error, "reached_of_given": 0.25}
        own |= {"kept": 0.9, "kept_error": 0.0, "kept_of_given": 0.8, "reached_low": 0.0}
        flat |= {f"{edit}_{key}": value for key, value in own.items()}
    means = mean_of_edits(flat)
    assert means["mean_reached"] == pytest.approx(0.6)
    assert means["mean_reached_of_given"] == 0.25
    assert means["mean_reached_high"] - means["mean_reached"] == pytest.approx(1.96 * 0.025)
    assert means["mean_kept_low"] == means["mean_kept_high"] == pytest.approx(0.9)


@pytest.mark.slow
def test_the_study_edits_by_the_node_and_writes(tmp_path):
    path, out = tmp_path / "edit.json", tmp_path / "out"
    flags = ["--budget", "ci", "--device", "cpu", "--json", str(path), "--out", str(out)]
    assert main(["reproduce", "edit_image", *flags]) == 0
    found = json.loads(path.read_text())
    assert 0 <= found["mean_reached"] == found["red_hat_reached"] <= 1
    assert found["results"] == 2
    assert {picture.name for picture in (out / "edit_image").glob("*.png")} == {"red_hat.png"}
