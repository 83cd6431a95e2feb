"""The contrastive term on against off: what 200 labels find in the latents of each encoder."""

from collections.abc import Mapping, Sequence

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional

from ....core.d2c.calibration import area_under_curve
from ....core.d2c.inputs import Inputs
from ....core.d2c.logistic import FOLDS, cross_validated, fit_logistic, folds_of
from ....core.rng import stream_of
from ....core.zoo.avatar_edits import AvatarEdit
from .contrast_encoders import ARMS, contrast_encoders, contrast_latents
from .models import D2CStudy
from .tasks import EDITS, TASKS, shows

__all__ = ["CONTRASTED", "LABELS", "contrast_figures", "crossed_interval", "probed"]

LABELS = 200
"""Labels of a classifier, half of them with the value."""
ROUNDS = 2000
CONTRASTED: Mapping[str, AvatarEdit] = {**TASKS, **EDITS}
"""Values that are distinguished: all those of the study."""
FIGURES = ("auc", "accuracy")


def contrast_figures(study: D2CStudy, draws: int) -> dict[str, float]:
    """Returns what the labels find by each arm, and the gains of the contrastive term.

    Gains are differences of the same seed, value and labels, with two intervals each: of other
    trainings, labels and values, and under `_here` of other trainings and labels for these values.

    Args:
        study: the held-out avatars.
        draws: draws of the labels for each value.
    """
    study.say("the contrastive term on against off")
    found = _found(study, draws)
    flat: dict[str, float] = {}
    for arm in ARMS:
        means = found[arm].mean(dim=(0, 1, 2)).tolist()
        flat |= {f"contrast_{arm}_{name}": mean for name, mean in zip(FIGURES, means, strict=True)}
    for other in ARMS[1:]:
        gains = found[ARMS[0]] - found[other]
        for number, name in enumerate(FIGURES):
            low, high = crossed_interval(gains[..., number])
            key = f"contrast_gain_{other}_{name}"
            flat |= {key: float(gains[..., number].mean()), f"{key}_low": low, f"{key}_high": high}
            low, high = crossed_interval(gains[..., number].mean(dim=1, keepdim=True))
            flat |= {f"{key}_here_low": low, f"{key}_here_high": high}
        by_value = gains[..., 0].mean(dim=(0, 2)).tolist()
        flat |= {
            f"contrast_gain_{other}_{value}_auc": gain
            for value, gain in zip(CONTRASTED, by_value, strict=True)
        }
    return flat


def _found(
    study: D2CStudy, draws: int
) -> Mapping[str, Float[Tensor, "seeds values draws figures"]]:
    """Returns AUC and accuracy by arm."""
    encoders, _ = contrast_encoders()
    seeds = sorted({name.split()[1] for name in encoders})
    found: dict[str, Tensor] = {}
    for arm in ARMS:
        each: list[Tensor] = []
        for seed in seeds:
            given = study.pictures, study.device
            latents = contrast_latents(encoders[f"{arm} {seed}"], *given)
            each.append(_probed(study, latents, draws))
        found[arm] = torch.stack(each)
    return found


def _probed(study: D2CStudy, latents: Tensor, draws: int) -> Float[Tensor, "values draws figures"]:
    rows: list[Tensor] = []
    for value, wanted in CONTRASTED.items():
        has = shows(study.values, wanted)
        each = [probed(latents, has, value, draw) for draw in range(draws)]
        rows.append(torch.tensor(each, dtype=torch.float64))
    return torch.stack(rows)


def probed(
    latents: Float[Tensor, "images dim"], has: Tensor, name: str, draw: int
) -> tuple[float, float]:
    """Returns what a logistic regression of few labels finds in all other images.

    It is the regression of `core.d2c.few_shot`: standardised latents, the ridge by
    cross-validation. The labels are 100 images with the value, or half of those available,
    and others without it.

    Args:
        latents: latents of the images.
        has: whether each shows the value.
        name: name of the value, of the random stream.
        draw: number of the draw of the labels.

    Returns:
        The AUC, and the mean of both classes' shares that are right, at equal odds.
    """
    labelled = _labelled(has, name, draw)
    others = torch.ones(len(has), dtype=torch.bool)
    others[labelled] = False
    inputs = Inputs.of(latents[labelled])
    own = has[labelled].long()
    targets = functional.one_hot(own, 2).double()
    found = cross_validated(inputs.x, targets, folds_of(own, FOLDS, draw))
    classifier = fit_logistic(inputs.x, targets, found.ridge)
    x = (latents[others].double() - inputs.mean) / inputs.std
    odds = x @ inputs.weight(classifier)[0] + classifier.bias[0]
    odds -= torch.logit(own.double().mean())
    truth = has[others]
    right = (odds > 0) == truth
    accuracy = (right[truth].double().mean() + right[~truth].double().mean()) / 2
    return area_under_curve(odds, truth), float(accuracy)


def _labelled(has: Tensor, name: str, draw: int) -> Int[Tensor, " labels"]:
    order = torch.randperm(len(has), generator=stream_of(draw, name, "contrast labels"))
    given = has[order]
    count = min(LABELS // 2, int(has.sum()) // 2)
    return torch.cat([order[given][:count], order[~given][: LABELS - count]])


def crossed_interval(
    gains: Float[Tensor, "seeds values draws"],
    *,
    rounds: int = ROUNDS,
    levels: Sequence[float] = (0.025, 0.975),
) -> tuple[float, float]:
    """Returns the bootstrap interval of a mean over crossed factors.

    Seeds, values and draws of labels are drawn again each for themselves (the pigeonhole bootstrap
    of Owen 2007), so the interval is of other seeds, other values and other labels at once.

    Args:
        gains: a difference for each seed, value and draw.
        rounds: number of times.
        levels: shares of the means below the ends.
    """
    stream = stream_of(0, "contrast bootstrap")
    means = torch.empty(rounds, dtype=torch.float64)
    for number in range(rounds):
        drawn = gains
        for axis, count in enumerate(gains.shape):
            rows = torch.randint(count, (count,), generator=stream)
            drawn = drawn.index_select(axis, rows)
        means[number] = drawn.mean()
    low, high = means.quantile(torch.tensor(levels, dtype=torch.float64)).tolist()
    return low, high
