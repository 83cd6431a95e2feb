"""Synthesis of pairs (z, f(G(z))) from the prior alone, TR0N Algorithm 1."""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from jaxtyping import Float
from torch import Tensor

from ..auxiliary import Auxiliary
from ..chunking import Chunking
from ..devices import placed, threads_for
from ..errors import InvalidInput
from ..generator import Generator
from ..rng import SampleRng
from .balance import balanced_draws, classed_prior
from .origin import Origin

__all__ = ["MOST_DROPPED", "Drawn", "Synthesis", "check_count", "check_dropped"]

MOST_DROPPED = 0.01
"""Largest share of pairs that may be dropped."""
BLOCK = 1024
"""Pairs whose conditions stay on the device until they are copied together."""
CACHED_PIXELS = 1 << 16
"""Pixels at a time on a CPU, whose caches then hold the activations."""
CACHED_ROWS = 8
"""Rows at a time at least on a CPU, so that large images use the weights more than once."""
Report = Callable[[int], None]
"""Callback with the number of pairs done."""


@dataclass(frozen=True)
class Drawn:
    """Consecutive pairs, drawn and seen, without those that are not finite.

    Attributes:
        first: number of the first drawn pair.
        last: number after the last drawn pair.
        dropped: numbers of the dropped pairs.
        latents: (pairs, dim), on the CPU.
        conditions: (pairs, embed) for each auxiliary, on the CPU.
    """

    first: int
    last: int
    dropped: tuple[int, ...]
    latents: Float[Tensor, "pairs dim"]
    conditions: tuple[Tensor, ...]


@dataclass(frozen=True)
class Synthesis:
    """Source of pairs: pair n depends on its number, on the models, and on these settings alone.

    Attributes:
        generator: generator (p(z), G).
        auxiliaries: one or more f; each image is rendered once for all.
        seed: seed of the pairs. Each pair has its own stream, so n pairs are the first n of any
            larger set, to the bit if the chunking is fixed.
        chunking: number of images at a time. On a CPU a chunk that is not fixed is processed in
            parts, which is faster there: digits, for example, 83 at a time rather than 1337.
        device: device of the models.
        balanced: whether pair n has class n modulo the number of classes.
        noise: gamma of eq. (12), the standard deviation of isotropic noise added to conditions,
            drawn once per pair. `Training.condition_noise` draws it again for every batch.

    Raises:
        InvalidInput: no auxiliary, a negative noise, or `balanced` without classes.
    """

    generator: Generator
    auxiliaries: tuple[Auxiliary, ...]
    seed: int
    chunking: Chunking
    device: torch.device
    balanced: bool = False
    noise: float = 0.0

    def __post_init__(self) -> None:
        if not self.auxiliaries:
            raise InvalidInput("No auxiliary given for the pairs; at least 1 is needed.")
        if not 0 <= self.noise < math.inf:
            raise InvalidInput(f"Noise {self.noise}; expected a number of at least 0.")
        if self.balanced:
            classed_prior(self.generator)

    @property
    def origin(self) -> Origin:
        """What decides the values of the pairs."""
        return Origin.of(
            self.generator,
            self.auxiliaries,
            seed=self.seed,
            balanced=self.balanced,
            noise=self.noise,
            chunking=self.chunking,
        )

    @torch.no_grad()
    def drawn(self, first: int, last: int, report: Report = lambda done: None) -> Drawn:
        """Returns the pairs numbered first to last - 1.

        Args:
            first: number of the first pair; a multiple of the chunk's size repeats to the bit
                where the chunking is not fixed.
            last: number after the last pair.
            report: callback after every chunk, with the number of pairs done since `first`; may
                raise to stop.
        """
        networks = [module for f in self.auxiliaries for module in f.modules]
        size = self.chunking.size
        step = size * max(1, BLOCK // size)
        latents: list[Tensor] = []
        conditions: list[tuple[Tensor, ...]] = []
        with threads_for(
            (*self.generator.modules, *networks),
            rows=size,
            device=self.device,
            image_size=self.generator.image_size,
        ):
            for begin in range(first, last, step):
                numbers = range(begin, min(begin + step, last))
                done = begin - first
                z, seen = self._block(numbers, lambda rows, done=done: report(done + rows))
                latents.append(z)
                conditions.append(seen)
        columns = tuple(torch.cat(column) for column in zip(*conditions, strict=True))
        return _finite(first, last, torch.cat(latents), columns)

    def _block(self, numbers: range, report: Report) -> tuple[Tensor, tuple[Tensor, ...]]:
        like = torch.empty(0, device=self.device)
        rng = SampleRng.of(self.seed, numbers, "pairs")
        if self.balanced:
            z = balanced_draws(classed_prior(self.generator), rng, like)
        else:
            z = self.generator.prior.sample(rng, like)

        def seen(rows: Tensor, part: SampleRng) -> tuple[Tensor, ...]:
            images = self.generator(rows, part)
            return tuple(f.embed(images) for f in self.auxiliaries)

        found = self._parts().apply_random(seen, z, rng, report)
        if self.noise > 0:
            found = tuple(
                c + self.noise * placed(self._noise(f, numbers, c.shape[1]), c)
                for f, c in zip(self.auxiliaries, found, strict=True)
            )
        return z.cpu(), tuple(c.cpu() for c in found)

    def _parts(self) -> Chunking:
        """Returns the chunks of the networks."""
        if self.chunking.padded or self.device.type != "cpu":
            return self.chunking
        rows = CACHED_PIXELS // math.prod(self.generator.image_size)
        return replace(self.chunking, size=min(self.chunking.size, max(CACHED_ROWS, rows)))

    def _noise(self, auxiliary: Auxiliary, numbers: range, width: int) -> Tensor:
        rng = SampleRng.of(self.seed, numbers, f"pairs noise {auxiliary.id}")
        return rng.normal(width, like=torch.empty(0))


def _finite(first: int, last: int, latents: Tensor, conditions: tuple[Tensor, ...]) -> Drawn:
    kept = latents.isfinite().all(dim=1)
    for c in conditions:
        kept &= c.isfinite().all(dim=1)
    if bool(kept.all()):
        return Drawn(first, last, (), latents, conditions)
    gone = tuple(first + int(row) for row in torch.nonzero(~kept)[:, 0])
    return Drawn(first, last, gone, latents[kept], tuple(c[kept] for c in conditions))


def check_count(count: int) -> None:
    """Checks a number of pairs.

    Raises:
        InvalidInput: fewer than 1.
    """
    if count < 1:
        raise InvalidInput(f"{count} synthetic pairs requested; at least 1 is needed.")


def check_dropped(dropped: int, drawn: int) -> None:
    """Checks how many pairs were dropped.

    Raises:
        InvalidInput: more than one in a hundred.
    """
    if dropped > MOST_DROPPED * drawn:
        raise InvalidInput(
            f"{dropped} of {drawn} pairs are not finite and were dropped; at most 1 in 100 may "
            "be. Check the generator and the auxiliary: 16-bit weights overflow easily."
        )
