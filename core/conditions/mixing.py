"""Conditions made of others: weighted directions, and the way from one to another."""

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
"""Length of a weighted sum of unit vectors, by the sum of weights, below which it says nothing."""
PARALLEL = 1e-6
"""Sine of the angle below which two directions count as one, or as opposite."""


def mixed(
    embeddings: Float[Tensor, "parts embed"], weights: Sequence[float]
) -> Float[Tensor, " embed"]:
    """One embedding that stands for several: sum_i w_i e_i / |e_i|, at their usual length.

    A cosine is linear in the unit vectors: cos(x, sum) = sum_i w_i cos(x, e_i) / |sum|. One energy
    therefore serves however many parts there are, with negative weights for what is not wanted;
    it differs from the sum of the parts' energies by the factor 1 / |sum| alone, which the inverse
    temperature can take up. The length is the mean of |e_i| weighted by |w_i|, since translators
    take raw embeddings.

    Args:
        embeddings: a row per part, not normalised.
        weights: one per part, of either sign.

    Raises:
        InvalidInput: weights that are not finite, that cancel, or an embedding of length 0.
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
            "to. Change a weight, or say something else."
        )
    length = (shares.abs() * lengths).sum() / total
    return (direction / direction.norm() * length).to(embeddings.dtype)


def averaged(
    first: Condition, second: Condition, *, first_weight: float = 1.0, second_weight: float = 1.0
) -> Condition:
    """The rows of two conditions, mixed pair by pair; a single row goes with every other.

    Args:
        first: of one auxiliary.
        second: of the same; a text and an image, say.
        first_weight: of either sign.
        second_weight: of either sign; negative draws away.

    Raises:
        ConditionMismatch: made by two auxiliaries, or numbers of rows that do not pair.
        InvalidInput: weights that cancel.
    """
    weights = (first_weight, second_weight)
    pairs = _paired(first, second)
    rows = [mixed(torch.stack([one, two]), weights) for one, two, _, _ in pairs]
    labels = [f"{first_weight:g} {one} + {second_weight:g} {two}" for _, _, one, two in pairs]
    return _like(first, rows, labels)


def fractions(frames: int, *, ends: bool) -> list[float]:
    """How far along each frame lies, evenly spaced; a single one lies half-way.

    Args:
        frames: how many, at least 1.
        ends: from 0 to 1; else from 0.1 to 0.9, as TR0N's released code.

    Raises:
        InvalidInput: no frame.
    """
    if frames < 1:
        raise InvalidInput(f"{frames} frames of an interpolation; at least 1 needed.")
    low, high = (0.0, 1.0) if ends else (0.1, 0.9)
    if frames == 1:
        return [0.5]
    return [low + (high - low) * frame / (frames - 1) for frame in range(frames)]


def interpolated(
    first: Condition, second: Condition, at: Sequence[float], *, way: Way = "slerp"
) -> Condition:
    """The way from one condition to another, TR0N sections 5.3 and B.4; pair by pair of rows.

    `slerp` is that of TR0N's released code: on raw vectors, with the angle between the normalised
    ones, sin((1 - t) a) / sin(a) u + sin(t a) / sin(a) v. Lengths go smoothly from one to the
    other. Directions that are one are interpolated linearly. For the probabilities of a classifier
    take `lerp`, whose points add up to 1.

    Args:
        first: where t is 0.
        second: where t is 1; of the same auxiliary.
        at: the values of t, each a row of the result.
        way: slerp or lerp.

    Raises:
        ConditionMismatch: made by two auxiliaries, or numbers of rows that do not pair.
        InvalidInput: no t, an unknown way, or opposite directions, between which no arc is
            shortest.
    """
    if way not in ("slerp", "lerp"):
        raise InvalidInput(f"Way {way!r} of interpolating; there are slerp and lerp.")
    if not at:
        raise InvalidInput("No frame of an interpolation asked for; at least 1 needed.")
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
            raise InvalidInput("A condition is 0 everywhere: it has no direction. Take lerp.")
        cosine = (u @ v / across).clamp(-1, 1)
        angle = cosine.arccos()
        if float(angle.sin()) > PARALLEL:
            share = float(((1 - t) * angle).sin() / angle.sin())
            other = float((t * angle).sin() / angle.sin())
        elif float(cosine) < 0:
            raise InvalidInput(
                "The two conditions point in opposite directions: no way between them is the "
                "shortest. Take lerp, or a third condition in between."
            )
    return (share * u + other * v).to(one.dtype)


def _paired(first: Condition, second: Condition) -> list[tuple[Tensor, Tensor, str, str]]:
    if not same_auxiliary(first.auxiliary, second.auxiliary):
        other = chosen_differently(first.auxiliary, second.auxiliary)
        used = f", the same weights used otherwise ({other})" if other else ""
        raise ConditionMismatch(
            f"The first condition was made by {first.auxiliary_name!r}, the second by "
            f"{second.auxiliary_name!r}{used}: their numbers mean different things. "
            "Make both with one auxiliary model."
        )
    count = max(len(first), len(second))
    if not {len(first), len(second)} <= {1, count} or min(len(first), len(second)) < 1:
        raise ConditionMismatch(
            f"Conditions of {len(first)} and {len(second)} rows cannot be paired. Give as many "
            "rows, or one on either side."
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
