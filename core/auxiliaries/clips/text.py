"""Encodes prompts to embeddings, with notes on words that a text encoder never sees."""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from ...clip import Texts
from ...zoo.tokens import WordTokenizer

__all__ = ["bpe_encoder", "knows", "left_out", "quoted", "word_encoder"]

QUOTED = 80
"""Most characters of a text in a note."""


def left_out(text: str, count: Callable[[str], int], context: int) -> tuple[str, ...]:
    """Returns the words of a text beyond the context length.

    Args:
        text: words separated by blanks.
        count: number of tokens of a text, start and end tokens included.
        context: maximum number of tokens.
    """
    words = text.split()
    low, high = 0, len(words)
    while low < high:
        middle = (low + high + 1) // 2
        if count(" ".join(words[:middle])) <= context:
            low = middle
        else:
            high = middle - 1
    return tuple(words[low:])


def knows(tokenizer: Any, word: str) -> bool:  # noqa: ANN401 - transformers' are not typed
    """Whether a transformers tokenizer has tokens for a word."""
    unknown = tokenizer.unk_token_id
    tokens = tokenizer(word, add_special_tokens=False, verbose=False).input_ids
    return unknown is None or unknown not in tokens


def bpe_encoder(
    embed: Callable[[list[str]], Float[Tensor, "prompts embed"]],
    count: Callable[[str], int],
    context: int,
    knows: Callable[[str], bool] = lambda word: True,
) -> Callable[[Sequence[str]], Texts]:
    """Wraps a text encoder whose tokenizer splits words and truncates long prompts.

    Args:
        embed: maps prompts to embeddings.
        count: number of tokens of a text, start and end tokens included.
        context: maximum number of tokens.
        knows: whether the tokenizer has tokens for a word; most have them for any word.
    """

    def encode(prompts: Sequence[str]) -> Texts:
        notes = [
            f"{quoted(prompt)}: unknown, ignored: {', '.join(dict.fromkeys(unknown))}."
            for prompt in prompts
            if (unknown := [word for word in prompt.split() if not knows(word)])
        ]
        notes += [
            f"{quoted(prompt)} is longer than the text encoder sees ({context} tokens); cut: "
            f"{_shortened(' '.join(cut))}."
            for prompt in prompts
            if (cut := left_out(prompt, count, context))
        ]
        return Texts(embed(list(prompts)).float(), tuple(notes))

    return encode


def word_encoder(
    embed: Callable[[Tensor], Float[Tensor, "prompts embed"]], tokenizer: WordTokenizer
) -> Callable[[Sequence[str]], Texts]:
    """Wraps a text encoder with a small vocabulary.

    Args:
        embed: maps tokens (prompts, context) to embeddings.
        tokenizer: raises InvalidInput for a prompt without any known word.
    """

    def encode(prompts: Sequence[str]) -> Texts:
        found = [tokenizer.encode(prompt) for prompt in prompts]
        notes: list[str] = []
        for prompt, tokenised in zip(prompts, found, strict=True):
            if tokenised.unknown:
                unknown = ", ".join(tokenised.unknown)
                notes.append(f"{quoted(prompt)}: unknown, ignored: {unknown}.")
            if tokenised.cut:
                notes.append(
                    f"{quoted(prompt)} is longer than the text encoder sees "
                    f"({tokenizer.context} tokens); cut: {_shortened(' '.join(tokenised.cut))}."
                )
        return Texts(embed(torch.stack([t.tokens for t in found])).float(), tuple(notes))

    return encode


def quoted(prompt: str) -> str:
    """Returns a text in quotes, and only its beginning if it is long."""
    return repr(_shortened(prompt))


def _shortened(text: str) -> str:
    return text if len(text) <= QUOTED else f"{text[:QUOTED].rstrip()} ..."
