"""Random streams whose every bit of the seed counts."""

import hashlib
from functools import cache

import numpy as np
import torch

__all__ = ["digest_of", "stream", "stream_of"]

WORDS = 624
"""Numbers of 32 bits in the state of a Mersenne Twister, MT19937."""
SEED, FIRST = 0, 3
"""Places in PyTorch's state of a CPU generator, in numbers of 64 bits: the seed, the words."""


def digest_of(*parts: object) -> int:
    """64 bits that depend on all the parts, the same on every machine and version."""
    text = "\x1f".join(str(part) for part in parts)
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big")


def stream_of(*parts: object) -> torch.Generator:
    """The CPU stream of whatever names it: two names share one with a chance of 2^-64."""
    return stream(digest_of(*parts))


def stream(seed: int) -> torch.Generator:
    """A CPU stream of which all 64 bits of a seed count.

    `torch.Generator.manual_seed` initialises its Mersenne Twister by the low 32 bits alone, so
    that among 77,000 seeds two share their stream more likely than not. Here the 624 words of the
    state are SHAKE-128 of the seed. `initial_seed` gives the seed, modulo 2^64.

    Args:
        seed: any whole number; seeds that agree modulo 2^64 are the same.
    """
    seed %= 2**64
    state = _template().copy()
    words = hashlib.shake_128(seed.to_bytes(8, "big")).digest(4 * WORDS)
    state[SEED] = seed
    state[FIRST : FIRST + WORDS] = np.frombuffer(words, dtype="<u4")
    made = torch.Generator()
    made.set_state(torch.from_numpy(state.view(np.uint8)))
    return made


@cache
def _template() -> np.ndarray:
    """The state of a seeded generator that has drawn nothing: the next draw mixes all words."""
    return torch.Generator().manual_seed(0).get_state().numpy().view(np.uint64).copy()
