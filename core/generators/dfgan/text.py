"""The text encoder of a DF-GAN and its vocabulary: in the same file, or in files beside it.

The authors have `text_encoder200.pth` and `captions_DAMSM.pickle` beside the data. Here they lie
in the generator's folder, or in its own file, under any prefix and in its configuration.
"""

import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Final

import torch
from jaxtyping import Float
from torch import Tensor

from ...checkpoints.architecture import Architecture, Example, load_network
from ...checkpoints.cache import cached
from ...checkpoints.checkpoint import fingerprint
from ...checkpoints.reading import part_of, prefix_of, shape_of
from ...checkpoints.record import Checkpoint
from ...checkpoints.words import checked_words, read_words
from ...errors import CheckpointError, InvalidInput
from ..beside import GeneratorPart, only_beside
from .networks.text import TextEncoder, TextLayout

__all__ = ["TEXT_ENCODER", "Sentences", "encoder_example", "sentences_of", "text_facts"]

KEYS: Final = ("encoder.weight", "rnn.weight_ih_l0", "rnn.weight_hh_l0")
VOCABULARY: Final = "vocabulary"
"""Key of the words in the configuration of LatentSteer's own files."""
CAPTIONS: Final = frozenset({".pickle", ".pkl", ".json"})
PARTS: Final = (("text_encoder", "its text encoder"), ("captions", "its captions"))
TOKEN: Final = re.compile(r"\w+")
SHOWN, DIGITS = 12, 12
logger = logging.getLogger("latentsteer")


@dataclass(frozen=True)
class Sentences:
    """A text encoder with its vocabulary.

    Attributes:
        encoder: the network.
        words: number of each word.
        sha256: hashes of both, for the generator's identity.
    """

    encoder: TextEncoder
    words: Mapping[str, int]
    sha256: Mapping[str, str]

    def numbers(self, sentence: str) -> list[int]:
        """Numbers of a sentence's known words, as the authors' tokenizer finds them.

        Raises:
            InvalidInput: no word is known.
        """
        found = TOKEN.findall(sentence.replace("\ufffd\ufffd", " ").lower())
        plain = [token.encode("ascii", "ignore").decode() for token in found]
        known = [self.words[word] for word in plain if word in self.words]
        if not known:
            some = ", ".join(sorted(self.words, key=self.words.__getitem__)[1 : SHOWN + 1])
            raise InvalidInput(
                f"The sentence {sentence!r:.60} has no word that the text encoder knows. It knows "
                f"{len(self.words)} words, such as {some}."
            )
        unknown = [word for word in plain if word and word not in self.words]
        if unknown:
            logger.info("Words that the text encoder does not know: %s", ", ".join(unknown))
        return known

    @torch.no_grad()
    def vector(self, sentence: str) -> Float[Tensor, " sentence"]:
        """The vector of a sentence.

        Raises:
            InvalidInput: no word is known.
        """
        return self.encoder(torch.tensor(self.numbers(sentence)))


def _prefix(checkpoint: Checkpoint) -> str | None:
    # One key may be missing: a damaged encoder must be reported, not ignored.
    return prefix_of(checkpoint, *KEYS, missing=1)


def _encoder(checkpoint: Checkpoint) -> TextEncoder:
    own = part_of(checkpoint, _prefix(checkpoint) or "")
    if missing := [key for key in KEYS if key not in own.tensors]:
        raise CheckpointError(
            f"{checkpoint.path.name} has a text encoder without `{missing[0]}`. Fetch it again."
        )
    words, embedding = shape_of(own, KEYS[0], 2)
    layers = 1
    while f"rnn.weight_ih_l{layers}" in own.tensors:
        layers += 1
    both = any(name.endswith("_reverse") for name in own.tensors)
    hidden = shape_of(own, KEYS[2], 2)[1]
    return load_network(TextEncoder(TextLayout(words, embedding, hidden, layers, both)), own)


@lru_cache(maxsize=4)
def _beside(path: Path, digest: str) -> TextEncoder:
    """The encoder of a file, by its hash: one for all sentences."""
    checkpoint = cached(path)
    if _prefix(checkpoint) is None:
        raise CheckpointError(
            f"{path.name} is not a text encoder of DF-GAN: `{KEYS[0]}` and `{KEYS[1]}` were "
            "expected."
        )
    return _encoder(checkpoint)


