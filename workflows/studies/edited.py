"""Figures of edits: how many avatars show the wanted after an edit, and what they keep."""

from collections.abc import Mapping, Sequence
from statistics import fmean

from ...core.auxiliary import AttributeJudge

__all__ = ["edit_figures"]


def edit_figures(
    judge: AttributeJudge,
    before: Sequence[Mapping[str, str]],
    after: Sequence[Mapping[str, str]],
    sets: Mapping[str, str],
) -> dict[str, float]:
    """Returns `reached` and `kept`; nothing if all avatars showed the wanted before.

    Of the avatars that did not show it before, `reached` is the share that do now, and `kept` the
    mean share of equal values among other attributes visible before and after.

    Args:
        judge: a judge that took no part in the edits, which knows what is visible.
        before: likeliest values of each avatar before the edit, by attribute.
        after: the same after it.
        sets: values that the edit sets, by attribute.
    """
    reached: list[float] = []
    kept: list[float] = []
    for one, other in zip(before, after, strict=True):
        seen, now = judge.visible(one), judge.visible(other)
        if _shows(seen, sets):
            continue
        reached.append(float(_shows(now, sets)))
        others = [name for name in seen if name in now and name not in sets]
        kept.append(fmean(float(seen[name] == now[name]) for name in others))
    return {"reached": fmean(reached), "kept": fmean(kept)} if reached else {}


def _shows(values: Mapping[str, str], sets: Mapping[str, str]) -> bool:
    return all(values.get(name) == value for name, value in sets.items())
