"""The short demo: its page, its figures, and parts that fail."""

import json
import re
import shlex
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path

import pytest
import torch
from latentsteer.core.errors import InvalidInput
from latentsteer.core.metrics.intervals import wilson
from latentsteer.nodes.cli import demo
from latentsteer.nodes.cli.main import main
from latentsteer.nodes.cli.settings import apply_settings
from latentsteer.nodes.standalone.errors import RunInterrupted
from latentsteer.nodes.standalone.graph import read_workflow
from latentsteer.nodes.standalone.host import StandaloneHost
from latentsteer.nodes.standalone.registry import load_nodes, schemas_of
from latentsteer.workflows.studies.demo.page import NEXT
from latentsteer.workflows.studies.demo.parts import PARTS
from latentsteer.workflows.studies.demo.shipped import Budget
from latentsteer.workflows.studies.demo.short import short_demo
from latentsteer.workflows.studies.demo.shown import (
    Figure,
    Part,
    Picture,
    PictureGroup,
    numbers_of,
)
from PIL import Image

ROOT = Path(__file__).parents[3]
TINY = Budget(
    texts=("red hat", "beard & <moustache>"),
    samples=1,
    quality="draft",
    pictures=2,
    labels=10,
    bank=60,
    steps=2,
    chosen=6,
)


class Page(HTMLParser):
    """What a page links to, its anchors, its figures, and the pictures' texts."""

    def __init__(self, path):
        super().__init__()
        self.links, self.anchors, self.figures, self.texts = [], [], {}, []
        self._figure = ""
        self.source = path.read_text(encoding="utf-8")
        self.feed(self.source)

    def handle_starttag(self, tag, attrs):
        found = dict(attrs)
        self.links += [found[key] for key in ("src", "href") if key in found]
        self.anchors += [found["id"]] if "id" in found else []
        self.texts += [found["alt"]] if tag == "img" else []
        self._figure = found.get("data-figure", "")

    def handle_data(self, data):
        if self._figure:
            self.figures[self._figure] = data
        self._figure = ""


def stands_alone(out):
    """The page leads to nothing but its own files; its figures are those of the JSON file."""
    page, figures = Page(out / "index.html"), json.loads((out / "figures.json").read_text())
    for link in page.links:
        where = link[1:] in page.anchors if link.startswith("#") else (out / link).is_file()
        assert where, link
    assert "://" not in page.source
    assert all(page.texts)
    assert page.figures == {key: f"{figures[key]:.2f}" for key in page.figures}
    shown = {link.removeprefix("pictures/") for link in page.links if link.endswith(".png")}
    assert {file.name for file in (out / "pictures").iterdir()} == shown
    return page, figures


def made(shipped, budget):
    pictures = [Picture(torch.rand(3, 8, 8), f"a <toy> {n}", "x") for n in range(budget.samples)]
    return Part(
        "About it.",
        (PictureGroup("toys", tuple(pictures)),),
        (Figure("toys_right", "of <them> are right"),),
        numbers_of("toys_right", wilson(3, 4)),
    )


def refused(shipped, budget):
    raise InvalidInput("No <toys> here.")


def broken(shipped, budget):
    raise ZeroDivisionError("by zero")


@pytest.fixture
def run(tmp_path):
    host = StandaloneHost(tmp_path, tmp_path / "out", "cpu")

    def go(parts, **settings):
        out = tmp_path / "out" / "demo"
        return short_demo(host, out, Budget(**settings), parts), out

    return go


