"""Edit directions from words: pairs that show what is wanted minus other pairs.

StyleCLIP's global direction (`core.energies.global_direction`) differentiates f(G(z)); here pairs
are enough, and neither G nor f is called.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from ..condition import Condition
from ..errors import InvalidInput
from ..generator import Generator
from ..spaces import Space
from .contrast import BLOCK, Contrast, conditions_of, contrast_of
from .goals import ContrastGoal, contrast_goals
from .nearest import check_usable
from .pairs import Pairs

__all__ = ["LatentDirection", "contrast_direction", "moving_coordinates"]

MOST_OVERLAP = 0.9
"""Overlap of the weights of both sides above which the texts count as indistinguishable."""
LEAST_EFFECTIVE = 8.0
"""Smallest effective number of pairs of either side."""
LEAST_SIGNAL = 2.0
"""Smallest squared length of a direction, in units of its expectation for unrelated latents."""
UNIT_PAIRS = 10_000
"""Number of pairs from which the standard deviation along a direction is estimated."""


@dataclass(frozen=True)
class LatentDirection:
    """A direction in the latents of a generator, from words.

    Attributes:
        vector: unit vector; 0 in blocks that stay, such as a class. With goals it is 0 where the
            means of both sides differ by chance only.
        unit: standard deviation of the pairs' latents along it: the length of strength 1.
        distance: distance of the means of both sides, in units.
        overlap: overlap of the weights of both sides, sum_i min(w_i, o_i), from 0 (the texts
            share no pair) to 1 (indistinguishable).
        effective: effective numbers of pairs of both sides, 1 / sum_i w_i^2.
        contrast: the texts.
        space: space of the latents.
        generator: id of the generator, with its options.
        generator_name: name of the generator, for messages.
        goals: moves of single samples, which are tried besides `vector`; none for one direction.
        attainable: probability of what is wanted that a quarter of the pairs which show it have or
            surpass, each counted by its probability.
    """

    vector: Float[Tensor, " dim"]
    unit: float
    distance: float
    overlap: float
    effective: tuple[float, float]
    contrast: Contrast
    space: Space
    generator: str
    generator_name: str
    goals: tuple[ContrastGoal, ...] = ()
    attainable: float = 1.0

    def summary(self) -> str:
        """Returns a line on the direction, for a report."""
        wanted, others = self.effective
        return (
            f"{self.contrast}: means {self.distance:.2f} standard deviations apart, overlap "
            f"{self.overlap:.2f}, effective pairs {wanted:.0f} and {others:.0f}"
        )


@torch.no_grad()
def contrast_direction(
    pairs: Pairs,
    generator: Generator,
    wanted: Condition,
    instead: Condition | None = None,
    *,
    context: Condition | None = None,
    away: bool = False,
    scale: float,
    keep: float | None = None,
) -> LatentDirection:
    """Returns the direction in latents from what is there instead to what is wanted.

    With p_i, the probability of what is wanted at pair i (see `Contrast`), it is the mean of the
    latents weighted by p_i minus that weighted by 1 - p_i. For a linear f of a Gaussian z it is
    proportional to the covariance of z times the gradient of f, which is the smallest move, in
    standard deviations, that has the effect.

    A context states what the wanted texts and the others of its contrast share: "red hat" against
    "blue hat" alone also counts red hair as a red hat; within "hat" it does not, and the direction
    leads to a hat as well as to its colour.

    Continuous blocks move; classes and shares stay.

    With `keep`, the direction has goals too (see `core.pairs.goals`), by which each sample moves
    from what it shows itself.

    Args:
        pairs: pairs of the generator and the conditions' auxiliary.
        generator: of the latents.
        wanted: what the images should show; several rows are alternatives.
        instead: what they could show instead, such as the other values of the same attribute; if
            None, the average pair.
        context: what the images should show besides, against the average pair.
        away: whether the direction leads away from what is wanted, to usual pairs that do not show
            it (see `Contrast`); without `instead` and context.
        scale: factor on the scores in the softmax, see `sharpness`.
        keep: weight of keeping the rest of each image, at least 0; None for one direction alone.

    Raises:
        GeneratorMismatch: pairs of another generator.
        ConditionMismatch: conditions or pairs of different auxiliaries, or of another width.
        InvalidInput: no pair, too many unusable ones, no continuous block, or texts that the
            auxiliary cannot distinguish, with the overlap and the effective numbers of pairs.
    """
    pairs.check_generator(generator.id, generator.name, against="the direction is for")
    moving = moving_coordinates(generator)
    contrast = contrast_of(pairs, wanted, instead, context=context, away=away, scale=scale)
    sides, unusable = _sides(pairs, contrast)
    check_usable(unusable, len(pairs))
    weights = _weights(sides)
    overlap = _overlap(weights)
    effective = tuple((1 / weights.square().sum(dim=1)).tolist())
    _check_distinct(contrast, overlap, effective)
    means, spread = _moments(pairs, weights)
    difference = (means[0] - means[1]) * moving
    # The expectation of the squared length if latents and weights were independent.
    noise = (spread * moving).sum() * (weights[0] - weights[1]).square().sum()
    length = difference.norm()
    goals = () if keep is None else _goals(pairs, contrast, moving, keep)
    differs = bool(length.square() > LEAST_SIGNAL * noise)
    if not differs and not goals:
        raise InvalidInput(
            f"{contrast}: the latents of both sides do not differ more than by chance "
            f"({float(length.square() / noise):.2f} times, at least {LEAST_SIGNAL:g} needed; "
            f"{_found(overlap, effective)}). The generator does not show the difference, or there "
            "are too few pairs."
        )
    vector = difference / length if differs else torch.zeros_like(difference)
    unit = _deviation(pairs, vector)
    return LatentDirection(
        vector.float(),
        unit,
        float(length) / unit if differs else 0.0,
        overlap,
        (effective[0], effective[1]),
        contrast,
        generator.source,
        generator.id,
        generator.name,
        goals,
        _attainable(sides[0]),
    )


@torch.no_grad()
def overlap_with_all(pairs: Pairs, wanted: Condition, *, scale: float) -> float:
    """Returns the overlap of pairs that show a text and those that do not, from 0 to 1.

    It is near 0 for a text that some pairs show, and larger for one that all or none show.

    Args:
        pairs: pairs of the condition's auxiliary.
        wanted: the text.
        scale: factor on the scores, see `sharpness`.

    Raises:
        ConditionMismatch: pairs of another auxiliary.
        InvalidInput: no pair, or a row that is 0 or not finite.
    """
    return _overlap(_weights(_sides(pairs, contrast_of(pairs, wanted, scale=scale))[0]))


def _goals(
    pairs: Pairs, contrast: Contrast, moving: Tensor, keep: float
) -> tuple[ContrastGoal, ...]:
    def blocks() -> Iterator[tuple[Tensor, Tensor]]:
        for first, conditions in pairs.blocks(BLOCK):
            numbers = torch.arange(first, first + len(conditions))
            yield pairs.latents_of(numbers).cpu(), conditions.cpu()

    return contrast_goals(blocks(), contrast, moving, keep)


def moving_coordinates(generator: Generator) -> Float[Tensor, " dim"]:
    """Returns 1 for coordinates that may move, 0 for those of classes and shares.

    Raises:
        InvalidInput: no coordinate may move.
    """
    blocks = generator.source.blocks
    parts = [
        torch.full((b.size,), float(b.role == "latent" and not b.shares), dtype=torch.float64)
        for b in blocks
    ]
    moving = torch.cat(parts)
    if not bool(moving.any()):
        raise InvalidInput(
            f"Generator {generator.name!r} has no continuous latents, {generator.source}: nothing "
            "can move."
        )
    return moving


def _sides(pairs: Pairs, contrast: Contrast) -> tuple[Float[Tensor, "2 pairs"], int]:
    """Returns the probabilities of both sides, 0 for unusable pairs, and the number of those."""
    parts = [contrast.sides(rows).T for rows in conditions_of(pairs, contrast.wanted)]
    sides = torch.cat(parts, dim=1)
    usable = sides.isfinite().all(dim=0)
    return torch.where(usable, sides, 0), int((~usable).sum())


def _weights(sides: Float[Tensor, "2 pairs"]) -> Float[Tensor, "2 pairs"]:
    """Returns the weights of both sides, each of sum 1."""
    # A side without any weight has none of the pairs.
    return sides / sides.sum(dim=1, keepdim=True).clamp_min(torch.finfo(torch.float64).tiny)


def _attainable(chances: Float[Tensor, " pairs"]) -> float:
    ordered = chances.sort().values
    reached = ordered.cumsum(dim=0) >= 0.75 * ordered.sum()
    return float(ordered[reached][0])


def _overlap(weights: Float[Tensor, "2 pairs"]) -> float:
    return float(weights.amin(dim=0).sum())


def _found(overlap: float, effective: tuple[float, ...]) -> str:
    return (
        f"overlap {overlap:.2f}, effective numbers of pairs {effective[0]:.0f} and "
        f"{effective[1]:.0f}"
    )


def _check_distinct(contrast: Contrast, overlap: float, effective: tuple[float, ...]) -> None:
    found = _found(overlap, effective)
    if overlap > MOST_OVERLAP:
        raise InvalidInput(
            f"The auxiliary cannot distinguish the texts {contrast}: {found}; an overlap of at "
            f"most {MOST_OVERLAP:g} is needed. Change a text; words unknown to the text encoder "
            "have no effect."
        )
    if not LEAST_EFFECTIVE <= min(effective) < float("inf"):
        raise InvalidInput(
            f"Too few pairs show the texts {contrast}: {found}; at least {LEAST_EFFECTIVE:g} on "
            "each side are needed. Make more pairs, lower the scale, or change a text or the "
            "context."
        )


def _moments(
    pairs: Pairs, weights: Float[Tensor, "2 pairs"]
) -> tuple[Float[Tensor, "2 dim"], Float[Tensor, " dim"]]:
    """Returns the weighted means of the latents, and their unweighted variances."""
    means = squares = total = torch.zeros(())
    for first in range(0, len(pairs), BLOCK):
        numbers = torch.arange(first, min(first + BLOCK, len(pairs)))
        latents = pairs.latents_of(numbers).double().cpu()
        means = means + weights[:, numbers] @ latents
        total = total + latents.sum(dim=0)
        squares = squares + latents.square().sum(dim=0)
    mean = total / len(pairs)
    return means, (squares / len(pairs) - mean.square()).clamp_min(0)


def _deviation(pairs: Pairs, vector: Tensor) -> float:
    """Returns the standard deviation of latents along a vector, of the first pairs."""
    latents = pairs.latents_of(torch.arange(min(len(pairs), UNIT_PAIRS))).double().cpu()
    return float((latents @ vector).std())
