"""Figures of edits: how many avatars show what is wanted after an edit, and what they keep."""

from collections.abc import Mapping, Sequence
from statistics import fmean, stdev

from ...core.auxiliary import AttributeJudge
from ...core.metrics.intervals import bootstrap

__all__ = ["edit_figures", "figures_of_pictures"]


def edit_figures(
    judge: AttributeJudge,
    before: Sequence[Mapping[str, str]],
    after: Sequence[Mapping[str, str]],
    sets: Mapping[str, str],
) -> dict[str, float]:
    """Returns `reached` and `kept`; nothing if all avatars showed what is wanted before.

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


def figures_of_pictures(
    judge: AttributeJudge,
    before: Sequence[Mapping[str, str]],
    after: Sequence[Mapping[str, str]],
    sets: Mapping[str, str],
) -> dict[str, float]:
    """Returns `edit_figures` as means over pictures, with intervals and standard errors.

    `KEY_low` and `KEY_high` are the bootstrap's 95 % interval over pictures, and `KEY_error` is
    the standard error. Results of one picture are alike, so pictures are what is drawn.

    Args:
        judge: see `edit_figures`.
        before: likeliest values of each picture before the edit, by attribute.
        after: the same of its results, the same number of each, those of the first picture first.
        sets: values that the edit sets, by attribute.
    """
    each = len(after) // len(before)
    results = [after[place * each :][:each] for place in range(len(before))]
    found = [
        edit_figures(judge, [one] * each, own, sets)
        for one, own in zip(before, results, strict=True)
    ]
    flat: dict[str, float] = {}
    for key in ("reached", "kept"):
        # Pictures that showed what is wanted before have no figures.
        values = [one[key] for one in found if one]
        interval = bootstrap(lambda rows: float(rows.mean()), values, seed=0)
        flat |= {key: fmean(values), f"{key}_low": interval.low, f"{key}_high": interval.high}
        flat[f"{key}_error"] = stdev(values) / len(values) ** 0.5 if len(values) > 1 else 0.0
    return flat


def _shows(values: Mapping[str, str], sets: Mapping[str, str]) -> bool:
    return all(values.get(name) == value for name, value in sets.items())