def _files(path: Path) -> tuple[Path | None, Path | None]:
    """The files of the text encoder and of the captions beside a generator's."""
    (encoder, its_encoder), (captions, its_captions) = PARTS
    words = only_beside(path, captions, its_captions, CAPTIONS)
    return (
        only_beside(path, encoder, its_encoder),
        words or only_beside(path, VOCABULARY, its_captions, CAPTIONS),
    )


def sentences_of(checkpoint: Checkpoint, length: int) -> Sentences:
    """The text encoder and the vocabulary of a generator.

    Args:
        checkpoint: the generator's file.
        length: length of the sentence vectors that it takes.

    Raises:
        CheckpointError: one is missing or damaged, or they do not fit each other or the generator.
    """
    path = checkpoint.path
    hashes: dict[str, str] = {}
    own = _prefix(checkpoint)
    encoder_file, words_file = (None, None) if own is not None else _files(path)
    if own is not None:
        encoder = _encoder(checkpoint)
    elif encoder_file is None:
        raise CheckpointError(
            f"{path.name} takes the vector of a sentence, but its text encoder is missing. Put "
            "the authors' `text_encoder*.pth` into the same folder."
        )
    else:
        hashes["text_encoder"] = fingerprint(encoder_file)[:DIGITS]
        encoder = _beside(encoder_file, fingerprint(encoder_file))
    if VOCABULARY in checkpoint.config:
        words: Mapping[str, int] = checked_words(checkpoint.config[VOCABULARY], path.name)
    elif words_file is None:
        raise CheckpointError(
            f"{path.name} has a text encoder without its vocabulary. Put the authors' "
            "`captions*.pickle`, or a `vocabulary.json` with the words in the order of their "
            'numbers under "words", into the same folder.'
        )
    else:
        hashes["vocabulary"] = fingerprint(words_file)[:DIGITS]
        words = read_words(words_file)
    layout = encoder.layout
    if max(words.values()) >= layout.words:
        raise CheckpointError(
            f"The vocabulary of {path.name} numbers words up to {max(words.values())}, but its "
            f"text encoder has vectors of {layout.words}. Take both from the same training."
        )
    if layout.sentence != length:
        raise CheckpointError(
            f"The text encoder of {path.name} makes vectors of {layout.sentence} numbers, but the "
            f"generator takes {length}. Take both from the same training."
        )
    return Sentences(encoder, words, hashes)


def text_facts(checkpoint: Checkpoint) -> dict[str, str]:
    """Which files hold the text encoder and the vocabulary, for `inspect`."""
    own = _prefix(checkpoint) is not None
    encoder, words = (None, None) if own else _files(checkpoint.path)
    missing = "missing: put it into the same folder"
    inside = VOCABULARY in checkpoint.config
    return {
        "text encoder": "in the file" if own else encoder.name if encoder else missing,
        "vocabulary": "in the file" if inside else words.name if words else missing,
    }


def _load(checkpoint: Checkpoint) -> GeneratorPart:
    encoder = _encoder(checkpoint)
    layout = encoder.layout
    facts = {"words": str(layout.words), "numbers of a sentence": str(layout.sentence)}
    return GeneratorPart(
        checkpoint.path.stem, checkpoint.sha256, "text encoder", "df-gan", encoder, facts
    )


def _parity(checkpoint: Checkpoint, arrays: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
    """Vectors of words (`words`) and of sentences (`sent`) of padded word numbers."""
    if not {"caps", "cap_lens"} <= arrays.keys():
        return {}
    encoder = _encoder(checkpoint)
    lengths = [int(length) for length in arrays["cap_lens"]]
    rows = [row[:length] for row, length in zip(arrays["caps"], lengths, strict=True)]
    words = torch.zeros(len(rows), encoder.layout.sentence, max(lengths))
    for number, row in enumerate(rows):
        words[number, :, : len(row)] = encoder.words(row)
    return {"words": words, "sent": torch.stack([encoder(row) for row in rows])}


def encoder_example(words: int, sentence: int) -> TextEncoder:
    """A small encoder, for the contract tests of generators.

    Args:
        words: number of words.
        sentence: length of a sentence's vector.
    """
    return TextEncoder(TextLayout(words, 3, sentence // 2))


TEXT_ENCODER: Architecture[GeneratorPart] = Architecture(
    id="df-gan-text-encoder",
    needs="`encoder.weight` and `rnn.weight_ih_l0`",
    recognises=lambda checkpoint: prefix_of(checkpoint, *KEYS) is not None,
    load=_load,
    examples=(lambda: Example({"": encoder_example(5, 4)}, {}),),
    parity=_parity,
)
