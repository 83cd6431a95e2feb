"""Energies as data: a tuple of weighted terms that adds, scales, and pulls back along maps."""

import hashlib
from collections.abc import Callable, Container, Hashable, Iterator
from dataclasses import dataclass, replace

import torch
from jaxtyping import Float
from torch import Tensor, nn

from .chunking import ALL_AT_ONCE, Chunking
from .errors import DomainMismatch
from .rng import SampleRng
from .spaces import Domain, Map, Space
from .terms import AtAllSamples, EnergyPart, Reading, Term

__all__ = ["Energy", "Pullback"]


@dataclass(frozen=True)
class Pullback:
    """An energy pulled back along a map, E(m(v)); all its terms share one value of the map."""

    map: Map
    inner: "Energy"

    @property
    def domain(self) -> Space:
        """The source of the map."""
        return self.map.source

    @property
    def modules(self) -> tuple[nn.Module, ...]:
        """The networks of the map and of the energy."""
        return self.map.modules + self.inner.modules

    def __str__(self) -> str:
        return f"({self.inner})∘{self.map}"

    def read(self, v: Tensor, rng: SampleRng) -> Iterator["Reading"]:
        """Returns the readings of the inner energy at the value of the map."""
        return self.inner.read(self.map(v, rng), rng)

    def leaves(self) -> Iterator[Term]:
        """The terms of the inner energy."""
        return self.inner.leaves()

    def at(self, step: int) -> "Pullback":
        """Returns the part with the inner energy of a step."""
        return replace(self, inner=self.inner.at(step))

    def decoupled(self, at_all: AtAllSamples) -> "Pullback":
        """Returns the part with the inner energy decoupled at the values of the map."""

        def mapped(function: Callable[[Tensor, SampleRng], Tensor]) -> Tensor:
            return at_all(lambda v, rng: function(self.map(v, rng), rng))

        return replace(self, inner=self.inner.decoupled(mapped))

    def repeated(self, each: int) -> "Pullback":
        """Returns the part with the inner energy repeated."""
        return replace(self, inner=self.inner.repeated(each))


