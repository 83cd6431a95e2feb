"""Which particles are of one condition: each condition has a density of its own, log q(x|c)."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ..condition import Condition
from ..energy import Energy, Pullback
from ..errors import ConditionMismatch

__all__ = ["Groups", "groups_of"]

ROUNDING = 1e-5
"""Rows of a condition that differ by less, as a share of their largest number, are equal: an
encoder may give the same text other last digits in another batch."""


@dataclass(frozen=True)
class Groups:
    """The particles of several conditions.

    Attributes:
        of: the number of each sample's group, in the order in which the groups appear.
        names: of the groups, to display.
        called: what the rows of the conditions are, for messages.
    """

    of: tuple[int, ...]
    names: tuple[str, ...]
    called: str

    def condition(self) -> Condition:
        """The groups as rows, one per sample: what log q(x|c) depends on besides the images."""
        numbers = torch.tensor(self.of, dtype=torch.float32)[:, None]
        labels = tuple(self.names[number] for number in self.of)
        return Condition(numbers, labels, "groups", "groups", called=self.called)

    def places(self, rows: Sequence[int]) -> list[list[int]]:
        """Where in a batch with these rows the members of every group stand."""
        found: list[list[int]] = [[] for _ in self.names]
        for place, row in enumerate(rows):
            found[self.of[row]].append(place)
        return found

    def single(self) -> list[str]:
        """The names of the groups that have one member only."""
        return [name for number, name in enumerate(self.names) if self.of.count(number) == 1]


def groups_of(energy: Energy | None) -> Groups | None:
    """The groups of samples that share all conditions of an energy; None where all do.

    Two samples are of one group where the rows that every term of a weight has for them are equal
    (to 1e-5 of their largest number): texts, images, classes and shares of classes alike. Terms
    without a condition, or with one row for all, do not separate samples.

    Args:
        energy: -log p(c|x); None for an unconditional flow, which is one group.

    Raises:
        ConditionMismatch: conditions with different numbers of rows.
    """
    conditions = [] if energy is None else list(_conditions(energy))
    if not conditions:
        return None
    counts = {len(condition) for condition in conditions}
    if len(counts) > 1:
        counted = " and ".join(f"{len(one)} {one.called}" for one in conditions)
        raise ConditionMismatch(
            f"The terms of the energy have conditions of {counted}. Give each one for all "
            "samples, or as many as samples."
        )
    parts = [_equal(condition.embedding) for condition in conditions]
    keys = list(zip(*parts, strict=True))
    distinct = list(dict.fromkeys(keys))
    if len(distinct) < 2:
        return None
    firsts = [keys.index(key) for key in distinct]
    names = tuple(
        " + ".join(dict.fromkeys(condition.labels[row] for condition in conditions))
        for row in firsts
    )
    number = {key: place for place, key in enumerate(distinct)}
    return Groups(tuple(number[key] for key in keys), names, conditions[0].called)


def _conditions(energy: Energy) -> Iterator[Condition]:
    """The conditions with several rows, of terms that have a weight."""
    for weight, part in energy.terms:
        if weight == 0:
            continue
        if isinstance(part, Pullback):
            yield from _conditions(part.inner)
            continue
        for leaf in part.leaves():
            if leaf.condition is not None and len(leaf.condition) > 1:
                yield leaf.condition


def _equal(rows: Tensor) -> list[int]:
    """For each row the number of the first one that is equal to it."""
    x = rows.detach().flatten(1).cpu().double()
    slack, means = ROUNDING * x.abs().amax(dim=1), x.mean(dim=1)
    found: list[int] = []
    firsts: list[int] = []
    for number in range(len(x)):
        # Equal rows have equal means: few of long rows are left to compare.
        place = torch.tensor(firsts, dtype=torch.long)
        place = place[(means[place] - means[number]).abs() <= slack[place]]
        near = place[(x[place] - x[number]).abs().amax(dim=1) <= slack[place]].tolist()
        found.append(near[0] if near else number)
        if not near:
            firsts.append(number)
    return found
