"""Several runs of every sample, side by side in one batch."""

from dataclasses import replace

from torch import Tensor

from .energy import Energy, Part, Pullback, Term
from .errors import InvalidInput
from .rng import SampleRng

__all__ = ["spread"]


def spread(energy: Energy, each: int) -> Energy:
    """The energy of a batch in which every sample stands so many times, side by side.

    Rows of conditions and references go with the samples.

    Args:
        energy: of the samples.
        each: rows of a sample.

    Raises:
        InvalidInput: a part that compares the samples of a batch with each other.
    """
    return Energy(tuple((weight, _spread(term, each)) for weight, term in energy.terms))


def _spread(term: Part, each: int) -> Part:
    if isinstance(term, Pullback):
        return replace(term, inner=spread(term.inner, each))
    if not isinstance(term, Term):
        raise InvalidInput(
            f"{term} compares the samples of a batch with each other: several runs of a sample "
            "would be taken for several samples. Use it in KRR Flow Refine."
        )

    def evaluate(v: Tensor, rng: SampleRng) -> Tensor:
        rows = [row // each for row in rng.rows]
        return term.evaluate(v, SampleRng(rng.streams, rows, rng.names))

    condition = term.condition
    if condition is not None and len(condition) > 1:
        condition = condition.repeated(each)
    return replace(term, evaluate=evaluate, condition=condition)
