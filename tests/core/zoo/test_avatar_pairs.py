"""The prompts of two persons: reproducible, and contradicting each other."""

from latentsteer.core.zoo.avatar_captions import drawable
from latentsteer.core.zoo.avatar_pairs import make_pairs, person_pairs
from latentsteer.core.zoo.avatars import HEADGEAR


def test_the_file_is_what_is_made():
    pairs = person_pairs()
    assert [[one.first.text, one.second.text] for one in pairs] == make_pairs()
    assert len(pairs) == 30
    assert make_pairs(seed=1) != make_pairs()


def test_no_face_fits_a_statement_of_both_persons():
    for pair in person_pairs():
        first, second = pair.first.constraints, pair.second.constraints
        assert first.keys() == second.keys()
        assert len(first) == 2
        assert all(first[name] != second[name] for name in first)
        assert (first["top"] in HEADGEAR) != (second["top"] in HEADGEAR)


def test_all_that_is_stated_can_be_drawn():
    can = drawable()
    for pair in person_pairs():
        for person in (pair.first, pair.second):
            assert all(value in can[name] for name, value in person.constraints.items())
