"""Groups of particles by condition: each condition has its own density, log q(x|c)."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ..condition import Condition
from ..energy import Energy, Pullback
from ..errors import ConditionMismatch

__all__ = ["Groups", "groups_of"]

ROUNDING = 1e-5
"""Relative tolerance of equal rows: an encoder may round a text differently in another batch."""


@dataclass(frozen=True)
class Groups:
    """The grouping of particles by several conditions.

    Attributes:
        of: number of the group of each sample, in the order in which the groups appear.
        names: names of the groups to display.
        called: what a row of the conditions is called, for messages.
    """

    of: tuple[int, ...]
    names: tuple[str, ...]
    called: str

    def condition(self) -> Condition:
        """Returns the groups as rows, one per sample, on which log q(x|c) depends."""
        numbers = torch.tensor(self.of, dtype=torch.float32)[:, None]
        labels = tuple(self.names[number] for number in self.of)
        return Condition(numbers, labels, "groups", "groups", called=self.called)

    def places(self, rows: Sequence[int]) -> list[list[int]]:
        """Returns the positions of the members of each group in a batch with these rows."""
        found: list[list[int]] = [[] for _ in self.names]
        for place, row in enumerate(rows):
            found[self.of[row]].append(place)
        return found

    def single(self) -> list[str]:
        """Returns the names of the groups with a single member."""
        return [name for number, name in enumerate(self.names) if self.of.count(number) == 1]


def groups_of(energy: Energy | None) -> Groups | None:
    """Groups samples by the conditions of an energy; returns None where all samples share them.

    Two samples are in one group where their rows are equal (to 1e-5 of their largest number) in
    each term with a weight, for texts, images, classes and class shares alike. Terms without a
    condition, or with one row for all, do not separate samples.

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
    """Returns the conditions with several rows, of terms that have a weight."""
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
    """Returns for each row the number of the first row equal to it."""
    x = rows.detach().flatten(1).cpu().double()
    slack, means = ROUNDING * x.abs().amax(dim=1), x.mean(dim=1)
    found: list[int] = []
    firsts: list[int] = []
    for number in range(len(x)):
        # Equal rows have equal means, which leaves few long rows to compare.
        place = torch.tensor(firsts, dtype=torch.long)
        place = place[(means[place] - means[number]).abs() <= slack[place]]
        near = place[(x[place] - x[number]).abs().amax(dim=1) <= slack[place]].tolist()
        found.append(near[0] if near else number)
        if not near:
            firsts.append(number)
    return found
