"""What a user writes to change an image, as the texts of contrasts."""

import re
from dataclasses import dataclass

from ..clip import Clip
from ..condition import Condition
from ..conditions.prompts import text_condition
from ..errors import InvalidInput

__all__ = ["Change", "changes", "notes_on", "texts_of"]

SEPARATOR = re.compile(r"[,;\n]")
AWAY = ("no", "not", "without", "remove")
WITHOUT = re.compile(rf"(?:{'|'.join(AWAY)})\s+(?P<text>.+)", re.IGNORECASE)
ARTICLE = re.compile(r"(?:a|an|the|some|any)\s+", re.IGNORECASE)


@dataclass(frozen=True)
class Change:
    """One change of an image.

    Attributes:
        wanted: text of what the image should show, or should not.
        instead: texts of what it could show instead; empty for anything else.
        context: text of the thing that is changed: hat, for a red hat; empty for none.
        away: whether the image should not show it.
    """

    wanted: str
    instead: tuple[str, ...] = ()
    context: str = ""
    away: bool = False


def changes(words: str, instead: str = "") -> tuple[Change, ...]:
    """Returns the changes of a text, one for each part between commas or lines.

    "no glasses", "without glasses" and "remove the glasses" lead away from glasses. The last of
    several words is the thing that is changed: a red hat needs a hat, and red hair is none.

    Args:
        words: such as "a red hat, no glasses".
        instead: what the image shows or could show in place of it, such as "blue hat, green hat";
            for a single change.

    Raises:
        InvalidInput: no word, nothing after "no", or `instead` for several changes, for what is
            taken away, or equal to what is wanted.
    """
    wanted, others = _parts(words), _parts(instead)
    if not wanted:
        raise InvalidInput("Nothing to change. Write what the image should show: a red hat.")
    for text in wanted:
        if text.lower() in AWAY:
            raise InvalidInput(
                f"{text!r} names nothing to take away. Write what, as in: no glasses."
            )
    found = [_change(text, others) for text in wanted]
    if others and (len(found) > 1 or found[0].away):
        raise InvalidInput(
            f"`instead` has {', '.join(others)}, and the change is {', '.join(wanted)}. Give it "
            "for a single thing that the image should show, or leave it empty."
        )
    if wanted[0] in others:
        raise InvalidInput(
            f"{wanted[0]!r} is wanted and is in `instead` as well. Write there what the image "
            "could show in place of it, or leave it empty."
        )
    return tuple(found)


def notes_on(clip: Clip, wanted: tuple[Change, ...]) -> tuple[str, ...]:
    """Returns sentences on words of changes that a CLIP does not know, cuts or reads as text.

    Raises:
        InvalidInput: a text that the CLIP cannot encode.
    """
    texts = [text for one in wanted for text in (one.wanted, *one.instead)]
    return text_condition(clip, "\n".join(texts)).notes


def texts_of(clip: Clip, *texts: str) -> Condition:
    """Returns a condition with a row per text.

    Raises:
        InvalidInput: a text that the CLIP cannot encode.
    """
    return text_condition(clip, "\n".join(texts)).condition


def _parts(text: str) -> list[str]:
    parts = (ARTICLE.sub("", part.strip(), count=1) for part in SEPARATOR.split(text))
    return [part for part in parts if part]


def _change(text: str, others: list[str]) -> Change:
    if found := WITHOUT.fullmatch(text):
        return Change(ARTICLE.sub("", found["text"], count=1), away=True)
    words = text.split()
    return Change(text, tuple(others), words[-1] if len(words) > 1 else "")
