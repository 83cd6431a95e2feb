"""Training of few-shot conditions: from labels, from positives, or from words over pairs."""

from collections.abc import Sequence
from dataclasses import replace

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional

from ..conditions.few_shot import FewShot, FewShotKind
from ..generator import Generator
from .calibration import area_under_curve, calibration_error, platt, temperature
from .coordinates import LatentCoordinates
from .groups import with_unlabelled
from .inputs import (
    Inputs,
    check_few_shot,
    check_labels,
    check_number,
    check_share,
    ridges_of,
)
from .label_shift import estimate_shares, moment_shares
from .labels import other_class
from .logistic import (
    FOLDS,
    CrossValidation,
    Logistic,
    cross_validated,
    fit_logistic,
    folds_of,
)
from .positive_unlabelled import (
    PositiveUnlabelled,
    Risk,
    check_risk,
    fit_elkan_noto,
    fit_non_negative,
)

__all__ = ["calibrated", "fit_few_shot", "fit_positive_unlabelled", "with_share"]


def fit_few_shot(
    latents: Float[Tensor, "n dim"],
    labels: Int[Tensor, " labels"],
    classes: Sequence[str],
    wanted: int,
    generator: Generator,
    *,
    unlabelled: Float[Tensor, "m dim"] | None = None,
    share: float | None = None,
    ridge: float | None = None,
    threshold: float = 0.5,
    coordinates: LatentCoordinates | None = None,
    seed: int = 0,
) -> FewShot:
    """Trains a few-shot condition on labelled latents, D2C section 5 and algorithm 1, line 3.

    A logistic regression of the standardised latents, whose ridge has the lowest held-out
    log-likelihood in five stratified folds, calibrated on held-out logits: by Platt's line for two
    classes, by a temperature for several. The paper names no classifier; its linear ones fit its
    released boundaries. With unlabelled latents, or a share, the probabilities are corrected to
    their shares of the classes (`core.d2c.label_shift`); the labels' own shares otherwise remain.
    Unlabelled latents also improve the classifier of two classes (`core.d2c.groups`).

    Args:
        latents: latents of the labelled images, from the generator's encoder.
        labels: index of the class of each.
        classes: names of the classes; of two, the first is the rest.
        wanted: index of the wanted class.
        generator: generator of the latents.
        unlabelled: latents as the condition will meet them, such as a bank.
        share: share of the wanted class among these; None to estimate it.
        ridge: ridge of the regression; None to choose it.
        threshold: probability from which a latent counts as showing what is wanted.
        coordinates: coordinates to train in; standardised latents if None.
        seed: seed of the folds.

    Raises:
        InvalidInput: labels and latents differ in number, one class only, fewer than 5 samples of
            a class, latents that are not finite, or a number outside its range.
        DomainMismatch: latents of another length than the generator's.
    """
    names = tuple(classes)
    check_few_shot(latents, generator, "labelled")
    check_labels(len(latents), labels, names, wanted)
    check_share(share)
    if unlabelled is not None:
        check_few_shot(unlabelled, generator, "unlabelled")
    inputs = Inputs.of(latents, coordinates)
    own = labels.long().cpu()
    targets = functional.one_hot(own, len(names)).double()
    fold = folds_of(own, FOLDS, seed)
    found = cross_validated(inputs.x, targets, fold, ridges_of(ridge))
    made, held = calibrated(
        inputs,
        fit_logistic(inputs.x, targets, found.ridge),
        found,
        targets,
        names,
        wanted,
        generator,
        "labels",
        threshold=threshold,
    )
    if unlabelled is None:
        return made if share is None else with_share(made, share)
    free = unlabelled.detach().double().cpu()
    made = _corrected(made, free, held, targets, share)
    if len(names) > 2:
        return made
    z = latents.detach().double().cpu()
    made, odds = with_unlabelled(made, z, own, fold, held[:, 1], free, coordinates)
    return _corrected(made, free, functional.pad(odds[:, None], (1, 0)), targets, share)


