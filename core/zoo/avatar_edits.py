"""Edits of avatars by words: two lists, each chosen before any of its edits was tried."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

__all__ = ["AvatarEdit", "UserEdit", "avatar_edits", "user_edits"]

_FILE = Path(__file__).parent / "avatar_edits.json"
_OF_USERS = Path(__file__).parent / "avatar_edits_plain.json"


@dataclass(frozen=True)
class AvatarEdit:
    """An edit by words, and what a judge should see after it.

    Attributes:
        wanted: text of the result.
        instead: texts of what could be there instead; if none, the contrast is with all avatars.
        context: text of the avatars that count; all if empty.
        sets: attributes and values of the result.
    """

    wanted: str
    instead: tuple[str, ...]
    context: str
    sets: Mapping[str, str]


def avatar_edits() -> list[AvatarEdit]:
    """Returns the twelve edits in the order of the file."""
    return [
        AvatarEdit(one["wanted"], tuple(one["instead"]), one["context"], one["sets"])
        for one in json.loads(_FILE.read_text(encoding="utf-8"))
    ]


@dataclass(frozen=True)
class UserEdit:
    """An edit as a user writes it, and what a judge should see after it.

    Attributes:
        words: what to change, see `core.tasks.words.changes`.
        instead: what could be there instead, separated by commas; may be empty.
        only: attributes and values that an avatar must show to be edited.
        sets: attributes and values of the result.
    """

    words: str
    instead: str
    only: Mapping[str, str]
    sets: Mapping[str, str]

    def applies(self, shown: Mapping[str, str]) -> bool:
        """Whether an avatar can be edited: it shows `only`, and not the result already.

        Args:
            shown: visible attributes and values of the avatar.
        """
        fits = all(shown.get(name) == value for name, value in self.only.items())
        return fits and any(shown.get(name) != value for name, value in self.sets.items())


def user_edits() -> list[UserEdit]:
    """Returns the eight edits in the order of the file."""
    return [UserEdit(**one) for one in json.loads(_OF_USERS.read_text(encoding="utf-8"))]
