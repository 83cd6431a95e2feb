"""Words to tokens, for text encoders with a small vocabulary of their own."""

import difflib
import re
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Int
from torch import Tensor

from .errors import InvalidInput

__all__ = ["Tokenised", "WordTokenizer"]

WORD = re.compile(r"[a-z]+(?:-[a-z]+)*")
CLOSEST = 3


@dataclass(frozen=True)
class Tokenised:
    """What became of a text.

    Attributes:
        tokens: (context,), 0 after the end.
        unknown: the words that were left out because the vocabulary lacks them.
        cut: the words beyond the context, left out too.
    """

    tokens: Int[Tensor, " context"]
    unknown: tuple[str, ...] = ()
    cut: tuple[str, ...] = ()


@dataclass(frozen=True)
class WordTokenizer:
    """One token per known word, then the end token, which is the highest.

    Attributes:
        words: the vocabulary; the token of words[i] is i + 1, and 0 pads.
        neutral: words that say nothing alone.
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
            InvalidInput: no word that says something is known; the closest known are named.
        """
        number = {word: place + 1 for place, word in enumerate(self.words)}
        said = WORD.findall(text.lower())
        known = [word for word in said if word in number]
        unknown = tuple(dict.fromkeys(word for word in said if word not in number))
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
