"""Words to tokens, for text encoders with a small vocabulary of their own."""

import difflib
import re
import string
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Int
from torch import Tensor

from ..errors import InvalidInput

__all__ = ["Tokenised", "WordTokenizer"]

WORD = re.compile(r"[a-z]+(?:-[a-z]+)*")
CLOSEST = 3
PUNCTUATION = string.punctuation


@dataclass(frozen=True)
class Tokenised:
    """A text as tokens.

    Attributes:
        tokens: (context,), 0 after the end.
        unknown: what was left out because the vocabulary lacks it: words, numbers, emoji, words
            of other scripts.
        cut: the words beyond the context, left out too.
    """

    tokens: Int[Tensor, " context"]
    unknown: tuple[str, ...] = ()
    cut: tuple[str, ...] = ()


def _unknown(text: str, known: Mapping[str, int]) -> Iterator[str]:
    """The unknown parts of a text, in its order, without punctuation."""
    for piece in text.split():
        rest = WORD.sub(" ", piece.lower())
        if any(map(_says, rest)):
            # Of "2red" the word is known, and the rest is named; else the whole piece.
            words = WORD.findall(piece.lower())
            kept = bool(words) and all(word in known for word in words)
            bare = (part.strip(PUNCTUATION) for part in (rest.split() if kept else [piece]))
            yield from filter(None, bare)
        else:
            yield from (word for word in WORD.findall(piece.lower()) if word not in known)


def _says(character: str) -> bool:
    """Whether a character has a meaning: letters, digits and symbols such as emoji do."""
    return character not in PUNCTUATION and unicodedata.category(character)[0] in "LNS"


@dataclass(frozen=True)
class WordTokenizer:
    """One token per known word, then the end token, which is the highest.

    Attributes:
        words: the vocabulary; the token of words[i] is i + 1, and 0 pads.
        neutral: words without a meaning of their own.
        context: tokens in a row, the end token included.
    """

    words: tuple[str, ...]
    neutral: frozenset[str]
    context: int

    @property
    def end(self) -> int:
        """The end token; the vocabulary's size less one."""
        return len(self.words) + 1

    def encode(self, text: str) -> Tokenised:
        """The tokens of a text.

        Raises:
            InvalidInput: no known word but neutral ones; the closest known ones are named.
        """
        number = {word: place + 1 for place, word in enumerate(self.words)}
        said = WORD.findall(text.lower())
        known = [word for word in said if word in number]
        unknown = tuple(dict.fromkeys(_unknown(text, number)))
        if all(word in self.neutral for word in known):
            raise InvalidInput(f"No word of {text!r} is known. {self._offer(unknown)}")
        most = self.context - 1
        row = torch.zeros(self.context, dtype=torch.long)
        tokens = [number[word] for word in known[:most]] + [self.end]
        row[: len(tokens)] = torch.tensor(tokens)
        return Tokenised(row, unknown, tuple(known[most:]))

    def _offer(self, unknown: Sequence[str]) -> str:
        telling = [word for word in self.words if word not in self.neutral]
        near = {
            word: difflib.get_close_matches(word, telling, n=CLOSEST, cutoff=0.5)
            for word in unknown
        }
        hints = [f"{word}: {', '.join(close)}" for word, close in near.items() if close]
        closest = f"The closest to {'; to '.join(hints)}. " if hints else ""
        return f"{closest}This model knows: {', '.join(telling)}."
