"""Prompts of two persons, for composed generation: made once, from drawable values alone.

Each person has a hat or hair of some kind and one thing more, and the two differ in both, so that
no single face fits either statement of both.
"""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from .avatar_captions import Prompt
from .avatar_words import stated_in

__all__ = ["Pair", "make", "person_pairs"]

_FILE = Path(__file__).parent / "avatar_pairs.json"
COUNT = 30
HAIR = ("long hair", "bob", "hair bun", "curly hair", "wavy hair", "afro", "dreadlocks")
HEADGEAR = ("hat", "beanie", "hijab", "turban")
"""One of the two persons has this, the other that."""
MORE = {
    "accessory": ("glasses", "sunglasses", "eyepatch"),
    "skin": ("light skin", "brown skin", "dark skin"),
}
"""What else is said: things that can still be seen of whom a foreground hides in part."""


@dataclass(frozen=True)
class Pair:
    """Two persons, each with a text and what it states."""

    first: Prompt
    second: Prompt

    @property
    def text(self) -> str:
        """Both, as people write prompts of several parts."""
        return f"{self.first.text} | {self.second.text}"


def person_pairs() -> list[Pair]:
    """30, of two persons each that contradict each other."""
    lists = json.loads(_FILE.read_text(encoding="utf-8"))["pairs"]
    return [Pair(*(Prompt(text, dict(stated_in(text))) for text in texts)) for texts in lists]


def make(seed: int = 2026) -> list[list[str]]:
    """The texts of all pairs, as the file holds them."""
    rng = np.random.default_rng(seed)
    made: list[list[str]] = []
    while len(made) < COUNT:
        more = rng.choice(MORE[str(rng.choice(list(MORE)))], size=2, replace=False)
        tops = [str(rng.choice(HAIR)), str(rng.choice(HEADGEAR))]
        rng.shuffle(tops)
        texts = [f"{top}, {other}" for top, other in zip(tops, more, strict=True)]
        if texts not in made:
            made.append(texts)
    return made


def main() -> None:
    """Writes the file."""
    text = json.dumps({"pairs": make()}, indent=1) + "\n"
    _FILE.write_text(text, encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main()
