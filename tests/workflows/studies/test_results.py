"""docs/results.md is generated from the figures and templates of the studies."""

import json
import re

import pytest
from latentsteer.workflows.studies.fusedream import report as fusedream
from latentsteer.workflows.studies.fusedream.text import table
from latentsteer.workflows.studies.results.page import (
    HERE,
    PAGE,
    PARTS,
    PLACE,
    filled,
    results_page,
)


class Figures(dict):
    """Has every figure, and records the requested ones."""

    def __init__(self):
        self.asked = set()

    def __contains__(self, key):
        return True

    def __getitem__(self, key):
        self.asked.add(key)
        return 0.25


def test_the_page_is_up_to_date():
    assert PAGE.read_text("utf-8") == results_page()


def test_places_are_filled():
    figures = {"krr": {"fd": 0.2519, "fd_sd": 0.0111, "share": 0.6, "word": "holds"}}
    text = "{krr.fd}, {krr.fd+-}, {krr.fd:.1f}, {krr.fd+-:.2f}, {krr.share:.0%}, {not a place}"
    wanted = "0.252, 0.252 +- 0.011, 0.3, 0.25 +- 0.01, 60 %, {not a place}"
    assert filled(text, figures) == wanted
    assert filled("It {krr.word:s}.", figures) == "It holds."


@pytest.mark.parametrize("place", ["{krr.gone}", "{krr.fd+-}", "{gone.fd}"])
def test_a_figure_that_was_not_measured_is_named(place):
    with pytest.raises(KeyError, match=re.escape(place)):
        filled(place, {"krr": {"fd": 0.25}})


def test_a_study_without_figures_keeps_its_text(tmp_path):
    for name in PARTS:
        (tmp_path / f"{name}.md").write_text(f"## {name}\n", "utf-8")
    (tmp_path / "krr.md").write_text("## krr\n\n{krr.fd}\n", "utf-8")
    (tmp_path / "krr.before.md").write_text("## krr\n\nas before\n", "utf-8")
    page = results_page(tmp_path)
    assert page.startswith("# Results\n")
    assert [line[3:] for line in page.split("\n") if line.startswith("## ")] == list(PARTS)
    assert "as before" in page
    (tmp_path / "krr.json").write_text(json.dumps({"fd": 0.25}), "utf-8")
    assert "0.250" in results_page(tmp_path)
    assert "as before" not in results_page(tmp_path)


@pytest.mark.parametrize("name", PARTS)
def test_a_text_takes_the_figures_of_its_own_study(name):
    places = PLACE.findall((HERE / f"{name}.md").read_text("utf-8"))
    assert {study for study, *_ in places} <= {name}
    assert (HERE / f"{name}.json").exists() or not places or (HERE / f"{name}.before.md").exists()


def test_fusedreams_text_takes_figures_that_the_study_prints():
    figures = Figures()
    table(figures, list(fusedream._rows(fusedream.BUDGETS["full"])))
    places = PLACE.findall((HERE / "fusedream.md").read_text("utf-8"))
    assert len(places) > 50
    assert {key for _, key, *_ in places} <= figures.asked
