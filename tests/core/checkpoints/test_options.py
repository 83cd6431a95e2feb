"""Options of loaders: the union of the options of their architectures."""

from dataclasses import replace

import pytest
from latentsteer.core.checkpoints.options import (
    ChoiceOption,
    Option,
    WholeOption,
    offered_options,
)
from latentsteer.core.generators import ARCHITECTURES, OPTIONS

LAYERS = WholeOption("layers", "How many.", place=1, low=0, high=8)
SPACE = ChoiceOption("space", "Which.", place=0, choices=("z", "w"))


def test_options_are_offered_once_and_by_their_places():
    assert offered_options([LAYERS, SPACE, LAYERS, Option("hidden", "No widget.")]) == (
        SPACE,
        LAYERS,
    )


def test_each_family_adds_its_own_sentence():
    one, other = (replace(LAYERS, detail=f"{name} have some.") for name in ("Cats", "Dogs"))
    (option,) = offered_options([one, other, one])
    assert option.tooltip == "How many. Cats have some. Dogs have some."


@pytest.mark.parametrize("other", [replace(LAYERS, high=9), replace(SPACE, name="layers")])
def test_options_of_one_name_that_differ_are_refused(other):
    with pytest.raises(ValueError, match="Two options are named 'layers'"):
        offered_options([LAYERS, other])


def test_two_options_at_one_place_are_refused():
    with pytest.raises(ValueError, match=r"'layers' and 'more' have the same place, 1\. .* 2"):
        offered_options([LAYERS, replace(LAYERS, name="more")])


def test_the_loader_offers_the_options_of_all_generators():
    """It names them without importing the families."""
    assert offered_options(option for family in ARCHITECTURES for option in family.options) == (
        OPTIONS
    )
    assert [option.place for option in OPTIONS] == list(range(len(OPTIONS)))