@dataclass(frozen=True)
class Energy:
    """A weighted sum of terms.

    Terms of several domains may be combined until the energy is evaluated: pulled back along a
    generator, terms on images are composed with it and terms on its latents stay.
    """

    terms: tuple[tuple[float, EnergyPart], ...]

    @classmethod
    def of(cls, term: EnergyPart) -> "Energy":
        """Returns the energy of one term with weight 1."""
        return cls(((1.0, term),))

    def __add__(self, other: "Energy") -> "Energy":
        return Energy(self.terms + other.terms)

    def __rmul__(self, factor: float) -> "Energy":
        return Energy(tuple((factor * weight, term) for weight, term in self.terms))

    def __str__(self) -> str:
        return " + ".join(f"{weight:g}·{term}" for weight, term in self.terms)

    def __call__(self, v: Float[Tensor, "batch ..."], rng: SampleRng) -> Float[Tensor, " batch"]:
        """Returns the energy of each sample.

        Raises:
            DomainMismatch: a term has another domain than v.
        """
        values = [reading.weight * reading.values for reading in self.read(v, rng)]
        return sum(values[1:], start=values[0])

    def read(self, v: Tensor, rng: SampleRng) -> Iterator[Reading]:
        """Returns the readings of each term; what terms share is computed once."""
        done: dict[Hashable, Tensor] = {}
        for weight, term in self.terms:
            self._check_domain(term, v)
            if isinstance(term, Term) and (shared := term.shared) is not None:
                if shared.key not in done:
                    done[shared.key] = shared.work(v)
                yield Reading(term, weight, shared.finish(done[shared.key], rng))
                continue
            for reading in term.read(v, rng):
                yield Reading(reading.term, weight * reading.weight, reading.values)

    def leaves(self) -> Iterator[Term]:
        """Returns the terms in order, including those that are pulled back along maps."""
        for _, term in self.terms:
            yield from term.leaves()

    @property
    def modules(self) -> tuple[nn.Module, ...]:
        """Returns the networks that an evaluation calls, each once."""
        return tuple(dict.fromkeys(m for _, term in self.terms for m in term.modules))

    @property
    def coupled(self) -> bool:
        """Whether the value of a sample depends on the other samples."""
        return any(term.coupled for term in self.leaves())

    def names(self) -> tuple[str, ...]:
        """Returns a name for each leaf: its label, numbered where several share it."""
        found: list[str] = []
        for leaf in self.leaves():
            found.append(_free(leaf.label, found))
        return tuple(found)

    def at(self, step: int) -> "Energy":
        """Returns the energy at a step of a run, for parts that change during it."""
        return Energy(tuple((weight, term.at(step)) for weight, term in self.terms))

    def decoupled(self, at_all: AtAllSamples) -> "Energy":
        """Returns the energy with the coupling of its samples fixed, where a part supports it.

        Args:
            at_all: evaluates a function at all samples.
        """
        return Energy(
            tuple(
                (weight, term.decoupled(at_all) if _coupled(term) else term)
                for weight, term in self.terms
            )
        )

    def decoupled_at(self, v: Tensor, rng: SampleRng, chunking: Chunking) -> "Energy":
        """Returns the energy decoupled at these samples, with the same value and gradient there.

        This evaluates the samples once more, in chunks and without a graph. A map that draws from
        the streams repeats its first draws of an evaluation. Padded chunks are evaluated for any
        number of samples, so that the networks always see the same number of rows.

        Args:
            v: all samples.
            rng: their streams, which are left as they are.
            chunking: how many samples the networks see at a time.
        """
        if not self.coupled or (len(v) <= chunking.size and not chunking.padded):
            return self

        @torch.no_grad()
        def at_all(function: Callable[[Tensor, SampleRng], Tensor]) -> Tensor:
            streams = rng.restored(rng.state())
            return chunking.apply_random(lambda x, part: (function(x, part),), v, streams)[0]

        return self.decoupled(at_all)

    @torch.no_grad()
    def readings(
        self, v: Float[Tensor, "batch ..."], rng: SampleRng, chunking: Chunking
    ) -> dict[str, Float[Tensor, " batch"]]:
        """Returns the energy (`energy`), each term and each measure at v, in float32 on the CPU.

        Args:
            v: all samples.
            rng: their streams, which are left as they are.
            chunking: how many samples the networks see at a time.
        """
        energy = self.decoupled_at(v, rng, chunking)
        leaves = list(energy.leaves())
        measures = [leaf.measure for leaf in leaves]

        def evaluate(points: Tensor, part: SampleRng) -> tuple[Tensor, ...]:
            values = [(reading.weight, reading.values) for reading in energy.read(points, part)]
            # Summed in the order of __call__, so that it equals the last point of the curve.
            total = sum((w * x for w, x in values[1:]), start=values[0][0] * values[0][1])
            measured = [
                measure.of(x)
                for measure, (_, x) in zip(measures, values, strict=True)
                if measure is not None
            ]
            return (total, *(x for _, x in values), *measured)

        streams = rng.restored(rng.state())
        total, *in_order = energy.chunking(chunking).apply_random(evaluate, v, streams)
        terms, measured = in_order[: len(leaves)], iter(in_order[len(leaves) :])
        found = {"energy": total}
        named = zip(energy.names(), leaves, measures, terms, strict=True)
        for name, leaf, measure, values in named:
            found[_free(name, found)] = values
            if measure is not None:
                found[_free(f"{measure.name}({leaf.label})", found)] = next(measured)
        return {name: values.detach().float().cpu() for name, values in found.items()}

    def repeated(self, each: int) -> "Energy":
        """Returns the energy of a batch in which each sample is repeated `each` times in a row.

        Rows of conditions and references are repeated along with the samples.

        Raises:
            InvalidInput: a part that compares the samples of a batch with each other.
        """
        return Energy(tuple((weight, term.repeated(each)) for weight, term in self.terms))

    def chunking(self, wanted: Chunking) -> Chunking:
        """Returns how many samples may be evaluated at a time: all, where they are coupled."""
        return ALL_AT_ONCE if self.coupled else wanted

    def signature(self) -> str:
        """Returns a digest of the terms and their conditions: equal for equal energies."""
        # The text rounds the weights.
        digest = hashlib.sha256(f"{self} {[weight for weight, _ in self.terms]}".encode())
        for term in self.leaves():
            if term.condition is not None:
                digest.update(term.condition.auxiliary.encode())
                digest.update(term.condition.embedding.cpu().contiguous().numpy().tobytes())
        return digest.hexdigest()

    def pullback(self, along: Map) -> "Energy":
        """Returns the energy on the source of the map; terms that are already there stay.

        Raises:
            DomainMismatch: a term has neither the target of the map nor its source as domain.
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

    def check_on(self, domain: Domain) -> None:
        """Checks that all terms have this domain, such as IMAGES.

        Raises:
            DomainMismatch: naming the term.
        """
        for _, term in self.terms:
            if term.domain != domain:
                raise DomainMismatch(
                    f"The term {term} lives on {term.domain}, and there is no generator here. Use "
                    f"terms on {domain} alone, such as Energy CLIP on images."
                )

    def check_batch(self, batch: int) -> None:
        """Checks that the size of a batch fits the conditions of the terms.

        Raises:
            ConditionMismatch: a condition has neither one row nor a row per sample.
        """
        for term in self.leaves():
            if term.condition is not None:
                term.condition.check_batch(batch)

    def _check_domain(self, term: EnergyPart, v: Tensor) -> None:
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


def _coupled(part: EnergyPart) -> bool:
    return any(leaf.coupled for leaf in part.leaves())


def _free(name: str, taken: Container[str]) -> str:
    """Returns the name, numbered from 2 on where it is taken."""
    number, unique = 2, name
    while unique in taken:
        unique = f"{name} {number}"
        number += 1
    return unique
