"""The pairs nearest to conditions: one pass over all pairs, and no image."""

from dataclasses import dataclass
from weakref import WeakKeyDictionary

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional

from ..condition import Condition
from ..errors import InvalidInput
from .pairs import Pairs
from .scores import Scorer

__all__ = ["Nearest", "check_usable", "nearest"]

SCORES = 1 << 18
"""Scores, of wanted rows times pairs, that are compared at a time."""
MOST_UNUSABLE = 0.01
"""Largest share of pairs whose conditions are 0 or not finite."""
AT_ONCE = 1 << 14
"""Rows at a time in float64."""
PIECE = 512
"""Pairs at a time in float32 on a CPU: about a megabyte, which stays in its caches."""
ON_DEVICE = 8192
"""The same on an accelerator, and the smallest number of pairs that are compared at a time."""
_NORMS: "WeakKeyDictionary[Pairs, dict[str, Tensor]]" = WeakKeyDictionary()
"""Norms of all conditions by the device of the search; negative where they are unknown."""


@dataclass(frozen=True)
class Nearest:
    """The nearest pairs of each wanted row.

    Attributes:
        numbers: numbers of the pairs, the nearest first; for a diverse choice in the order of
            choice.
        scores: their scores, see `core.pairs.scores`.
        unusable: number of pairs that were left out because their condition is 0 or not finite.
    """

    numbers: Int[Tensor, "wanted keep"]
    scores: Float[Tensor, "wanted keep"]
    unusable: int


def check_usable(unusable: int, pairs: int) -> None:
    """Checks that nearly all pairs have usable conditions.

    Raises:
        InvalidInput: more than one pair in a hundred has none.
    """
    if unusable > MOST_UNUSABLE * pairs:
        raise InvalidInput(
            f"{unusable} of {pairs} pairs have conditions that are 0 or not finite; at most one "
            "in a hundred is left out. Make the pairs again, with an auxiliary and a precision "
            "that give finite conditions."
        )


