"""The figures of KRR flow's conditional experiments on the avatars, over prompts and pictures."""

from collections.abc import Mapping, Sequence
from statistics import fmean

import torch
from torch import Tensor

from ....core.energies.masked import known_error
from ....core.latents import Latents
from ....core.zoo.avatar_captions import AvatarPrompt
from .avatars import EDITS, HOLES, AvatarsFlow, Edit, hole, pairwise

__all__ = ["Pictures", "completions", "diversity", "edits", "stays"]

Pictures = dict[str, Tensor]
"""Batches of pictures by name."""
KINDS = ("start", "alone", "flow")
ALONE, FLOW = KINDS[1:]


def diversity(
    study: AvatarsFlow, prompts: Sequence[AvatarPrompt], *, apart: bool = False
) -> tuple[dict[str, float], Pictures]:
    """Measures diversity and satisfied constraints of samples of prompts by the judge.

    Args:
        study: study with the models.
        prompts: prompts, with sixteen samples each.
        apart: whether each sample has a separate start; otherwise they are variations of one.
    """
    task = "apart" if apart else "text"
    distance: dict[str, list[float]] = {kind: [] for kind in KINDS}
    share: dict[str, list[float]] = {kind: [] for kind in KINDS}
    pictures: Pictures = {}
    for number, prompt in enumerate(prompts):
        study.say(f"seed {study.seed}: {prompt.text}")
        images = _shown(study, study.by_text(prompt, apart=apart))
        for kind, batch in images.items():
            distance[kind].append(pairwise(study.judge_features(batch)))
            share[kind].append(study.share(batch, prompt))
        pictures[f"{task}_{number}"] = torch.cat([images[ALONE], images[FLOW]])
    ratios = [flow / alone for flow, alone in zip(distance[FLOW], distance[ALONE], strict=True)]
    kept = fmean(share[FLOW]) / fmean(share[ALONE]) if any(share[ALONE]) else 0.0
    figures = {f"{task}_{kind}_pairwise": fmean(values) for kind, values in distance.items()}
    figures |= {f"{task}_{kind}_satisfied": fmean(values) for kind, values in share.items()}
    return figures | {
        f"{task}_pairwise_ratio": fmean(ratios),
        f"{task}_pairwise_ratio_least": min(ratios),
        f"{task}_satisfied_ratio": kept,
    }, pictures


def completions(study: AvatarsFlow, numbers: Sequence[int]) -> tuple[dict[str, float], Pictures]:
    """Measures how well completions match the known region, and their diversity."""
    errors: dict[str, list[float]] = {kind: [] for kind in KINDS}
    apart: dict[str, list[float]] = {kind: [] for kind in KINDS}
    pictures: Pictures = {}
    for name in HOLES:
        mask, rows = hole(name), list[Tensor]()
        for number in numbers:
            study.say(f"seed {study.seed}: picture {number}, {name}")
            source = study.pictures[number : number + 1]
            images = _shown(study, study.completed(source, mask))
            for kind, batch in images.items():
                errors[kind] += known_error(batch, source, mask).tolist()
                apart[kind].append(
                    pairwise(study.judge_features(source + mask * (batch - source)))
                )
            known = source * (1 - mask) + 0.5 * mask
            rows += [known.expand_as(images[FLOW]), images[ALONE], images[FLOW]]
        pictures[f"completion_{name}"] = torch.cat(rows)
    figures = {f"completion_{kind}_error": fmean(values) for kind, values in errors.items()}
    figures |= {f"completion_{kind}_error_most": max(v) for kind, v in errors.items()}
    figures |= {f"completion_{kind}_pairwise": fmean(v) for kind, v in apart.items()}
    figures["completion_encoded_error"] = _encoded_error(study, numbers)
    return figures, pictures


def edits(study: AvatarsFlow, numbers: Sequence[int]) -> tuple[dict[str, float], Pictures]:
    """Measures how often the named attribute changes, and the share of others that stay."""
    changed: dict[str, list[float]] = {}
    kept: dict[str, list[float]] = {}
    apart: dict[str, list[float]] = {}
    pictures: Pictures = {}
    for edit in EDITS:
        rows: list[Tensor] = []
        for number in numbers:
            study.say(f"seed {study.seed}: picture {number}, {edit.wanted}")
            source = study.pictures[number : number + 1]
            drawn = study.runner.images(study.encoded(source))
            (before,) = study.judge.likeliest(drawn.to(study.device))
            if before[edit.attribute] == edit.value:
                continue
            images = _shown(study, study.edited(source, edit))
            for kind, batch in images.items():
                found = study.judge.likeliest(batch.to(study.device))
                satisfied = [float(one[edit.attribute] == edit.value) for one in found]
                changed.setdefault(kind, []).extend(satisfied)
                changed.setdefault(f"{kind}_{edit.value}", []).extend(satisfied)
                same = [stays(study, before, one, edit) for one in found]
                kept.setdefault(kind, []).extend(same)
                kept.setdefault(f"{kind}_{edit.value}", []).extend(same)
                apart.setdefault(kind, []).append(pairwise(study.judge_features(batch)))
            rows += [source.expand_as(images[FLOW]), images[ALONE], images[FLOW]]
        if rows:
            pictures[f"edit_{edit.value}"] = torch.cat(rows)
    figures = {f"edit_{name}_changed": fmean(values) for name, values in changed.items()}
    figures |= {f"edit_{name}_kept": fmean(values) for name, values in kept.items()}
    return figures | {f"edit_{name}_pairwise": fmean(v) for name, v in apart.items()}, pictures


def stays(
    study: AvatarsFlow, before: Mapping[str, str], after: Mapping[str, str], edit: Edit
) -> float:
    """Returns the share of equal values among other attributes visible before and after."""
    seen = study.judge.visible(before), study.judge.visible(after)
    others = [name for name in seen[0] if name in seen[1] and name != edit.attribute]
    return fmean(float(seen[0][name] == seen[1][name]) for name in others)


def _shown(study: AvatarsFlow, latents: Mapping[str, Latents]) -> Pictures:
    return {kind: study.runner.images(found) for kind, found in latents.items()}


def _encoded_error(study: AvatarsFlow, numbers: Sequence[int]) -> float:
    """Measures reconstructions of the pictures by encoder and G in the same known parts."""
    sources = study.pictures[list(numbers)]
    drawn = study.runner.images(study.encoded(sources))
    found = [known_error(drawn, sources, hole(name)).mean() for name in HOLES]
    return float(torch.stack(found).mean())
