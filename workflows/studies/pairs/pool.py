"""The pairs of a study: the first ones of one set, which grows as more are asked for."""

import time

import torch

from ....core.auxiliary import Auxiliary
from ....core.chunking import Chunking
from ....core.generator import Generator
from ....core.pairs.pairs import Pairs
from ....core.pairs.synthesis import Drawn, Synthesis, check_dropped
from ..session import Progress

__all__ = ["PairsPool"]


class PairsPool:
    """Pairs in memory: of two numbers of pairs, the smaller set is the start of the larger.

    Args:
        generator: generator (p(z), G).
        auxiliary: auxiliary f, on the same device.
        seed: seed of the pairs.
        chunking: number of images at a time.
        device: device of the models.
        say: callback with messages on progress.

    Attributes:
        seconds: seconds spent on making pairs.
    """

    def __init__(
        self,
        generator: Generator,
        auxiliary: Auxiliary,
        *,
        seed: int,
        chunking: Chunking,
        device: torch.device,
        say: Progress,
    ) -> None:
        self._source = Synthesis(generator, (auxiliary,), seed, chunking, device)
        self._say = say
        self._parts: list[Drawn] = []
        self.seconds = 0.0

    @property
    def drawn(self) -> int:
        """Number of pairs made so far."""
        return self._parts[-1].last if self._parts else 0

    def first(self, count: int) -> Pairs:
        """Returns the first pairs, and makes those that are missing.

        Args:
            count: number of drawn pairs, at least 1.

        Raises:
            InvalidInput: more than one in a hundred not finite.
        """
        if count > self.drawn:
            self._say(f"pairs {self.drawn} to {count}")
            begun = time.perf_counter()
            self._parts.append(self._source.drawn(self.drawn, count))
            self.seconds += time.perf_counter() - begun
        gone = tuple(n for part in self._parts for n in part.dropped if n < count)
        check_dropped(len(gone), count)
        kept = count - len(gone)
        return Pairs(
            torch.cat([part.latents for part in self._parts])[:kept],
            torch.cat([part.conditions[0] for part in self._parts])[:kept],
            self._source.generator.id,
            self._source.auxiliaries[0].id,
            dropped=gone,
        )
