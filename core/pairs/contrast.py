"""Contrasts of texts as an auxiliary sees them: what is wanted against something else."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import torch
from jaxtyping import Float
from torch import Tensor

from ..auxiliary import Auxiliary
from ..clip import Clip
from ..condition import Condition
from ..errors import InvalidInput
from .pairs import Pairs
from .scores import Scorer, score_kind

__all__ = ["BLOCK", "Contrast", "conditions_of", "contrast_of", "sharpness"]

BLOCK = 8192
"""Pairs at a time. It is fixed, because the rounding of sums depends on it."""
CLIP_SCALE = 100.0
"""Factor on the cosines of CLIPs whose files have none."""


@dataclass(frozen=True)
class Contrast:
    """Wanted texts against others, as an auxiliary sees them.

    The probability of what is wanted is p = S_w / (S_w + S_o): S_w is the sum of exp(scale s) over
    the scores s of the wanted rows (see `core.pairs.scores`), and S_o the same of the other rows.
    For one-hot rows of a classifier and scale 1 this is p(wanted) / (p(wanted) + p(others)). With
    a context it is multiplied by the probability of the context.

    Away from the wanted texts there are three kinds of pairs, whose probabilities are the softmax
    of (0, l, 2 m - l) with l = log S_w - level: usual pairs, those that show the texts, and those
    that are as unlike them as the texts are unlike the usual; m is the weighted median of l, each
    pair by its weight sigmoid(-l). The probability is that of a usual pair, relative to its value
    at l = m. Without the third kind, no glasses would be sunglasses: a CLIP that learned to
    distinguish these finds them less like glasses than a bare face.

    Attributes:
        wanted: what the images should show; several rows are alternatives.
        instead: what they could show instead; None for the average pair.
        scale: factor on the scores.
        level: log S_o without other rows: log of the mean of S_w over all pairs.
        context: what the images should show besides, against the average pair.
        usual: m, for images that should show anything but the wanted texts; None otherwise. Only
            without other rows and context.
    """

    wanted: Condition
    instead: Condition | None
    scale: float
    level: float = 0.0
    context: "Contrast | None" = None
    usual: float | None = None

    @property
    def away(self) -> bool:
        """Whether the contrast leads away from the wanted texts."""
        return self.usual is not None

    def __str__(self) -> str:
        if self.away:
            return f"all - {', '.join(self.wanted.labels)}"
        others = "all" if self.instead is None else ", ".join(self.instead.labels)
        within = (
            "" if self.context is None else f", within {', '.join(self.context.wanted.labels)}"
        )
        return f"{', '.join(self.wanted.labels)} - {others}{within}"

    def probability(self, conditions: Float[Tensor, "rows embed"]) -> Float[Tensor, " rows"]:
        """Returns the float64 probability of what is wanted; NaN where a condition is unusable."""
        wanted, instead = self.scorers
        others = self.level if instead is None else _log_sum(instead, self.scale, conditions)
        logit = _log_sum(wanted, self.scale, conditions) - others
        if self.usual is not None:
            peak = self._kinds(logit.new_tensor([self.usual]))[0, 0]
            return self._kinds(logit)[:, 0] / peak
        p = logit.sigmoid()
        return p if self.context is None else p * self.context.probability(conditions)

    def sides(self, conditions: Float[Tensor, "rows embed"]) -> Float[Tensor, "rows 2"]:
        """Returns the probabilities of what is wanted, and of what a direction leads away from.

        The second is 1 - p; away from texts it is the probability of these.
        """
        p = self.probability(conditions)
        others = self.shares(conditions)[:, 1] if self.away else 1 - p
        return torch.stack([p, others], dim=1)

    def _kinds(self, logit: Tensor) -> Tensor:
        """Returns the probabilities of usual pairs, of the texts, and of what is unlike them."""
        assert self.usual is not None
        zero = torch.zeros_like(logit)
        return torch.stack([zero, logit, 2 * self.usual - logit], dim=1).softmax(dim=1)

    def shares(self, conditions: Float[Tensor, "rows embed"]) -> Float[Tensor, "rows shares"]:
        """Returns the probabilities of what is wanted and of each other row, in float64.

        The first column is that of `probability`. Without other rows there are no further columns.
        With a context all are multiplied by its probability, and their sum is the latter. Away
        from texts they are those of the three kinds of pairs, of sum 1.
        """
        if self.away:
            return self._kinds(_log_sum(self.scorers[0], self.scale, conditions) - self.level)
        p, (_, instead) = self.probability(conditions)[:, None], self.scorers
        if instead is None:
            return p
        within = 1 if self.context is None else self.context.probability(conditions)[:, None]
        others = (self.scale * instead.table(conditions)).softmax(dim=1)
        return torch.cat([p, (within - p) * others], dim=1)

    @cached_property
    def scorers(self) -> tuple[Scorer, Scorer | None]:
        """The scorers of the wanted rows and of the others, which every sample needs again.

        Raises:
            InvalidInput: a row that is 0 or not finite.
        """
        return Scorer.of(self.wanted), None if self.instead is None else Scorer.of(self.instead)


def _log_sum(side: Scorer, scale: float, conditions: Tensor) -> Tensor:
    return (scale * side.table(conditions)).logsumexp(dim=1)


def sharpness(auxiliary: Auxiliary) -> float:
    """Returns the factor on scores with which an auxiliary was trained.

    A CLIP's logit scale (100 where its file has none), and 1 for classifiers, whose scores are log
    probabilities.
    """
    if isinstance(auxiliary, Clip):
        return CLIP_SCALE if auxiliary.logit_scale is None else auxiliary.logit_scale
    return 1.0


@torch.no_grad()
def contrast_of(
    pairs: Pairs,
    wanted: Condition,
    instead: Condition | None = None,
    *,
    context: Condition | None = None,
    away: bool = False,
    scale: float,
) -> Contrast:
    """Returns a contrast; without `instead`, against the average pair.

    Args:
        pairs: pairs of the conditions' auxiliary.
        wanted: rows of what the images should show.
        instead: rows of what they could show instead.
        context: rows of what they should show besides.
        away: whether the images should show anything but what is wanted.
        scale: factor on the scores, above 0.

    Raises:
        ConditionMismatch: conditions or pairs of different auxiliaries, or of another width.
        InvalidInput: a scale of 0 or below, no pair, rows that are 0 or not finite, or other rows
            for a contrast away from what is wanted.
    """
    if away and (instead is not None or context is not None):
        raise InvalidInput(
            "Away from a text, and texts to show in its place or besides. Give those as wanted, "
            "and the text as what they are instead of."
        )
    if not 0 < scale < float("inf"):
        raise InvalidInput(f"A scale of {scale:g} of the scores; expected a number above 0.")
    pairs.check_auxiliary(wanted.auxiliary, wanted.auxiliary_name, against="the wanted text is of")
    if len(pairs) == 0:
        raise InvalidInput("There are no pairs to make a direction of. Make some first.")
    for other in (instead, context):
        if other is None:
            continue
        other.check_auxiliary(wanted.auxiliary, wanted.auxiliary_name)
        if score_kind(other) != score_kind(wanted):
            raise InvalidInput(
                "One of the conditions has class probabilities and another embeddings. Make all "
                "in the same way."
            )
    within = None if context is None else contrast_of(pairs, context, scale=scale)
    if instead is not None:
        return Contrast(wanted, instead, scale, context=within)
    plain = Contrast(wanted, None, scale)
    parts = [
        _log_sum(plain.scorers[0], scale, conditions).nan_to_num(nan=-torch.inf)
        for conditions in conditions_of(pairs, wanted)
    ]
    total = torch.cat(parts)
    count = total.isfinite().sum().clamp_min(1)
    level = float(total.logsumexp(dim=0) - count.log())
    if not away:
        return Contrast(wanted, None, scale, level, within)
    logit = total[total.isfinite()] - level
    return Contrast(wanted, None, scale, level, usual=_median(logit, (-logit).sigmoid()))


def _median(values: Tensor, weights: Tensor) -> float:
    """Returns the smallest value at which half of the weights is reached."""
    order = values.argsort()
    reached = weights[order].cumsum(dim=0) >= weights.sum() / 2
    return float(values[order][reached][0])


def conditions_of(pairs: Pairs, like: Condition) -> Iterator[Float[Tensor, "rows embed"]]:
    """Yields the conditions of pairs in blocks, on the CPU.

    Raises:
        ConditionMismatch: they have another width than `like`.
    """
    scorer = Scorer.of(like)
    for _, conditions in pairs.blocks(BLOCK):
        scorer.check_width(conditions)
        yield conditions.cpu()
