"""README and docs: short enough, and without broken links."""

import re
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import unquote

import pytest
from latentsteer.nodes.cli.commands import BENCHES, REPRODUCTIONS
from latentsteer.nodes.cli.main import main
from latentsteer.workflows.recipes.table import RECIPES

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", ROOT / "SECURITY.md", *sorted((ROOT / "docs").glob("*.md"))]
MOST = 9 * 1024
"""Largest size of the README in bytes."""


def anchors(text):
    """Returns the anchors of headings."""
    heads = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    return {re.sub(r"[^\w -]", "", head.lower()).replace(" ", "-") for head in heads}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page):
    text = page.read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if target.startswith(("http://", "https://")):
            continue
        path, _, anchor = target.partition("#")
        other = page.parent / unquote(path) if path else page
        assert other.exists(), target
        if anchor:
            assert anchor in anchors(other.read_text(encoding="utf-8")), target


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_files_that_are_named_are_there(page):
    """`core/rng.py`, `workflows/tr0n_digits_class.json` and the like."""
    text = page.read_text(encoding="utf-8")
    places = r"`((?:core|nodes|workflows|tests|web|docs)/[\w/.-]+\.(?:py|json|md|png))`"
    assert [name for name in re.findall(places, text) if not (ROOT / name).exists()] == []


COMMANDS = re.compile(
    r"(?:^|`)latentsteer (?!COMMAND)([a-z0-9-]+)(?: ([a-z][a-z0-9_]*))?", re.MULTILINE
)
"""A command of the console script, and the word after it."""
OPTIONS_ALONE = {"pairs", "train", "train-d2c", "demo"}
"""Commands that no word follows."""


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_commands_that_are_named_are_there(page, capsys):
    text = page.read_text(encoding="utf-8")
    with pytest.raises(SystemExit):
        main(["--help"])
    listed = re.findall(r"^    ([a-z0-9-]+)", capsys.readouterr().out, re.MULTILINE)
    kinds = {"bench": BENCHES, "reproduce": REPRODUCTIONS, **dict.fromkeys(OPTIONS_ALONE, ())}
    for command, name in COMMANDS.findall(text):
        assert command in listed
        assert name in {"", *kinds.get(command, (name,))}, f"{command} {name}"
    for module in re.findall(r"python -m (latentsteer[\w.]*\w)", text):
        assert find_spec(module), module
    targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE)
    assert set(re.findall(r"(?:^|`)make ([a-z-]+)", text, re.MULTILINE)) <= set(targets)


def test_the_readme_is_short_and_names_every_page():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert len(text.encode()) <= MOST
    assert [page.name for page in PAGES[2:] if f"docs/{page.name}" not in text] == []


def test_the_readme_does_not_overstate_the_workflows():
    """Their number is in the generated page, so that a new one changes no page by hand."""
    said = (ROOT / "README.md").read_text(encoding="utf-8")
    assert len(RECIPES) > int(re.search(r"\[more than (\d+) workflows\]", said)[1])
    page = (ROOT / "docs" / "workflows.md").read_text(encoding="utf-8")
    assert f"The {len(RECIPES)} workflows show" in page
