"""What the study of D2C asks of avatars: attributes to generate, and edits."""

from collections.abc import Mapping
from pathlib import Path

import torch
from jaxtyping import Bool
from torch import Tensor

from ....core.zoo.avatar_edits import AvatarEdit, avatar_edits
from ....core.zoo.avatars import ATTRIBUTES

__all__ = ["EDITS", "EVERYTHING", "MOMENTS", "TASKS", "key_of", "shows"]

MOMENTS = Path(__file__).parents[1] / "results" / "avatars_moments.safetensors"
"""Moments of the judge's features of avatars that no model was trained on."""
EVERYTHING = "all"
"""Name of the moments of all these avatars; the others are of those that show a task's value."""


def key_of(wanted: AvatarEdit) -> str:
    """Returns the text of a value as a part of a figure's name."""
    return wanted.wanted.replace(" ", "_")


def shows(values: Tensor, wanted: AvatarEdit) -> Bool[Tensor, " images"]:
    """Returns which images show what an edit sets.

    Args:
        values: value number of each attribute, in the order of `ATTRIBUTES`, (images, attributes).
        wanted: the edit.
    """
    names = list(ATTRIBUTES)
    found = torch.ones(len(values), dtype=torch.bool)
    for name, value in wanted.sets.items():
        found &= values[:, names.index(name)] == ATTRIBUTES[name].index(value)
    return found


def _others(attribute: str, value: str, ending: str = "") -> tuple[str, ...]:
    texts = (f"{one}{ending}" for one in ATTRIBUTES[attribute] if one not in (value, "none"))
    return tuple(texts)


_KNOWN = {one.wanted: one for one in avatar_edits()}
_MORE = (
    AvatarEdit("hijab", (), "", {"top": "hijab"}),
    AvatarEdit("glasses", _others("accessory", "glasses"), "", {"accessory": "glasses"}),
    AvatarEdit(
        "yellow background",
        _others("background", "yellow", " background"),
        "",
        {"background": "yellow"},
    ),
    AvatarEdit("hat", ("beanie", "hijab", "turban", "bald"), "", {"top": "hat"}),
    AvatarEdit("turban", ("hat", "beanie", "hijab", "bald"), "", {"top": "turban"}),
)
_ALL = _KNOWN | {one.wanted: one for one in _MORE}


def _named(*texts: str) -> Mapping[str, AvatarEdit]:
    return {key_of(_ALL[text]): _ALL[text] for text in texts}


TASKS = _named("sunglasses", "hijab", "beard", "blue background")
"""Attributes of the few-shot generation."""
EDITS = _named(
    *("sunglasses", "glasses", "eyepatch", "yellow background"),
    *("hat", "turban", "beard", "blue background"),
)
"""Edits of the manipulation."""
