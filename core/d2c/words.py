"""Few-shot conditions from words: pairs that show a text rather than another are the labels."""

from dataclasses import replace

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from ..condition import Condition
from ..conditions.few_shot import FewShotCondition
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


def from_words(
    pairs: Pairs,
    wanted: Condition,
    against: Condition | None,
    generator: Generator,
    *,
    scale: float,
    most: int = MOST_PAIRS,
    share: float | None = None,
    ridge: float | None = None,
    threshold: float = 0.5,
    coordinates: LatentCoordinates | None = None,
    seed: int = 0,
) -> FewShotCondition:
    """Trains a few-shot condition on pairs that an auxiliary labels by texts; no image is needed.

    A pair is positive if its condition is nearer to the wanted text than to the other, that is if
    the probability of the wanted is above 1/2 (`core.pairs.contrast.Contrast`). All labelled pairs
    give the share of the wanted among the generator's images. Of more than `most` pairs the first
    of either side are taken, up to a half, or more of one side where the other has fewer.

    Args:
        pairs: pairs of the generator and of the auxiliary of the texts.
        wanted: what images should show; several rows are alternatives.
        against: what they could show instead; None for the average pair.
        generator: generator of the pairs.
        scale: factor on the scores of the texts, see `core.pairs.contrast.sharpness`.
        most: most pairs to train on, at least 10.
        share: share of the wanted among the latents that the condition will meet; None for that
            among the pairs.
        ridge: ridge of the regression; None to choose it.
        threshold: probability from which a latent counts as showing the wanted.
        coordinates: coordinates to train in; standardised latents if None.
        seed: seed of the folds.

    Raises:
        GeneratorMismatch: pairs of another generator.
        ConditionMismatch: conditions or pairs of different auxiliaries, or of another width.
        InvalidInput: too many unusable pairs, or fewer than 5 on one side.
    """
    if most < 2 * LEAST_POSITIVES:
        raise InvalidInput(f"At most {most} pairs; expected at least {2 * LEAST_POSITIVES}.")
    pairs.check_generator(generator.id, generator.name, against="the condition is for")
    contrast = contrast_of(pairs, wanted, against, scale=scale)
    positive, usable = _labels(pairs, contrast)
    numbers = _chosen(positive, usable, most)
    labels = positive[numbers].long()
    _check_sides(contrast, labels)
    latents = pairs.latents_of(numbers)
    check_few_shot(latents, generator, "pairs'")
    known = float(positive[usable].double().mean())
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


def _labels(pairs: Pairs, contrast: Contrast) -> tuple[Tensor, Tensor]:
    """Returns whether each pair shows the wanted, and whether its condition is usable."""
    parts = [contrast.probability(rows) for rows in conditions_of(pairs, contrast.wanted)]
    p: Float[Tensor, " pairs"] = torch.cat(parts)
    usable = p.isfinite()
    check_usable(int((~usable).sum()), len(p))
    return p > 0.5, usable


def _chosen(positive: Tensor, usable: Tensor, most: int) -> Tensor:
    """Returns the numbers of the pairs to train on, in order."""
    sides = [(side & usable).nonzero()[:, 0] for side in (positive, ~positive)]
    fewer = min(len(sides[0]), len(sides[1]), most // 2)
    # The smaller side as a whole up to a half, and the other up to the rest.
    sides = [side[: fewer if len(side) == fewer else most - fewer] for side in sides]
    return torch.cat(sides).sort().values


def _check_sides(contrast: Contrast, labels: Tensor) -> None:
    up = int(labels.sum())
    if min(up, len(labels) - up) < LEAST_POSITIVES:
        raise InvalidInput(
            f"{contrast}: {up} of {len(labels)} pairs are nearer to the wanted text; at least "
            f"{LEAST_POSITIVES} on either side are needed. Make more pairs, or change a text."
        )
