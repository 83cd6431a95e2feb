"""README and docs: short enough, and without broken links."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
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
        other = page.parent / path if path else page
        assert other.exists(), target
        if anchor:
            assert anchor in anchors(other.read_text(encoding="utf-8")), target


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_files_that_are_named_are_there(page):
    """`core/rng.py`, `workflows/tr0n_digits_class.json` and the like."""
    text = page.read_text(encoding="utf-8")
    places = r"`((?:core|nodes|workflows|tests|web|docs)/[\w/.-]+\.(?:py|json|md|png))`"
    assert [name for name in re.findall(places, text) if not (ROOT / name).exists()] == []


def test_the_readme_is_short_and_names_every_page():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert len(text.encode()) <= MOST
    assert [page.name for page in PAGES[1:] if f"docs/{page.name}" not in text] == []
