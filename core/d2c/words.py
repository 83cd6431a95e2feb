"""Few-shot conditions from words: pairs that show a text rather than another are the labels."""

from dataclasses import replace

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional

from ..condition import Condition
from ..conditions.few_shot import FewShot
from ..errors import InvalidInput
from ..generator import Generator
from ..pairs.contrast import Contrast, conditions_of, contrast_of
from ..pairs.nearest import check_usable
from ..pairs.pairs import Pairs
from .coordinates import LatentCoordinates
from .few_shot import calibrated, with_share
from .inputs import LEAST_POSITIVES, Inputs, check_few_shot, ridges_of
from .logistic import FOLDS, cross_validated, fit_logistic, folds_of

__all__ = ["MOST_PAIRS", "from_words"]

MOST_PAIRS = 4096
"""Most pairs to train on; a few thousand determine a linear classifier of some hundred numbers."""
SURE = (0.95, 0.8, 0.5)
"""Least probabilities of a label to choose from."""
SAMPLES = 10
"""Pairs on either side per coordinate, the usual least number of events per variable."""


def from_words(
    pairs: Pairs,
    wanted: Condition,
    against: Condition | None,
    generator: Generator,
    *,
    scale: float,
    most: int = MOST_PAIRS,
    sure: float | None = None,
    share: float | None = None,
    ridge: float | None = None,
    threshold: float = 0.5,
    coordinates: LatentCoordinates | None = None,
    seed: int = 0,
) -> FewShot:
    """Trains a few-shot condition on pairs that an auxiliary labels by texts; no image is needed.

    A pair is positive if its condition is nearer to the wanted text than to the other, that is if
    the probability of what is wanted is above 1/2 (`core.pairs.contrast.Contrast`). All pairs give
    the share of what is wanted among the generator's images. Those with a probability between 1 -
    `sure` and `sure` are left out of the training: their labels are noise, which flattens the
    classifier. Of more than `most` pairs the first of either side are taken, up to a half, or more
    of one side where the other has fewer.

    Args:
        pairs: pairs of the generator and of the auxiliary of the texts.
        wanted: what images should show; several rows are alternatives.
        against: what they could show instead; None for the average pair.
        generator: generator of the pairs.
        scale: factor on the scores of the texts, see `core.pairs.contrast.sharpness`.
        most: most pairs to train on, at least 10.
        sure: least probability of a label, from 0.5 (all pairs) to below 1; None for the largest
            of 0.95, 0.8 and 0.5 that leaves ten pairs per coordinate, or half of `most`, on either
            side.
        share: share of what is wanted among the latents that the condition will meet; None for
            that among the pairs.
        ridge: ridge of the regression; None to choose it.
        threshold: probability from which a latent counts as showing what is wanted.
        coordinates: coordinates to train in; standardised latents if None.
        seed: seed of the folds.

    Raises:
        GeneratorMismatch: pairs of another generator.
        ConditionMismatch: conditions or pairs of different auxiliaries, or of another width.
        InvalidInput: too many unusable pairs, or fewer than 5 on one side.
    """
    if most < 2 * LEAST_POSITIVES:
        raise InvalidInput(f"At most {most} pairs; expected at least {2 * LEAST_POSITIVES}.")
    if sure is not None and not 0.5 <= sure < 1:
        raise InvalidInput(f"`sure` is {sure:g}; expected a number from 0.5 to below 1.")
    pairs.check_generator(generator.id, generator.name, against="the condition is for")
    contrast = contrast_of(pairs, wanted, against, scale=scale)
    p = _probabilities(pairs, contrast)
    known = float((p > 0.5).sum() / p.isfinite().sum())
    enough = min(SAMPLES * generator.source.dim, most // 2)
    numbers = _chosen(p, _sure(p, enough) if sure is None else sure, most)
    labels = (p[numbers] > 0.5).long()
    _check_sides(contrast, labels)
    latents = pairs.latents_of(numbers)
    check_few_shot(latents, generator, "pairs'")
    inputs = Inputs.of(latents, coordinates)
    targets = functional.one_hot(labels, 2).double()
    found = cross_validated(inputs.x, targets, folds_of(labels, FOLDS, seed), ridges_of(ridge))
    label = ", ".join(wanted.labels)
    rest = "others" if against is None else ", ".join(against.labels)
    made, _ = calibrated(
        inputs,
        fit_logistic(inputs.x, targets, found.ridge),
        found,
        targets,
        (rest if rest != label else f"not {label}", label),
        1,
        generator,
        "words",
        threshold=threshold,
    )
    made = replace(made, shares=(1 - known, known))
    return made if share is None else with_share(made, share)


def _probabilities(pairs: Pairs, contrast: Contrast) -> Float[Tensor, " pairs"]:
    """Returns each pair's probability of what is wanted; NaN where a condition is unusable."""
    p = torch.cat([contrast.probability(rows) for rows in conditions_of(pairs, contrast.wanted)])
    check_usable(int((~p.isfinite()).sum()), len(p))
    return p


def _sure(p: Tensor, enough: int) -> float:
    """Returns the largest of SURE that leaves enough pairs on either side, or the least of all."""
    for sure in SURE:
        if min(int((p > sure).sum()), int((p <= 1 - sure).sum())) >= enough:
            return sure
    return SURE[-1]


def _chosen(p: Tensor, sure: float, most: int) -> Int[Tensor, " rows"]:
    """Returns the numbers of the pairs to train on, in order."""
    sides = [side.nonzero()[:, 0] for side in (p > sure, p <= 1 - sure)]
    fewer = min(len(sides[0]), len(sides[1]), most // 2)
    # The smaller side as a whole up to a half, and the other up to the rest.
    sides = [side[: fewer if len(side) == fewer else most - fewer] for side in sides]
    return torch.cat(sides).sort().values


def _check_sides(contrast: Contrast, labels: Tensor) -> None:
    up = int(labels.sum())
    if min(up, len(labels) - up) < LEAST_POSITIVES:
        raise InvalidInput(
            f"{contrast}: {up} of {len(labels)} pairs are nearer to the wanted text; at least "
            f"{LEAST_POSITIVES} on either side are needed. Make more pairs, change a text, or "
            "lower `sure`."
        )
