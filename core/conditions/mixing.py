"""Conditions made of other conditions: weighted mixtures and interpolations."""

from collections.abc import Sequence
from typing import Literal, TypeAlias

import torch
from jaxtyping import Float
from torch import Tensor

from ..condition import Condition
from ..errors import ConditionMismatch, InvalidInput
from ..identity import chosen_differently, same_auxiliary

__all__ = ["Way", "averaged", "fractions", "interpolated", "mixed"]

Way: TypeAlias = Literal["slerp", "lerp"]
LEAST_SHARE = 1e-5
"""Length of a weighted sum of unit vectors, relative to the sum of absolute weights, below which
the weights count as cancelling."""
PARALLEL = 1e-6
"""Sine of the angle below which two directions count as equal or opposite."""


def mixed(
    embeddings: Float[Tensor, "parts embed"], weights: Sequence[float]
) -> Float[Tensor, " embed"]:
    """Combines embeddings into one: sum_i w_i e_i / |e_i|, rescaled to their mean length.

    A cosine is linear in the unit vectors: cos(x, sum) = sum_i w_i cos(x, e_i) / |sum|. One energy
    therefore covers any number of parts, with negative weights for what is unwanted. It differs
    from the sum of the parts' energies only by the factor 1 / |sum|, which the inverse temperature
    can absorb. The length is the mean of |e_i| weighted by |w_i|, since translators take raw
    embeddings.

    Args:
        embeddings: one row per part, not normalised.
        weights: one weight per part, of either sign.

    Raises:
        InvalidInput: weights are not finite or cancel, or an embedding has length 0.
    """
    if len(weights) != len(embeddings) or not weights:
        raise InvalidInput(f"{len(weights)} weights for {len(embeddings)} parts of a condition.")
    rows = embeddings.double()
    shares = torch.tensor(weights, dtype=torch.float64, device=rows.device)
    lengths = rows.norm(dim=1)
    if not bool(shares.isfinite().all()) or not bool((lengths > 0).all()):
        raise InvalidInput(
            f"Weights {list(weights)} of embeddings of lengths {lengths.tolist()}: weights must "
            "be finite and lengths above 0."
        )
    total = shares.abs().sum()
    direction = (shares[:, None] * rows / lengths[:, None]).sum(dim=0)
    if not bool(direction.norm() > LEAST_SHARE * total):
        raise InvalidInput(
            f"The weights {', '.join(f'{w:g}' for w in weights)} cancel: nothing is left to steer "
            "to. Change a weight or a part."
        )
    length = (shares.abs() * lengths).sum() / total
    return (direction / direction.norm() * length).to(embeddings.dtype)


def averaged(
    first: Condition, second: Condition, *, first_weight: float = 1.0, second_weight: float = 1.0
) -> Condition:
    """Mixes the rows of two conditions pairwise; a single row pairs with every other row.

    Args:
        first: condition of an auxiliary.
        second: condition of the same auxiliary, for example an image where the first is a text.
        first_weight: weight of the first, of either sign.
        second_weight: weight of the second, of either sign; negative steers away from it.

    Raises:
        ConditionMismatch: the auxiliaries differ, or the numbers of rows do not pair.
        InvalidInput: the weights cancel.
    """
    weights = (first_weight, second_weight)
    pairs = _paired(first, second)
    rows = [mixed(torch.stack([one, two]), weights) for one, two, _, _ in pairs]
    labels = [f"{first_weight:g} {one} + {second_weight:g} {two}" for _, _, one, two in pairs]
    return _like(first, rows, labels)


def fractions(frames: int, *, ends: bool) -> list[float]:
    """Evenly spaced positions t of the frames of an interpolation; 0.5 for a single frame.

    Args:
        frames: number of frames, at least 1.
        ends: whether t runs from 0 to 1; otherwise from 0.1 to 0.9, as in TR0N's released code.

    Raises:
        InvalidInput: `frames` is below 1.
    """
    if frames < 1:
        raise InvalidInput(f"{frames} frames of an interpolation; at least 1 is needed.")
    low, high = (0.0, 1.0) if ends else (0.1, 0.9)
    if frames == 1:
        return [0.5]
    return [low + (high - low) * frame / (frames - 1) for frame in range(frames)]