@torch.no_grad()
def nearest(
    pairs: Pairs,
    condition: Condition,
    keep: int,
    *,
    among: int = 0,
    device: torch.device | None = None,
    block: int | None = None,
) -> Nearest:
    """Returns the k pairs nearest to each row of a condition.

    The score is that of `core.pairs.scores.Scorer`, the negated energy of the auxiliary. The
    result is exact: pairs are ranked by scores in float64, each computed from its own row, and
    among equal scores by number. It is the same to the bit for any block size, any other rows in
    the condition, and any device: a pass in float32 only rules pairs out, by more than its largest
    rounding error.

    Args:
        pairs: pairs of the condition's auxiliary.
        condition: wanted rows.
        keep: k, from 1 to the number of pairs.
        among: 0 for the nearest; else m, from k to the number of pairs, for a diverse choice: the
            nearest, and then repeatedly the one among the m nearest that is farthest from those
            already chosen, by the Euclidean distance of unit embeddings or of probabilities.
        device: where the pass in float32 runs; where the conditions are if None.
        block: pairs whose scores are compared at a time; by the number of wanted rows if None.

    Raises:
        ConditionMismatch: pairs of another auxiliary, or of another width.
        InvalidInput: no pair, a number outside its range, a wanted row that is 0 or not finite,
            or too many pairs with unusable conditions.
    """
    pairs.check_auxiliary(
        condition.auxiliary, condition.auxiliary_name, against="the condition is of"
    )
    size = _checked(len(pairs), keep, among)
    search = _Search(pairs, Scorer.of(condition), size, diverse=among > 0)
    block = max(ON_DEVICE, SCORES // len(search.scores)) if block is None else block
    for first in range(0, len(pairs), block):
        search.add(first, min(first + block, len(pairs)), device)
    check_usable(search.unusable, len(pairs))
    if search.least < size:
        raise InvalidInput(
            f"The nearest {size} of {len(pairs)} pairs requested, but only {search.least} have a "
            "condition that is finite and not 0. Ask for fewer."
        )
    return search.result(keep)


class _Search:
    """The best pairs so far of each wanted row, the best first.

    Args:
        pairs: the pairs.
        scorer: scores.
        size: number of pairs to keep.
        diverse: whether to keep their conditions for a diverse choice.
    """

    def __init__(self, pairs: Pairs, scorer: Scorer, size: int, *, diverse: bool) -> None:
        self.pairs, self.scorer, self.size, self.diverse = pairs, scorer, size, diverse
        self.norms = _NORMS.setdefault(pairs, {}) if scorer.kind == "cosine" else {}
        self.unusable = 0
        wanted, width = scorer.wanted.shape
        self.scores = [torch.empty(0, dtype=torch.float64) for _ in range(wanted)]
        self.numbers = [torch.empty(0, dtype=torch.long) for _ in range(wanted)]
        self.rows = [torch.empty(0, width) for _ in range(wanted)]

    @property
    def least(self) -> int:
        """Smallest number of pairs found for a row."""
        return min(map(len, self.scores))

    def add(self, first: int, last: int, device: torch.device | None) -> None:
        """Adds the pairs numbered first to last - 1."""
        fast, error = self._fast(first, last, device)
        finite = fast[0].isfinite()
        if gone := len(finite) - int(finite.count_nonzero()):
            self.unusable += gone
            fast = torch.where(finite, fast, -torch.inf)
            error = error.nan_to_num()
        near = fast >= self._floor(fast, error) - error
        if gone:
            near &= finite
        if not bool(near.any()):
            return
        for part in near.nonzero().cpu().split(AT_ONCE):
            numbers = part[:, 1] + first
            conditions = self.pairs.conditions_of(numbers).cpu()
            exact = self.scorer.exact(conditions, part[:, 0])
            for row in part[:, 0].unique().tolist():
                own = part[:, 0] == row
                self._join(row, exact[own], numbers[own], conditions[own])

    def _fast(self, first: int, last: int, device: torch.device | None) -> tuple[Tensor, Tensor]:
        """Returns the scores in float32 of pairs of a block, and their largest error."""
        products: list[Tensor] = []
        fresh: list[Tensor] = []
        norms = self._known(first, last, device)
        size = PIECE if device is None or device.type == "cpu" else ON_DEVICE
        for conditions in self.pairs.pieces(first, last, size, shared=True):
            self.scorer.check_width(conditions)
            rows = conditions.to(device, torch.float32)
            products.append(self.scorer.products(rows))
            if norms is None and (own := self.scorer.norms(rows)) is not None:
                fresh.append(own)
        if fresh:
            norms = torch.cat(fresh)
            self._keep(first, norms, device)
        return self.scorer.scores(torch.cat(products, dim=1), norms)

    def _known(self, first: int, last: int, device: torch.device | None) -> Tensor | None:
        """Returns the norms of a block from an earlier search."""
        norms = self.norms.get(str(device))
        if norms is None or bool((norms[first:last] < 0).any()):
            return None
        return norms[first:last]

    def _keep(self, first: int, norms: Tensor, device: torch.device | None) -> None:
        """Keeps the norms of a block for the next search."""
        with torch.inference_mode(False):  # so that a search outside of that mode may add some
            if str(device) not in self.norms:
                unknown = torch.full((len(self.pairs),), -1.0, device=norms.device)
                self.norms[str(device)] = unknown
            self.norms[str(device)][first : first + len(norms)] = norms

    def _floor(self, fast: Tensor, error: Tensor) -> Tensor:
        """Returns a lower bound of the score of the last pair to keep, (wanted, 1)."""
        if self.least == self.size:
            last = torch.stack([scores[-1] for scores in self.scores])
            # Rounded down.
            last = torch.nextafter(last.float(), last.new_tensor(-torch.inf, dtype=torch.float32))
            return last[:, None].to(fast)
        if fast.shape[1] < self.size:
            return fast.new_full((len(fast), 1), -torch.inf)
        return (fast - error).topk(self.size, dim=1).values[:, -1:]

    def _join(self, row: int, exact: Tensor, numbers: Tensor, conditions: Tensor) -> None:
        """Merges pairs, in the order of their numbers, into the best of a row."""
        scores = torch.cat([self.scores[row], exact])
        # Stable: earlier pairs stand first.
        order = scores.sort(descending=True, stable=True).indices[: self.size]
        self.scores[row] = scores[order]
        self.numbers[row] = torch.cat([self.numbers[row], numbers])[order]
        if self.diverse:
            known = [self.rows[row], conditions.float()]
            self.rows[row] = torch.cat(known)[order]

    def result(self, keep: int) -> Nearest:
        """Returns the pairs found."""
        chosen = [self._chosen(row, keep) for row in range(len(self.scores))]
        parts = ([own[which] for own, which in zip(part, chosen, strict=True)] for part in
                 (self.numbers, self.scores))  # fmt: skip
        numbers, scores = map(torch.stack, parts)
        return Nearest(numbers, scores, self.unusable)

    def _chosen(self, row: int, keep: int) -> Tensor:
        if not self.diverse:
            return torch.arange(keep)
        rows = self.rows[row].double()
        unit = self.scorer.kind == "cosine"
        return _farthest(functional.normalize(rows, dim=1) if unit else rows, keep)


def _farthest(rows: Float[Tensor, "rows embed"], keep: int) -> Int[Tensor, " keep"]:
    """Returns the first row, and repeatedly the one farthest from the chosen; ties: the first."""
    chosen = [0]
    distance = torch.full((len(rows),), torch.inf, dtype=rows.dtype)
    while len(chosen) < keep:
        distance = torch.minimum(distance, (rows - rows[chosen[-1]]).square().sum(dim=1))
        # A row that equals a chosen one has the distance 0 but may still be needed.
        distance[chosen[-1]] = -torch.inf
        chosen.append(int((distance == distance.max()).nonzero()[0]))
    return torch.tensor(chosen)


def _checked(pairs: int, keep: int, among: int) -> int:
    """Returns the number of nearest pairs to find."""
    if pairs == 0:
        raise InvalidInput("There are no pairs to search. Make some first.")
    if not 1 <= keep <= pairs:
        raise InvalidInput(
            f"The nearest {keep} of {pairs} pairs requested. Ask for 1 to {pairs}, or make more "
            "pairs."
        )
    if among and not keep <= among <= pairs:
        raise InvalidInput(
            f"{keep} pairs chosen among the nearest {among} of {pairs}; expected {keep} to "
            f"{pairs}, or 0 for the nearest themselves."
        )
    return max(keep, among)
