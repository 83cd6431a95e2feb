"""Pairs of latents and the conditions of their images, c = f(G(z)), TR0N section 3.2."""

from collections.abc import Iterator
from dataclasses import dataclass

from jaxtyping import Float, Int
from torch import Tensor

from ..errors import ConditionMismatch, GeneratorMismatch
from ..identity import check_options, same_auxiliary
from .origin import Origin

__all__ = ["Pairs"]


@dataclass(frozen=True, eq=False)
class Pairs:
    """Latents and the conditions of their images, in memory.

    `core.pairs.stored.StoredPairs` are the same in a folder.

    Attributes:
        latents: (pairs, dim).
        conditions: (pairs, embed).
        generator: id of the generator, with its options; unknown and unchecked if empty.
        auxiliary: id of f; unknown and unchecked if empty.
        origin: what makes the pairs again; None if unknown.
        dropped: numbers of drawn pairs that were dropped, since a value was not finite.
    """

    latents: Float[Tensor, "pairs dim"]
    conditions: Float[Tensor, "pairs embed"]
    generator: str = ""
    auxiliary: str = ""
    origin: Origin | None = None
    dropped: tuple[int, ...] = ()

    def __len__(self) -> int:
        return len(self.conditions)

    def blocks(self, size: int) -> Iterator[tuple[int, Float[Tensor, "rows embed"]]]:
        """Yields the conditions in order, `size` at a time, each with its first pair's number."""
        for first in range(0, len(self), size):
            yield first, self.conditions[first : first + size]

    def pieces(
        self, first: int, last: int, size: int, *, shared: bool = False
    ) -> Iterator[Float[Tensor, "rows embed"]]:
        """Yields the conditions numbered first to last - 1 in order, at most `size` at a time.

        Unlike blocks, pieces may be smaller than `size`: they are never joined from two files.

        Args:
            first: number of the first pair.
            last: number after that of the last pair.
            size: number of pairs of a piece.
            shared: whether a piece may take over the memory of the one before. Fresh memory for
                each piece can cost the system more than a product with it.
        """
        for begin in range(first, last, size):
            yield self.conditions[begin : min(begin + size, last)]

    def conditions_of(self, numbers: Int[Tensor, " rows"]) -> Float[Tensor, "rows embed"]:
        """Returns the conditions of the pairs with the given numbers."""
        return self.conditions[numbers]

    def latents_of(self, numbers: Int[Tensor, " rows"]) -> Float[Tensor, "rows dim"]:
        """Returns the latents of the pairs with the given numbers."""
        return self.latents[numbers]

    def release(self) -> None:
        """Frees what is held of files, which the next read opens again; nothing is lost."""

    def check_generator(self, generator: str, name: str, *, against: str) -> None:
        """Checks that the pairs are of a generator.

        Args:
            generator: id of the generator, with its options.
            name: name of the generator, for messages.
            against: what the generator belongs to, for messages, such as "the translator is for".

        Raises:
            GeneratorMismatch: the pairs are of other weights or options.
        """
        if not self.generator:
            return
        if self.generator != generator:
            raise GeneratorMismatch(
                f"The pairs are of another generator ({self.generator[:12]}) than "
                f"{against}, {name!r} ({generator[:12]}). Make pairs with {name!r}."
            )
        cure = "make pairs with the generator as it is loaded now"
        check_options("The pairs", self.generator, generator, name, cure, against=against)

    def check_auxiliary(self, auxiliary: str, name: str, *, against: str) -> None:
        """Checks that the pairs' conditions are of an auxiliary.

        Args:
            auxiliary: id of the auxiliary.
            name: name of the auxiliary, for messages.
            against: what the auxiliary belongs to, for messages.

        Raises:
            ConditionMismatch: the conditions are of another auxiliary.
        """
        if self.auxiliary and not same_auxiliary(self.auxiliary, auxiliary):
            raise ConditionMismatch(
                f"The pairs' conditions are of another auxiliary than {against}, "
                f"{name!r}. Make pairs with {name!r}."
            )