def interpolated(
    first: Condition, second: Condition, at: Sequence[float], *, way: Way = "slerp"
) -> Condition:
    """Interpolates between the rows of two conditions, TR0N sections 5.3 and B.4.

    `slerp` is that of TR0N's released code: on raw vectors, with the angle a between the
    normalised ones, sin((1 - t) a) / sin(a) u + sin(t a) / sin(a) v. The length changes smoothly.
    Parallel directions are interpolated linearly. For the probabilities of a classifier use
    `lerp`, whose points sum to 1.

    Args:
        first: condition at t = 0.
        second: condition at t = 1, of the same auxiliary.
        at: values of t; each gives one row of the result per pair of rows.
        way: `slerp` or `lerp`.

    Raises:
        ConditionMismatch: the auxiliaries differ, or the numbers of rows do not pair.
        InvalidInput: no t, an unknown way, or opposite directions, which no shortest arc joins.
    """
    if way not in ("slerp", "lerp"):
        raise InvalidInput(f"Unknown interpolation {way!r}; choose slerp or lerp.")
    if not at:
        raise InvalidInput("No frame of an interpolation requested; at least 1 is needed.")
    rows: list[Tensor] = []
    labels: list[str] = []
    for one, two, name, other in _paired(first, second):
        for t in at:
            rows.append(_between(one, two, t, way))
            labels.append(f"{name} {t:.2g} {other}")
    return _like(first, rows, labels)


def _between(one: Tensor, two: Tensor, t: float, way: Way) -> Tensor:
    u, v = one.double(), two.double()
    share, other = 1 - t, t
    if way == "slerp":
        across = u.norm() * v.norm()
        if not bool(across > 0):
            raise InvalidInput("A condition is 0 everywhere and has no direction. Use lerp.")
        cosine = (u @ v / across).clamp(-1, 1)
        angle = cosine.arccos()
        if float(angle.sin()) > PARALLEL:
            share = float(((1 - t) * angle).sin() / angle.sin())
            other = float((t * angle).sin() / angle.sin())
        elif float(cosine) < 0:
            raise InvalidInput(
                "The two conditions point in opposite directions: no arc between them is the "
                "shortest. Use lerp, or a third condition in between."
            )
    return (share * u + other * v).to(one.dtype)


def _paired(first: Condition, second: Condition) -> list[tuple[Tensor, Tensor, str, str]]:
    if not same_auxiliary(first.auxiliary, second.auxiliary):
        other = chosen_differently(first.auxiliary, second.auxiliary)
        used = f", the same weights with other settings ({other})" if other else ""
        raise ConditionMismatch(
            f"The first condition was made by {first.auxiliary_name!r}, the second by "
            f"{second.auxiliary_name!r}{used}: they are not comparable. "
            "Make both with one auxiliary model."
        )
    count = max(len(first), len(second))
    if not {len(first), len(second)} <= {1, count} or min(len(first), len(second)) < 1:
        raise ConditionMismatch(
            f"Conditions of {len(first)} and {len(second)} rows cannot be paired. Give both the "
            "same number of rows, or one of them a single row."
        )
    rows = [(n if len(first) > 1 else 0, n if len(second) > 1 else 0) for n in range(count)]
    return [
        (first.embedding[i], second.embedding[j].to(first.embedding), first.labels[i], other)
        for i, j in rows
        for other in (second.labels[j],)
    ]


def _like(condition: Condition, rows: Sequence[Tensor], labels: Sequence[str]) -> Condition:
    return Condition(
        torch.stack(list(rows)), tuple(labels), condition.auxiliary, condition.auxiliary_name
    )
