"""A stand-in for the canvas' search; tests/host/canvas has the hosts' own."""

import json
import re

import pytest
from latentsteer.nodes.aliases import FILE, alias_file, aliases_of
from latentsteer.nodes.standalone.registry import load_nodes

from ..search_phrases import FIRST, FIRST_OF_OURS

NODES = {k: v for k, v in load_nodes().items() if k.startswith("LatentSteer_")}
TITLES = {name: node.schema().display_name for name, node in NODES.items()}
ALIASES = aliases_of(NODES)


def words(text):
    return re.findall(r"\w+", text.lower())


def by_name(query, text):
    """The frontends' classes of names, from the name itself to all of the words in it."""
    low = text.lower()
    checks = (
        low == query,
        low.startswith(query),
        query in words(text),
        query in low,
        set(query.split()) <= set(words(text)),
        all(word in low for word in query.split()),
    )
    return next((place for place, true in enumerate(checks) if true), 9)


def found(query):
    """Display names in order: names first, then aliases, of these the most similar in length."""
    ranked = []
    for name, title in TITLES.items():
        kind = min(by_name(query, name), by_name(query, title))
        alias = min(by_name(query, text) for text in ALIASES[name])
        excess = abs(len(title) - len(query))
        if min(kind, alias) < 9:
            ranked.append((kind, 0 if kind < 9 else alias, excess, title))
    return [entry[-1] for entry in sorted(ranked)]


@pytest.mark.parametrize(("phrase", "title"), [*FIRST.items(), *FIRST_OF_OURS.items()])
def test_the_right_node_comes_first(phrase, title):
    assert found(phrase)[:1] == [title]


def test_every_node_has_aliases_that_are_not_its_name():
    for name, aliases in ALIASES.items():
        assert aliases, name
        assert TITLES[name].lower() not in [alias.lower() for alias in aliases]
        assert len({alias.lower() for alias in aliases}) == len(aliases), name


def test_the_older_host_reads_the_same_aliases():
    assert alias_file(load_nodes()) == {FILE: FILE.read_text("utf-8")}
    assert json.loads(FILE.read_text("utf-8")) == ALIASES
