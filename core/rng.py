"""Explicit randomness: one CPU stream per sample, so that a batch equals its samples."""

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
"""Number of 32-bit words in the state of a Mersenne Twister, MT19937."""
SEED, FIRST = 0, 3
"""Offsets in PyTorch's state of a CPU generator, in 64-bit words: seed, state words."""


def digest_of(*parts: object) -> int:
    """Returns 64 bits that depend on all parts, the same on every machine and version."""
    text = "\x1f".join(str(part) for part in parts)
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big")


def stream_of(*parts: object) -> torch.Generator:
    """Returns the CPU stream with this name; two names share one with probability 2^-64."""
    return stream(digest_of(*parts))


def stream(seed: int) -> torch.Generator:
    """Returns a CPU stream that depends on all 64 bits of a seed.

    `torch.Generator.manual_seed` initialises its Mersenne Twister from the low 32 bits alone:
    among 77,000 seeds, two probably share their stream. Here the 624 words of the state are
    SHAKE-128 of the seed. `initial_seed` returns the seed, modulo 2^64.

    Args:
        seed: any integer; seeds that agree modulo 2^64 are equivalent.
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
    """State of a seeded generator before its first draw: the next draw mixes all words."""
    return torch.Generator().manual_seed(0).get_state().numpy().view(np.uint64).copy()


def derive_seed(*parts: object) -> int:
    """Returns a 63-bit seed that depends on all parts, the same on every machine and version."""
    return digest_of(*parts) >> 1


class SampleRng:
    """The identity of a batch's samples: rows in the whole batch, random streams, and names.

    Streams are on the CPU, so draws do not depend on the device. Row i draws from its own stream
    only, so a sample's draws depend neither on the others nor on its position.

    Args:
        streams: one generator per row.
        rows: position of each row in the whole batch; selects its row of a condition.
        names: number that identifies each row at any position and decides its place in a chunk
            (see `core.chunking`): for a sample, its own number; for one of several runs of a
            sample, a number derived from the sample's name and the run's. The rows if None.
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
        """Returns the streams of a run.

        Args:
            seed: seed of the run.
            samples: number of samples, or their names (sample 3 alone draws as in a batch).
            purpose: separates runs that share a seed ("prior", "langevin" ...).
        """
        names = range(samples) if isinstance(samples, int) else samples
        streams = [stream_of(seed, n, purpose) for n in names]
        return cls(streams, range(len(streams)), names)

    def after(self, history: Sequence[int]) -> "SampleRng":
        """Returns the same rows, with new streams where earlier work has drawn from a row.

        Args:
            history: number of earlier runs per row; a row with 0 keeps its stream. A new stream
                depends on the row's stream and this number alone, not on what was drawn.
        """
        pairs = zip(self.streams, history, strict=True)
        streams = [stream_of(s.initial_seed(), "after", n) if n else s for s, n in pairs]
        return SampleRng(streams, self.rows, self.names)

    def __len__(self) -> int:
        return len(self.streams)

    def part(self, first: int, last: int, size: int | None = None) -> "SampleRng":
        """Returns the rows first to last; padded to `size` as in `taken`."""
        own = range(len(self))[first:last]
        return self.taken([*own, *[None] * ((size or 0) - len(own))])

    def taken(self, rows: Sequence[int | None]) -> "SampleRng":
        """Selects rows by position; None is a copy of the last one with another stream."""
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
        """Returns the same rows and streams under other names."""
        return SampleRng(self.streams, self.rows, names)

    def normal(self, *shape: int, like: Tensor) -> Float[Tensor, "batch ..."]:
        """Draws standard normals, one tensor of `shape` per row, placed and typed like `like`."""
        # Always drawn in float32, so that a float64 run sees the same noise.
        drawn = [torch.randn(shape, generator=stream) for stream in self.streams]
        return placed(_stack(drawn, shape), like)

    def uniform(self, *shape: int, like: Tensor) -> Float[Tensor, "batch ..."]:
        """Draws from [0, 1), one tensor of `shape` per row."""
        drawn = [torch.rand(shape, generator=stream) for stream in self.streams]
        return placed(_stack(drawn, shape), like)

    def state(self) -> UInt8[Tensor, "batch bytes"]:
        """Returns the state of every stream, to resume from."""
        return torch.stack([stream.get_state() for stream in self.streams])

    def restored(self, state: UInt8[Tensor, "batch bytes"]) -> "SampleRng":
        """Returns the same rows with their streams reset to an earlier `state`."""
        if len(state) != len(self):
            raise InvalidInput(f"Random state of {len(state)} samples for {len(self)} rows.")
        streams = [torch.Generator() for _ in state]
        for stream, row in zip(streams, state, strict=True):
            stream.set_state(row.clone())
        return SampleRng(streams, self.rows, self.names)


def _stack(drawn: list[Tensor], shape: tuple[int, ...]) -> Tensor:
    return torch.stack(drawn) if drawn else torch.empty(0, *shape)
