"""Energies as data: a tuple of weighted terms that adds, scales, and pulls back along maps."""

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Protocol, TypeAlias, runtime_checkable

import torch
from jaxtyping import Float
from torch import Tensor, nn

from .chunking import ALL_AT_ONCE, Chunking
from .condition import Condition
from .errors import DomainMismatch
from .rng import SampleRng
from .spaces import Domain, Map, Space

__all__ = ["Energy", "Evaluate", "Everywhere", "Measure", "Part", "Reading", "Term"]

Evaluate: TypeAlias = Callable[[Tensor, SampleRng], Float[Tensor, " batch"]]

Everywhere: TypeAlias = Callable[[Callable[[Tensor, SampleRng], Tensor]], Tensor]
"""Computes a row-wise function of points and streams at all samples, chunk by chunk."""


@runtime_checkable
class Part(Protocol):
    """What an energy is a sum of: a term, one seen through a map, terms that share their work."""

    @property
    def domain(self) -> Domain:
        """Where its arguments live."""
        ...

    @property
    def modules(self) -> tuple[nn.Module, ...]:
        """The networks it calls."""
        ...

    def read(self, v: Tensor, rng: SampleRng) -> Iterator["Reading"]:
        """What its terms say at v."""
        ...

    def leaves(self) -> Iterator["Term"]:
        """Its terms proper, in the order in which they are read."""
        ...

    def at(self, step: int) -> "Part":
        """As it is at a step of a run."""
        ...

    def settled(self, everywhere: Everywhere) -> "Part":
        """With what couples its samples fixed as it is at them, where it can be."""
        ...


@dataclass(frozen=True)
class Measure:
    """A reading of a term for people.

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
        measure: a reading for people, such as a probability.
        within: the nearest point where its value holds, of points of its domain, for a density
            that ends somewhere; refiners keep latents there.
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

    def settled(self, everywhere: Everywhere) -> "Term":
        """Itself: nothing is known of how it is coupled, where it is."""
        return self


@dataclass(frozen=True)
class Pullback:
    """An energy seen through a map, E(m(v)): one evaluation of the map serves all its terms."""

    map: Map
    inner: "Energy"

    @property
    def domain(self) -> Space:
        """The map's source."""
        return self.map.source

    @property
    def modules(self) -> tuple[nn.Module, ...]:
        """The map's networks and the energy's."""
        return self.map.modules + self.inner.modules

    def __str__(self) -> str:
        return f"({self.inner})∘{self.map}"

    def read(self, v: Tensor, rng: SampleRng) -> Iterator["Reading"]:
        """The readings of the inner energy at the map's value."""
        return self.inner.read(self.map(v, rng), rng)

    def leaves(self) -> Iterator[Term]:
        """The inner energy's terms."""
        return self.inner.leaves()

    def at(self, step: int) -> "Pullback":
        """With the inner energy as it is at a step."""
        return replace(self, inner=self.inner.at(step))

    def settled(self, everywhere: Everywhere) -> "Pullback":
        """With the inner energy settled at the map's values."""

        def there(function: Callable[[Tensor, SampleRng], Tensor]) -> Tensor:
            return everywhere(lambda v, rng: function(self.map(v, rng), rng))

        return replace(self, inner=self.inner.settled(there))


@dataclass(frozen=True)
class Reading:
    """What one term said: unweighted values, one per sample, and the weight they carry."""

    term: Term
    weight: float
    values: Tensor


