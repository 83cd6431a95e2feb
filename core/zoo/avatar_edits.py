"""Edits of avatars by words: twelve, chosen before any of them was tried."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

__all__ = ["AvatarEdit", "avatar_edits"]

_FILE = Path(__file__).parent / "avatar_edits.json"


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
