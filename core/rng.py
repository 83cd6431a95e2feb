"""Randomness as an argument: one CPU stream per sample, so that a batch equals its members."""

import hashlib
from collections.abc import Sequence
from functools import cache

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from .devices import placed
from .errors import InvalidInput

__all__ = ["SampleRng", "derive_seed", "digest_of", "stream", "stream_of"]

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


def derive_seed(*parts: object) -> int:
    """A 63-bit seed that depends on all the parts, the same on every machine and version."""
    return digest_of(*parts) >> 1


class SampleRng:
    """Who the samples of a batch are: rows in the whole batch, random streams, and names.

    Streams live on the CPU whatever the device, so that the draws do not depend on it. Row i draws
    from its own stream only: what a sample gets depends neither on the others nor on its place.

    Args:
        streams: one generator per row.
        rows: each row's place in the whole batch; a condition with a row per sample is read by it.
        names: the number that each row goes by wherever it stands, which decides its place in a
            chunk (see `core.chunking`): of a sample that which names it, of one among several runs
            of a sample what follows from the sample's name and the run's; the rows if None.
    """

    def __init__(
        self,
        streams: Sequence[torch.Generator],
        rows: Sequence[int],
        names: Sequence[int] | None = None,
    ) -> None:
        if len(streams) != len(rows):
            raise InvalidInput(f"{len(streams)} random streams for {len(rows)} rows.")
        self.streams = tuple(streams)
        self.rows = tuple(rows)
        self.names = self.rows if names is None else tuple(names)
        if len(self.names) != len(self.rows):
            raise InvalidInput(f"{len(self.names)} names for {len(self.rows)} rows.")

    @classmethod
    def of(cls, seed: int, samples: int | Sequence[int], purpose: str = "") -> "SampleRng":
        """Streams of a run.

        Args:
            seed: of the run.
            samples: how many, or the number that names each (sample 3 alone draws as in a batch).
            purpose: keeps apart runs that share a seed ("prior", "langevin" ...).
        """
        names = range(samples) if isinstance(samples, int) else samples
        streams = [stream_of(seed, n, purpose) for n in names]
        return cls(streams, range(len(streams)), names)

    def after(self, history: Sequence[int]) -> "SampleRng":
        """The same rows with fresh streams for those that work has drawn for before.

        Args:
            history: how often, a number per row; a row with 0 keeps its stream. A stream follows
                from its row's and the number alone, whatever was drawn from either.
        """
        pairs = zip(self.streams, history, strict=True)
        streams = [stream_of(s.initial_seed(), "after", n) if n else s for s, n in pairs]
        return SampleRng(streams, self.rows, self.names)

    def __len__(self) -> int:
        return len(self.streams)

    def part(self, first: int, last: int, size: int | None = None) -> "SampleRng":
        """The rows first to last; padded to `size` as `taken`."""
        own = range(len(self))[first:last]
        return self.taken([*own, *[None] * ((size or 0) - len(own))])

    def taken(self, rows: Sequence[int | None]) -> "SampleRng":
        """Some rows, by where they stand here; None is a copy of the last with another stream."""
        own = [row for row in rows if row is not None]
        if len(own) == len(rows) and own and own == list(range(own[0], own[0] + len(own))):
            span = slice(own[0], own[0] + len(own))
            return SampleRng(self.streams[span], self.rows[span], self.names[span])
        found = [own[-1] if row is None else row for row in rows]
        streams = [
            torch.Generator().manual_seed(place) if row is None else self.streams[row]
            for place, row in enumerate(rows)
        ]
        return SampleRng(
            streams, [self.rows[row] for row in found], [self.names[row] for row in found]
        )

    def named(self, names: Sequence[int]) -> "SampleRng":
        """The same rows and streams under other names."""
        return SampleRng(self.streams, self.rows, names)

    def normal(self, *shape: int, like: Tensor) -> Float[Tensor, "batch ..."]:
        """Standard normal draws, one tensor of `shape` per row, placed and typed like `like`."""
        # Drawn in float32 always: a float64 run then sees the same noise.
        drawn = [torch.randn(shape, generator=stream) for stream in self.streams]
        return placed(_stack(drawn, shape), like)

    def uniform(self, *shape: int, like: Tensor) -> Float[Tensor, "batch ..."]:
        """Draws from [0, 1), one tensor of `shape` per row."""
        drawn = [torch.rand(shape, generator=stream) for stream in self.streams]
        return placed(_stack(drawn, shape), like)

    def state(self) -> UInt8[Tensor, "batch bytes"]:
        """The state of every stream, to resume from."""
        return torch.stack([stream.get_state() for stream in self.streams])

    def restored(self, state: UInt8[Tensor, "batch bytes"]) -> "SampleRng":
        """The same rows with their streams at an earlier `state`."""
        if len(state) != len(self):
            raise InvalidInput(f"Random state of {len(state)} samples for {len(self)} rows.")
        streams = [torch.Generator() for _ in state]
        for stream, row in zip(streams, state, strict=True):
            stream.set_state(row.clone())
        return SampleRng(streams, self.rows, self.names)


def _stack(drawn: list[Tensor], shape: tuple[int, ...]) -> Tensor:
    return torch.stack(drawn) if drawn else torch.empty(0, *shape)