def test_a_part_that_fails_is_said_and_does_not_lose_the_others(run, capsys):
    parts = {"a": ("A", refused), "b": ("B", broken), "toys": ("Toys", made)}
    code, out = run(parts)
    said = capsys.readouterr()
    assert code == 1
    assert said.out.splitlines()[-1] == str(out / "index.html")
    assert "ZeroDivisionError" in said.err
    assert "InvalidInput" not in said.err
    page, figures = stands_alone(out)
    assert figures["a_failed"] == "No <toys> here."
    assert figures["b_failed"] == "ZeroDivisionError: by zero"
    assert "This part failed: No &lt;toys&gt; here." in page.source
    assert page.anchors == ["a", "b", "toys", "next"]
    assert page.figures == {"toys_right": "0.75"}
    assert "0.75 [0.30, 0.95] of <them> are right" in said.out
    assert page.texts == ["a <toy> 0", "a <toy> 1"]
    assert all(figures[f"{key}_seconds"] >= 0 for key in parts)


def test_a_second_run_leaves_none_of_the_first(run):
    assert run({"toys": ("Toys", made)}, samples=12)[0] == 0
    _, out = run({"toys": ("Toys", made)}, samples=2)
    page, _ = stands_alone(out)
    assert len(page.texts) == 2
    run({"toys": ("Toys", refused)})
    assert stands_alone(out)[0].texts == []


def test_an_interrupted_demo_leaves_the_parts_that_are_done(run, tmp_path):
    def stopped(shipped, budget):
        raise RunInterrupted

    with pytest.raises(RunInterrupted):
        run({"toys": ("Toys", made), "b": ("B", stopped)})
    page, _ = stands_alone(tmp_path / "out" / "demo")
    assert page.anchors == ["toys", "next"]


def test_the_digits_are_steered_and_judged(run):
    code, out = run({"digits": PARTS["digits"]}, quality="draft")
    page, figures = stands_alone(out)
    assert code == 0
    assert len(page.texts) == 10
    captions = re.findall(r"<figcaption>(\d) (.)</figcaption>", page.source)
    right = [read == str(wanted) for wanted, (read, _) in enumerate(captions)]
    assert [mark == "\N{CHECK MARK}" for _, mark in captions] == right
    assert figures["digits_right"] == sum(right) / 10
    assert sum(right) >= 5  # the prior: 1 of 10
    assert figures["digits_right_low"] == wilson(sum(right), 10).low
    with Image.open(out / "pictures" / "digits-03.png") as three:
        assert three.size == (28, 28)


@pytest.mark.slow
def test_all_parts_show_what_they_made(run, capsys):
    code, out = run(PARTS, **vars(TINY))
    page, figures = stands_alone(out)
    assert code == 0, capsys.readouterr().out
    assert len(page.texts) == 2 + 10 + (2 + 2) + (6 + 6)
    assert page.anchors == [*PARTS, "next"]
    assert figures["few_labels"] == 20
    assert figures["few_images"] == 6
    for key in page.figures:
        assert 0 <= figures[f"{key}_low"] <= figures[key] <= figures[f"{key}_high"] <= 1
    assert figures["texts_satisfied"] >= 0.4  # the prior: 0.14


def test_the_commands_of_the_page_can_be_run():
    schemas = schemas_of(load_nodes())
    commands = [shlex.split(line.replace("\\\n", ""), comments=True) for _, line in NEXT]
    for first, what, *rest in commands:
        if (first, what) != ("latentsteer", "run"):
            assert (first, what) in {("make", "demo"), ("latentsteer", "reproduce")}
            continue
        graph = read_workflow(ROOT / rest[0])
        settings = [value for flag, value in pairwise(rest) if flag == "--set"]
        assert settings
        apply_settings(graph, settings, schemas)


@pytest.mark.parametrize(
    ("flags", "which"), [([], "short"), (["--full"], "full"), (["--faces"], "faces")]
)
def test_flags_choose_the_demo(flags, which, monkeypatch, tmp_path):
    called = []
    monkeypatch.setattr(
        demo.importlib,
        "import_module",
        lambda name, package: type("Module", (), {"run": lambda args: called.append(name) or 0}),
    )
    assert main(["demo", *flags, "--base", str(tmp_path)]) == 0
    assert called == [demo.DEMOS[which]]
