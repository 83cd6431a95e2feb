"""From prompts to embeddings, with notes of the words that a text encoder never sees."""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from ...clip import Texts
from ...zoo.tokens import WordTokenizer

__all__ = ["bpe_encoder", "knows", "left_out", "word_encoder"]


def left_out(text: str, count: Callable[[str], int], context: int) -> tuple[str, ...]:
    """The words of a text beyond what a context takes.

    Args:
        text: words with blanks between them.
        count: the tokens of a text, those at its start and end included.
        context: the most tokens.
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
    """Whether a tokenizer of transformers has tokens for a word."""
    unknown = tokenizer.unk_token_id
    tokens = tokenizer(word, add_special_tokens=False, verbose=False).input_ids
    return unknown is None or unknown not in tokens


def bpe_encoder(
    embed: Callable[[list[str]], Float[Tensor, "prompts embed"]],
    count: Callable[[str], int],
    context: int,
    knows: Callable[[str], bool] = lambda word: True,
) -> Callable[[Sequence[str]], Texts]:
    """A text encoder whose tokenizer takes words to pieces and cuts long prompts.

    Args:
        embed: prompts to their embeddings.
        count: the tokens of a text, those at its start and end included.
        context: the most tokens that it sees.
        knows: whether the tokenizer has tokens for a word; most have for any.
    """

    def encode(prompts: Sequence[str]) -> Texts:
        notes = [
            f"{prompt!r}: not known, left out: {', '.join(dict.fromkeys(unknown))}."
            for prompt in prompts
            if (unknown := [word for word in prompt.split() if not knows(word)])
        ]
        notes += [
            f"{prompt!r} is longer than the text encoder sees ({context} tokens); cut: "
            f"{' '.join(cut)}."
            for prompt in prompts
            if (cut := left_out(prompt, count, context))
        ]
        return Texts(embed(list(prompts)).float(), tuple(notes))

    return encode


def word_encoder(
    embed: Callable[[Tensor], Float[Tensor, "prompts embed"]], tokenizer: WordTokenizer
) -> Callable[[Sequence[str]], Texts]:
    """A text encoder with a small vocabulary.

    Args:
        embed: (prompts, context) tokens to embeddings.
        tokenizer: it raises InvalidInput for a prompt of which it knows nothing.
    """

    def encode(prompts: Sequence[str]) -> Texts:
        found = [tokenizer.encode(prompt) for prompt in prompts]
        notes: list[str] = []
        for prompt, tokenised in zip(prompts, found, strict=True):
            if tokenised.unknown:
                notes.append(f"{prompt!r}: not known, left out: {', '.join(tokenised.unknown)}.")
            if tokenised.cut:
                notes.append(
                    f"{prompt!r} is longer than the text encoder sees ({tokenizer.context} "
                    f"tokens); cut: {' '.join(tokenised.cut)}."
                )
        return Texts(embed(torch.stack([t.tokens for t in found])).float(), tuple(notes))

    return encode
