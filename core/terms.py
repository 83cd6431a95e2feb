"""What an energy is a sum of: terms, and parts that evaluate several terms together."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Protocol, TypeAlias, runtime_checkable

from jaxtyping import Float
from torch import Tensor, nn

from .condition import Condition
from .rng import SampleRng
from .spaces import Domain

__all__ = ["AtAllSamples", "EnergyPart", "Evaluate", "Measure", "Reading", "Term"]

Evaluate: TypeAlias = Callable[[Tensor, SampleRng], Float[Tensor, " batch"]]

AtAllSamples: TypeAlias = Callable[[Callable[[Tensor, SampleRng], Tensor]], Tensor]
"""Computes a row-wise function of points and streams at all samples, chunk by chunk."""


@runtime_checkable
class EnergyPart(Protocol):
    """A part of an energy: a term, an energy pulled back along a map, or terms that share work."""

    @property
    def domain(self) -> Domain:
        """Where its arguments live."""
        ...

    @property
    def modules(self) -> tuple[nn.Module, ...]:
        """The networks it calls."""
        ...

    def read(self, v: Tensor, rng: SampleRng) -> Iterator["Reading"]:
        """The readings of its terms at v."""
        ...

    def leaves(self) -> Iterator["Term"]:
        """Its terms, in the order in which they are read."""
        ...

    def at(self, step: int) -> "EnergyPart":
        """The part as it is at a step of a run."""
        ...

    def decoupled(self, at_all: AtAllSamples) -> "EnergyPart":
        """The part with what couples its samples fixed as it is at them, where it can be."""
        ...

    def repeated(self, each: int) -> "EnergyPart":
        """The part of a batch in which every sample stands `each` times, side by side.

        Raises:
            InvalidInput: it compares the samples of a batch with each other.
        """
        ...


@dataclass(frozen=True)
class Measure:
    """A reading of a term to display.

    Attributes:
        name: such as "probability".
        of: from the term's values to the reading.
    """

    name: str
    of: Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class Term:
    """One energy on one domain: lower is better. U(f(x), c) of TR0N eq. (2) is one on images.

    Attributes:
        label: short name for reports and errors.
        domain: where its arguments live.
        evaluate: one number per sample; deterministic terms ignore the random streams.
        modules: the networks it calls.
        condition: what it steers towards, where it has one.
        coupled: whether a sample's value depends on the other samples.
        measure: a reading to display, such as a probability.
        within: for a density with bounded support, the nearest point of the support to points of
            the domain; refiners keep latents there.
    """

    label: str
    domain: Domain
    evaluate: Evaluate
    modules: tuple[nn.Module, ...] = ()
    condition: Condition | None = None
    coupled: bool = False
    measure: Measure | None = None
    within: Callable[[Tensor], Tensor] | None = None

    def __str__(self) -> str:
        return self.label

    def read(self, v: Tensor, rng: SampleRng) -> Iterator["Reading"]:
        """Its one reading at v."""
        yield Reading(self, 1.0, self.evaluate(v, rng))

    def leaves(self) -> Iterator["Term"]:
        """Itself."""
        yield self

    def at(self, step: int) -> "Term":
        """Itself: it is the same at every step."""
        return self

    def decoupled(self, at_all: AtAllSamples) -> "Term":
        """Itself: how it is coupled, if it is, is unknown."""
        return self

    def repeated(self, each: int) -> "Term":
        """The term, its rows of conditions and references repeated along with the samples."""

        def evaluate(v: Tensor, rng: SampleRng) -> Tensor:
            rows = [row // each for row in rng.rows]
            return self.evaluate(v, SampleRng(rng.streams, rows, rng.names))

        condition = self.condition
        if condition is not None and len(condition) > 1:
            condition = condition.repeated(each)
        return replace(self, evaluate=evaluate, condition=condition)


@dataclass(frozen=True)
class Reading:
    """What one term gives: unweighted values, one per sample, and the weight they carry."""

    term: Term
    weight: float
    values: Tensor
