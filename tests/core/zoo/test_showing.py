"""Shipped pictures by what they show."""

import pytest
import torch
from latentsteer.core.errors import InvalidInput
from latentsteer.core.zoo.avatars import ATTRIBUTES
from latentsteer.core.zoo.shipped import reference_portion
from latentsteer.core.zoo.showing import pictures_showing

PLAIN = {name: values[0] for name, values in ATTRIBUTES.items()}


def labels_of(*avatars):
    rows = [[ATTRIBUTES[name].index(one[name]) for name in ATTRIBUTES] for one in avatars]
    return torch.tensor(rows)


def test_pictures_show_all_of_a_text_and_those_after_not_do_not():
    dark = PLAIN | {"accessory": "sunglasses"}
    both = dark | {"background": "blue"}
    labels = labels_of(PLAIN, dark, both)
    expected = {
        "sunglasses": [False, True, True],
        "Sunglasses, blue background ": [False, False, True],
        "not sunglasses, blue background": [True, True, False],
    }
    for text, shown in expected.items():
        assert pictures_showing(labels, text).tolist() == shown
    # The eyes behind sunglasses have a value that nobody sees.
    wink = PLAIN | {"eyes": "wink"}
    hidden = wink | {"accessory": "sunglasses"}
    assert pictures_showing(labels_of(wink, hidden), "winking").tolist() == [True, False]


def test_classes_are_numbers():
    classes = torch.tensor([3, 1, 3])
    assert pictures_showing(classes, "3").tolist() == [True, False, True]
    assert pictures_showing(classes, "not 3").tolist() == [False, True, False]


@pytest.mark.parametrize(("labels", "text"), [(torch.tensor([3, 1]), "2"), (None, "a unicorn")])
def test_a_text_that_states_nothing_is_refused(labels, text):
    with pytest.raises(InvalidInput, match=r"there are 1, 3|docs/models\.md"):
        pictures_showing(labels_of(PLAIN) if labels is None else labels, text)


def test_a_portion_is_of_those_that_show_it():
    halves = [
        reference_portion("digits held out (embedded)", part=part, showing="3")
        for part in ("first half", "second half")
    ]
    whole = reference_portion("digits held out (embedded)", showing="3")
    assert torch.equal(torch.cat(halves), whole)
    assert 0 < len(whole) < 200
