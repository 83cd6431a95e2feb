"""Vocabularies of text encoders: the words of a caption pickle, or of a JSON file.

AttnGAN's and DF-GAN's `captions*.pickle` hold a list: the captions of the training and of the test
images as word numbers, number to word, and word to number. Only the last is kept.
"""

import json
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from ..errors import CheckpointError
from ..files import replacing
from .cache import cache_folder
from .checkpoint import fingerprint
from .folders import read_json
from .foreign import damage
from .kinds import Kind, kind_of
from .pickles.torch_legacy import PickleFile

__all__ = ["checked_words", "read_words"]

MOST_STEPS = 20_000_000
"""Limit on the instructions of a pickle; the captions of COCO take about nine million."""
PLACE = 3
"""Place of the numbers by word in the list."""
MOST_WORDS = 1_000_000
PREFIX = 32
KEY = "words"


def read_words(path: Path) -> Mapping[str, int]:
    """Reads the number of each word.

    The words of a pickle, which takes long to read, are kept in the cache of converted files.

    Args:
        path: a caption pickle, or a JSON object whose `words` are an object of numbers by word or
            a list of words.

    Raises:
        CheckpointError: the file is missing, damaged, or holds something else.
    """
    return _read(path, fingerprint(path))


@lru_cache(maxsize=8)
def _read(path: Path, digest: str) -> Mapping[str, int]:
    if path.suffix.lower() == ".json":
        return checked_words(read_json(path).get(KEY), path.name)
    home = cache_folder()
    kept = None if home is None else home / f"{digest[:PREFIX]}.words.json"
    if kept is not None and kept.is_file():
        try:
            return checked_words(read_json(kept).get(KEY), kept.name)
        except CheckpointError:
            pass  # damaged: read the pickle again
    words = _of_pickle(path)
    if kept is not None:
        try:
            with replacing(kept) as temporary:
                temporary.write_text(json.dumps({KEY: dict(words)}), encoding="utf-8")
        except OSError:
            pass  # the cache is not writable
    return words


def _of_pickle(path: Path) -> Mapping[str, int]:
    if kind_of(path) is not Kind.PICKLE:
        raise CheckpointError(f"{path.name} is not a pickle of captions.")
    with damage(path), path.open("rb") as file:
        content: Any = PickleFile(file, path.stat().st_size, MOST_STEPS).content
    if not isinstance(content, list | tuple) or len(content) <= PLACE:
        raise CheckpointError(
            f"{path.name} is not a pickle of captions: a list of training captions, test "
            "captions, words by number and numbers by word was expected."
        )
    return checked_words(content[PLACE], path.name)


def checked_words(found: object, name: str) -> dict[str, int]:
    """Returns numbers by word, from such a mapping or from a list of words.

    Args:
        found: the mapping or the list.
        name: of the file, for messages.

    Raises:
        CheckpointError: it is neither, empty, too long, or has other entries.
    """
    if isinstance(found, list):
        found = {word: number for number, word in enumerate(found) if isinstance(word, str)}
    if not isinstance(found, Mapping) or not 0 < len(found) <= MOST_WORDS:
        raise CheckpointError(
            f"{name} has no vocabulary: an object of numbers by word was expected."
        )
    for word, number in found.items():
        whole = isinstance(number, int) and not isinstance(number, bool) and number >= 0
        if not isinstance(word, str) or not whole:
            raise CheckpointError(
                f"{name}: the vocabulary has the entry {word!r:.40}: {number!r:.40}; words with "
                "numbers from 0 on were expected."
            )
    return dict(found)  # pyright: ignore[reportArgumentType]
