"""Randomness as an argument: one CPU stream per sample, so that a batch equals its members."""

import hashlib
from collections.abc import Sequence

import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from .devices import placed
from .errors import InvalidInput

__all__ = ["SampleRng", "derive_seed"]


def derive_seed(*parts: object) -> int:
    """A 63-bit seed that depends on all the parts, the same on every machine and version."""
    text = "\x1f".join(str(part) for part in parts)
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big") >> 1


class SampleRng:
    """Who the samples of a batch are: their rows in the whole batch, and their random streams.

    Streams live on the CPU whatever the device, so that the draws do not depend on it. Row i draws
    from its own stream only: what a sample gets depends neither on the others nor on its place.

    Args:
        streams: one generator per row.
        rows: each row's place in the whole batch; a condition with a row per sample is read by it.
    """

    def __init__(self, streams: Sequence[torch.Generator], rows: Sequence[int]) -> None:
        if len(streams) != len(rows):
            raise InvalidInput(f"{len(streams)} random streams for {len(rows)} rows.")
        self.streams = tuple(streams)
        self.rows = tuple(rows)

    @classmethod
    def of(cls, seed: int, samples: int | Sequence[int], purpose: str = "") -> "SampleRng":
        """Streams of a run.

        Args:
            seed: of the run.
            samples: how many, or the number that names each (sample 3 alone draws as in a batch).
            purpose: keeps apart runs that share a seed ("prior", "langevin" ...).
        """
        names = range(samples) if isinstance(samples, int) else samples
        streams = [torch.Generator().manual_seed(derive_seed(seed, n, purpose)) for n in names]
        return cls(streams, range(len(streams)))

    def __len__(self) -> int:
        return len(self.streams)

    def part(self, first: int, last: int, size: int | None = None) -> "SampleRng":
        """The rows first to last; padded to `size` with throw-away streams of the last row."""
        streams, rows = list(self.streams[first:last]), list(self.rows[first:last])
        for pad in range((size or 0) - len(rows)):
            streams.append(torch.Generator().manual_seed(pad))
            rows.append(rows[-1])
        return SampleRng(streams, rows)

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
        return SampleRng(streams, self.rows)


def _stack(drawn: list[Tensor], shape: tuple[int, ...]) -> Tensor:
    return torch.stack(drawn) if drawn else torch.empty(0, *shape)
