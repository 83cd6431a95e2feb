"""What users write to change an image."""

import pytest
from latentsteer.core.errors import InvalidInput
from latentsteer.core.tasks.words import Change, changes


def test_the_last_of_several_words_is_the_thing_that_changes():
    assert changes("a red hat") == (Change("red hat", (), "hat"),)
    assert changes("sunglasses") == (Change("sunglasses"),)
    others = ("blue hat", "green hat")
    assert changes("red hat", "a blue hat, green hat") == (Change("red hat", others, "hat"),)


@pytest.mark.parametrize("words", ["no glasses", "Without the glasses", "remove glasses"])
def test_what_is_taken_away_is_led_away_from(words):
    assert changes(words) == (Change("glasses", away=True),)


def test_changes_between_commas_and_lines_follow_each_other():
    found = changes("a red hat, no beard\n smile;")
    assert [(one.wanted, one.away) for one in found] == [
        ("red hat", False),
        ("beard", True),
        ("smile", False),
    ]


def test_words_without_a_meaning_are_refused():
    with pytest.raises(InvalidInput, match="Nothing to change"):
        changes(" , \n")
    for words in ("red hat, smile", "no hat"):
        with pytest.raises(InvalidInput, match="single thing"):
            changes(words, "blue hat")
    for words in ("no", "smile, Without"):
        with pytest.raises(InvalidInput, match="names nothing to take away"):
            changes(words)
    with pytest.raises(InvalidInput, match="'red hat' is wanted and is in `instead`"):
        changes("a red hat", "blue hat, red hat")
