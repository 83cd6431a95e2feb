"""Prompts of two persons for composed generation, generated once from drawable values alone.

Each person has a hat or a kind of hair and one further attribute. The two persons differ in both,
so that no single face satisfies either statement of both.
"""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from .avatar_captions import AvatarPrompt
from .avatar_words import stated_in

__all__ = ["Pair", "make_pairs", "person_pairs"]

_FILE = Path(__file__).parent / "avatar_pairs.json"
COUNT = 30
HAIR = ("long hair", "bob", "hair bun", "curly hair", "wavy hair", "afro", "dreadlocks")
HEADGEAR = ("hat", "beanie", "hijab", "turban")
"""One person has a value of HAIR, the other one of HEADGEAR."""
MORE = {
    "accessory": ("glasses", "sunglasses", "eyepatch"),
    "skin": ("light skin", "brown skin", "dark skin"),
}
"""The further attributes: visible even if a foreground partly covers the face."""


@dataclass(frozen=True)
class Pair:
    """Two persons, each with a text and its constraints."""

    first: AvatarPrompt
    second: AvatarPrompt

    @property
    def text(self) -> str:
        """Joins both texts in the syntax of prompts with several parts."""
        return f"{self.first.text} | {self.second.text}"


def person_pairs() -> list[Pair]:
    """Returns 30 pairs of persons that contradict each other."""
    lists = json.loads(_FILE.read_text(encoding="utf-8"))["pairs"]
    return [
        Pair(*(AvatarPrompt(text, dict(stated_in(text))) for text in texts)) for texts in lists
    ]


def make_pairs(seed: int = 2026) -> list[list[str]]:
    """Generates the texts of all pairs in the file's form."""
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
    """Writes the file of pairs."""
    text = json.dumps({"pairs": make_pairs()}, indent=1) + "\n"
    _FILE.write_text(text, encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main()
