"""Avatars: drawing, captions, and the constraints that a judge counts."""

from collections import Counter

import numpy as np
import pytest
from latentsteer.core.zoo.avatar_captions import PROMPTS
from latentsteer.core.zoo.avatar_words import NEUTRAL, WORDS, caption, corrupted, stated_in
from latentsteer.core.zoo.avatars import (
    ATTRIBUTES,
    HAIR,
    HEADGEAR,
    constraint_matrix,
    draw,
    sibling,
    visible,
)

COUNT = 2000


@pytest.fixture(scope="module")
def avatars():
    rng = np.random.default_rng(0)
    return [draw(rng) for _ in range(COUNT)]


def holds(avatar, constraints):
    return all(avatar[name] == value for name, value in constraints.items())


def test_every_value_is_drawn_and_none_dominates(avatars):
    for name, values in ATTRIBUTES.items():
        shares = Counter(avatar[name] for avatar in avatars)
        assert set(shares) == set(values), name
        assert min(shares.values()) > 0.03 * COUNT, name
    assert not any(a["top"] == "hijab" and a["facial_hair"] != "none" for a in avatars)


def test_what_is_hidden_is_not_visible(avatars):
    for avatar in avatars:
        seen = visible(avatar)
        assert ("hair_colour" in seen) == (avatar["top"] in HAIR)
        assert ("hat_colour" in seen) == (avatar["top"] in HEADGEAR)
        assert ("facial_hair_colour" in seen) == (avatar["facial_hair"] != "none")
        assert ("eyes" in seen) == (avatar["accessory"] in ("none", "glasses"))
        assert set(ATTRIBUTES) - set(seen) <= {
            "hair_colour",
            "hat_colour",
            "facial_hair_colour",
            "eyes",
        }


def test_siblings_differ_in_little_and_in_something_that_shows(avatars):
    rng = np.random.default_rng(1)
    changed = [
        sum(other[name] != avatar[name] for name in ATTRIBUTES)
        for avatar in avatars
        for other in [sibling(avatar, rng)]
    ]
    assert max(changed) <= 4  # three, and the beard that a hijab hides
    assert changed.count(0) == 0


def test_a_caption_is_true_of_its_avatar_and_read_back_as_it_was_meant(avatars):
    rng = np.random.default_rng(2)
    misread = 0
    for avatar in avatars:
        said = caption(avatar, rng, 12)
        assert holds(visible(avatar), said.constraints)
        misread += stated_in(said.text) != dict(said.constraints)
    # "black skin, hair bun" and the like can be read in two ways.
    assert misread <= 0.01 * COUNT


def test_a_near_miss_states_something_else(avatars):
    rng = np.random.default_rng(3)
    for avatar in avatars[:500]:
        said = caption(avatar, rng)
        missed = corrupted(said, rng)
        assert dict(missed.constraints) != dict(said.constraints)
        differing = [n for n, v in missed.constraints.items() if said.constraints.get(n) != v]
        assert 1 <= len(differing) <= 3
        assert not holds(avatar, missed.constraints)


def test_every_word_of_every_caption_is_known(avatars):
    rng = np.random.default_rng(4)
    known = set(WORDS)
    assert set(NEUTRAL) <= known
    for avatar in avatars[:500]:
        for word in caption(avatar, rng, 12).text.replace(",", " ").split():
            assert word in known, word


@pytest.mark.parametrize(
    ("text", "stated"),
    [
        ("a red hat", {"top": "hat", "hat_colour": "red"}),
        ("Long Red Hair", {"top": "long", "hair_colour": "red"}),
        ("red hair", {"hair_colour": "red"}),
        ("green shirt and red beanie", {"clothes": "shirt", "clothes_colour": "green"}),
        ("bald man with black beard", {"top": "bald", "facial_hair_colour": "black"}),
        ("dark skin, blue background", {"skin": "dark", "background": "blue"}),
        ("a woman", {}),
        ("a purple elephant", {}),
        ("heart eyes, sunglasses", {"eyes": "hearts", "accessory": "sunglasses"}),
    ],
)
def test_texts_are_read_phrase_by_phrase(text, stated):
    found = stated_in(text)
    assert stated.items() <= found.items()
    if not stated:
        assert found == {}


def test_the_eight_prompts_are_understood():
    assert [len(stated_in(text)) for text in PROMPTS] == [5, 4, 6, 4, 4, 5, 5, 5]


def test_constraints_as_numbers():
    table = constraint_matrix([{"top": "hat", "skin": "dark"}, {}])
    names = list(ATTRIBUTES)
    assert table[0, names.index("top")] == ATTRIBUTES["top"].index("hat")
    assert table[0, names.index("skin")] == ATTRIBUTES["skin"].index("dark")
    assert (table[0] >= 0).sum() == 2
    assert (table[1] == -1).all()
