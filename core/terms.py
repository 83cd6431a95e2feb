"""The summands of an energy: terms, and parts that evaluate several terms together."""

from collections.abc import Callable, Hashable, Iterator
from dataclasses import dataclass, replace
from typing import Protocol, TypeAlias, runtime_checkable

from jaxtyping import Float
from torch import Tensor, nn

from .condition import Condition
from .rng import SampleRng
from .spaces import Domain

__all__ = ["AtAllSamples", "EnergyPart", "Evaluate", "Measure", "Reading", "Shared", "Term"]

Evaluate: TypeAlias = Callable[[Tensor, SampleRng], Float[Tensor, " batch"]]

AtAllSamples: TypeAlias = Callable[[Callable[[Tensor, SampleRng], Tensor]], Tensor]
"""Computes a row-wise function of points and streams at all samples, chunk by chunk."""


@runtime_checkable
class EnergyPart(Protocol):
    """A part of an energy: a term, an energy pulled back along a map, or terms that share work."""

    @property
    def domain(self) -> Domain:
        """The domain of its arguments."""
        ...

    @property
    def modules(self) -> tuple[nn.Module, ...]:
        """The networks it calls."""
        ...

    def read(self, v: Tensor, rng: SampleRng) -> Iterator["Reading"]:
        """Returns the readings of its terms at v."""
        ...

    def leaves(self) -> Iterator["Term"]:
        """Returns its terms, in the order of their readings."""
        ...

    def at(self, step: int) -> "EnergyPart":
        """Returns the part at a step of a run."""
        ...

    def decoupled(self, at_all: AtAllSamples) -> "EnergyPart":
        """Returns the part with the coupling of its samples fixed, where supported."""
        ...

    def repeated(self, each: int) -> "EnergyPart":
        """Returns the part for a batch in which each sample is repeated `each` times in a row.

        Raises:
            InvalidInput: the part compares the samples of a batch with each other.
        """
        ...


@dataclass(frozen=True)
class Measure:
    """A reading of a term to display.

    Attributes:
        name: such as "probability".
        of: maps values of the term to the reading.
    """

    name: str
    of: Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class Shared:
    """Work that terms of one energy have in common, such as the embedding of images by one CLIP.

    Attributes:
        key: equal for equal work; an energy does it once for each key and evaluation.
        work: maps the arguments of the term, row by row.
        finish: maps what the work returns, and the streams, to the values of the term.
    """

    key: Hashable
    work: Callable[[Tensor], Tensor]
    finish: Evaluate


@dataclass(frozen=True)
class Term:
    """One energy on one domain, lower is better; such as U(f(x), c) of TR0N eq. (2) on images.

    Attributes:
        label: short name for reports and errors.
        domain: domain of its arguments.
        evaluate: returns one number per sample; deterministic terms ignore the random streams.
        modules: the networks it calls.
        condition: condition that it steers towards, if any.
        coupled: whether the value of a sample depends on the other samples.
        measure: additional reading to display, such as a probability.
        within: for a density with bounded support, the projection of points onto the support;
            refiners keep latents there.
        shared: `evaluate` in two parts, of which other terms of an energy may need the first too.
    """

    label: str
    domain: Domain
    evaluate: Evaluate
    modules: tuple[nn.Module, ...] = ()
    condition: Condition | None = None
    coupled: bool = False
    measure: Measure | None = None
    within: Callable[[Tensor], Tensor] | None = None
    shared: Shared | None = None

    def __str__(self) -> str:
        return self.label

    def read(self, v: Tensor, rng: SampleRng) -> Iterator["Reading"]:
        """Returns its single reading at v."""
        yield Reading(self, 1.0, self.evaluate(v, rng))

    def leaves(self) -> Iterator["Term"]:
        """Returns itself."""
        yield self

    def at(self, step: int) -> "Term":
        """Returns itself: it is the same at each step."""
        return self

    def decoupled(self, at_all: AtAllSamples) -> "Term":
        """Returns itself: any coupling is unknown."""
        return self

    def repeated(self, each: int) -> "Term":
        """Returns the term with rows of conditions and references repeated like the samples."""

        def of(evaluate: Evaluate) -> Evaluate:
            def found(v: Tensor, rng: SampleRng) -> Tensor:
                rows = [row // each for row in rng.rows]
                return evaluate(v, SampleRng(rng.streams, rows, rng.names))

            return found

        shared = self.shared
        if shared is not None:
            shared = replace(shared, finish=of(shared.finish))
        condition = self.condition
        if condition is not None and len(condition) > 1:
            condition = condition.repeated(each)
        return replace(self, evaluate=of(self.evaluate), condition=condition, shared=shared)


@dataclass(frozen=True)
class Reading:
    """Reading of a term: unweighted values, one per sample, and their weight."""

    term: Term
    weight: float
    values: Tensor