@dataclass(frozen=True)
class Energy:
    """A weighted sum of terms.

    Terms of several domains may stand together until the energy is evaluated: pulled back along a
    generator, those on images go through it and those on its latents stay.
    """

    terms: tuple[tuple[float, Part], ...]

    @classmethod
    def of(cls, term: Part) -> "Energy":
        """The energy of one term with weight 1."""
        return cls(((1.0, term),))

    def __add__(self, other: "Energy") -> "Energy":
        return Energy(self.terms + other.terms)

    def __rmul__(self, factor: float) -> "Energy":
        return Energy(tuple((factor * weight, term) for weight, term in self.terms))

    def __str__(self) -> str:
        return " + ".join(f"{weight:g}·{term}" for weight, term in self.terms)

    def __call__(self, v: Float[Tensor, "batch ..."], rng: SampleRng) -> Float[Tensor, " batch"]:
        """The energy of every sample.

        Raises:
            DomainMismatch: a term lives elsewhere than v.
        """
        values = [reading.weight * reading.values for reading in self.read(v, rng)]
        return sum(values[1:], start=values[0])

    def read(self, v: Tensor, rng: SampleRng) -> Iterator[Reading]:
        """What every term says, apart."""
        for weight, term in self.terms:
            self._check_domain(term, v)
            for reading in term.read(v, rng):
                yield Reading(reading.term, weight * reading.weight, reading.values)

    def leaves(self) -> Iterator[Term]:
        """The terms proper, in order, whatever maps they are seen through."""
        for _, term in self.terms:
            yield from term.leaves()

    @property
    def modules(self) -> tuple[nn.Module, ...]:
        """The networks that an evaluation calls, each once."""
        return tuple(dict.fromkeys(m for _, term in self.terms for m in term.modules))

    @property
    def coupled(self) -> bool:
        """Whether a sample's value depends on the other samples."""
        return any(term.coupled for term in self.leaves())

    def names(self) -> tuple[str, ...]:
        """A name for each of the terms proper: its label, numbered where two share it."""
        found: list[str] = []
        for leaf in self.leaves():
            number, name = 2, leaf.label
            while name in found:
                name = f"{leaf.label} {number}"
                number += 1
            found.append(name)
        return tuple(found)

    def at(self, step: int) -> "Energy":
        """The energy as it is at a step of a run, for parts that change on the way."""
        return Energy(tuple((weight, term.at(step)) for weight, term in self.terms))

    def settled(self, everywhere: Everywhere) -> "Energy":
        """The energy with what couples its samples fixed, where a part can do so.

        Args:
            everywhere: to look at the samples with.
        """
        return Energy(
            tuple(
                (weight, term.settled(everywhere) if _coupled(term) else term)
                for weight, term in self.terms
            )
        )

    def settled_at(self, v: Tensor, rng: SampleRng, chunking: Chunking) -> "Energy":
        """The energy settled at these samples: value and gradient there are the same.

        It sees them once more, without a graph, a chunk at a time. A map that draws from the
        streams draws there what it draws first in an evaluation. With padded chunks it does so
        whatever the number of samples, so that the networks always see as many rows.

        Args:
            v: all samples.
            rng: their streams, which are left as they are.
            chunking: how many samples the networks see at a time.
        """
        if not self.coupled or (len(v) <= chunking.size and not chunking.padded):
            return self

        @torch.no_grad()
        def everywhere(function: Callable[[Tensor, SampleRng], Tensor]) -> Tensor:
            streams = rng.restored(rng.state())
            return chunking.apply_random(lambda x, part: (function(x, part),), v, streams)[0]

        return self.settled(everywhere)

    def chunking(self, wanted: Chunking) -> Chunking:
        """How many samples may be evaluated at a time: all, where they are coupled."""
        return ALL_AT_ONCE if self.coupled else wanted

    def signature(self) -> str:
        """A digest of the terms and their conditions: equal for energies that say the same."""
        # The text rounds the weights.
        digest = hashlib.sha256(f"{self} {[weight for weight, _ in self.terms]}".encode())
        for term in self.leaves():
            if term.condition is not None:
                digest.update(term.condition.auxiliary.encode())
                digest.update(term.condition.embedding.cpu().contiguous().numpy().tobytes())
        return digest.hexdigest()

    def pullback(self, along: Map) -> "Energy":
        """The energy as a function on the map's source; terms that live there already stay.

        Raises:
            DomainMismatch: a term lives neither on the map's target nor on its source.
        """
        if along.source == along.target:
            return self
        through = tuple(t for t in self.terms if t[1].domain == along.target)
        staying = tuple(t for t in self.terms if t[1].domain == along.source)
        for _, term in self.terms:
            if term.domain not in (along.target, along.source):
                raise DomainMismatch(
                    f"The term {term} lives on {term.domain}, but {along} maps {along.source} to "
                    f"{along.target}. Build the term for this generator."
                )
        pulled = ((1.0, Pullback(along, Energy(through))),) if through else ()
        return Energy(staying + pulled)

    def check_batch(self, batch: int) -> None:
        """Refuses a batch whose size does not fit a term's condition."""
        for term in self.leaves():
            if term.condition is not None:
                term.condition.check_batch(batch)

    def _check_domain(self, term: Part, v: Tensor) -> None:
        if isinstance(term.domain, Space):
            fits, form = (
                v.ndim == 2 and v.shape[1] == term.domain.dim,
                f"(batch, {term.domain.dim})",
            )
        else:
            fits, form = v.ndim == 4 and v.shape[1] == 3, "(batch, 3, height, width)"
        if not fits:
            raise DomainMismatch(
                f"The term {term} lives on {term.domain}, {form}; got points of shape "
                f"{tuple(v.shape)}. Pull the energy back along the map that leads there."
            )


def _coupled(part: Part) -> bool:
    return any(leaf.coupled for leaf in part.leaves())