def fit_positive_unlabelled(
    positives: Float[Tensor, "n dim"],
    unlabelled: Float[Tensor, "m dim"],
    generator: Generator,
    *,
    wanted: str = "wanted",
    risk: Risk = "elkan-noto",
    share: float | None = None,
    ridge: float | None = None,
    threshold: float = 0.5,
    coordinates: LatentCoordinates | None = None,
    seed: int = 0,
) -> FewShot:
    """Trains a few-shot condition on positives and unlabelled latents, D2C section 5.

    Args:
        positives: latents of images that show what is wanted.
        unlabelled: latents of any images, some of which may show it.
        generator: generator of the latents.
        wanted: name of the wanted class.
        risk: `elkan-noto`, the estimator that D2C cites, or `non-negative`, that of Kiryo et al.
        share: share of positives among the unlabelled; None to estimate it by Elkan and Noto's
            constant.
        ridge: ridge of the regression; None to choose it.
        threshold: probability from which a latent counts as showing what is wanted.
        coordinates: coordinates to train in; standardised latents if None.
        seed: seed of the folds.

    Raises:
        InvalidInput: fewer than 5 positives or unlabelled latents, latents that are not finite, or
            positives that do not differ from the unlabelled.
        DomainMismatch: latents of another length than the generator's.
    """
    check_risk(risk)
    check_share(share)
    for what, given in (("positive", positives), ("unlabelled", unlabelled)):
        check_few_shot(given, generator, what)
        check_number(len(given), what)
    both = torch.cat([positives.double().cpu(), unlabelled.double().cpu()])
    inputs = Inputs.of(both, coordinates)
    positive = torch.arange(len(inputs.x)) < len(positives)
    fold, ridges = folds_of(positive.long(), FOLDS, seed), ridges_of(ridge)
    found = fit_elkan_noto(inputs.x, positive, fold, share=share, ridges=ridges)
    if risk == "non-negative":
        found = fit_non_negative(inputs.x, positive, fold, share=found.share, ridges=ridges)
    return _from_unlabelled(inputs, found, positive, generator, wanted, threshold)


def _from_unlabelled(
    inputs: Inputs,
    found: PositiveUnlabelled,
    positive: Tensor,
    generator: Generator,
    wanted: str,
    threshold: float,
) -> FewShot:
    odds = found.validation.logits[:, 1] - found.validation.logits[:, 0]
    return FewShot(
        classes=(other_class(wanted), wanted),
        wanted=1,
        weight=inputs.weight(found.classifier),
        bias=found.classifier.bias,
        mean=inputs.mean,
        std=inputs.std,
        calibration=found.calibration,
        shares=(1 - found.share, found.share),
        fitted_shares=(1 - found.share, found.share),
        generator=generator.id,
        generator_name=generator.name,
        threshold=threshold,
        kind="positive-unlabelled",
        figures={
            "positives": float(positive.sum()),
            "unlabelled": float((~positive).sum()),
            "ridge": found.validation.ridge,
            "auc against unlabelled": area_under_curve(odds, positive),
            "constant": found.constant,
        },
    )


def calibrated(
    inputs: Inputs,
    classifier: Logistic,
    found: CrossValidation,
    targets: Float[Tensor, "n classes"],
    names: tuple[str, ...],
    wanted: int,
    generator: Generator,
    kind: FewShotKind,
    *,
    threshold: float,
) -> tuple[FewShot, Float[Tensor, "n classes"]]:
    """Returns the condition of a classifier, at its labels' shares, and its held-out logits.

    Args:
        inputs: the latents that it was trained on.
        classifier: the classifier.
        found: how its ridge was chosen.
        targets: its targets.
        names: names of the classes.
        wanted: index of the wanted class.
        generator: generator of the latents.
        kind: what it was trained from.
        threshold: probability from which a latent counts as showing what is wanted.
    """
    truth = targets[:, wanted] > 0
    if len(names) == 2:
        line = platt(found.logits[:, 1] - found.logits[:, 0], targets[:, 1] > 0)
        held = functional.pad((line[0] * found.logits[:, 1:] + line[1]), (1, 0))
    else:
        line = (temperature(found.logits, targets), 0.0)
        held = line[0] * found.logits
    fitted = tuple((targets.sum(dim=0) / targets.sum()).tolist())
    r = held.softmax(dim=1)[:, wanted]
    made = FewShot(
        classes=names,
        wanted=wanted,
        weight=inputs.weight(classifier),
        bias=classifier.bias,
        mean=inputs.mean,
        std=inputs.std,
        calibration=line,
        shares=fitted,
        fitted_shares=fitted,
        generator=generator.id,
        generator_name=generator.name,
        threshold=threshold,
        kind=kind,
        figures={
            "labels": float(len(targets)),
            "ridge": found.ridge,
            "auc": area_under_curve(r, truth),
            "calibration error": calibration_error(r, truth),
        },
    )
    return made, held


def _corrected(
    made: FewShot,
    unlabelled: Tensor,
    held: Tensor,
    targets: Tensor,
    share: float | None,
) -> FewShot:
    """Corrects a condition to the shares of its classes among unlabelled latents."""
    plain = replace(made, shares=made.fitted_shares)
    logits = plain.logits(unlabelled)
    moments = moment_shares(held, targets, logits)
    found = estimate_shares(logits, made.fitted_shares, labels=len(targets), moments=moments)
    measured = {
        "unlabelled": float(len(logits)),
        "share by likelihood": found.likelihood[made.wanted],
    }
    if moments is not None:
        measured["share by moments"] = moments[made.wanted]
    made = replace(made, shares=found.shares, figures={**made.figures, **measured})
    return made if share is None else with_share(made, share)


def with_share(made: FewShot, share: float) -> FewShot:
    """Returns a condition at a given share of the wanted class, the others in proportion."""
    rest = 1 - made.share
    shares = tuple(
        share if n == made.wanted else (1 - share) * s / rest for n, s in enumerate(made.shares)
    )
    return replace(made, shares=shares)
