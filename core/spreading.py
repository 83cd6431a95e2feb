"""Several runs of every sample, side by side in one batch."""

from dataclasses import replace

from torch import Tensor

from .energy import Energy, Pullback, Term
from .rng import SampleRng

__all__ = ["spread"]


def spread(energy: Energy, each: int) -> Energy:
    """The energy of a batch in which every sample stands so many times, side by side.

    Rows of conditions and references go with the samples.

    Args:
        energy: of the samples.
        each: rows of a sample.
    """
    return Energy(tuple((weight, _spread(term, each)) for weight, term in energy.terms))


def _spread(term: Term | Pullback, each: int) -> Term | Pullback:
    if isinstance(term, Pullback):
        return replace(term, inner=spread(term.inner, each))

    def evaluate(v: Tensor, rng: SampleRng) -> Tensor:
        return term.evaluate(v, SampleRng(rng.streams, [row // each for row in rng.rows]))

    condition = term.condition
    if condition is not None and len(condition) > 1:
        condition = condition.repeated(each)
    return replace(term, evaluate=evaluate, condition=condition)
