"""`latentsteer reproduce avatars`: text to image by TR0N on the embedded avatars.

An unconditional VAE follows captions, steered by a CLIP; the ablations are compared at equal M.
The judge took no part in steering: it was trained on avatars that were not in the training data of
the others. The captions state drawable values only (`avatars_drawable.json`, measured before any
tuning).
"""

import argparse
import statistics
from collections.abc import Callable, Mapping, Sequence
from functools import partial

import torch

from ....core.zoo.avatar_captions import AvatarPrompt, captions, colour_pairs, single_values
from ..ledger import Ledger, mean_and_deviation
from .avatars_rows import CURVE, CURVED, PAIRS_ROWS, ROWS, AvatarsStudy, Row, share

__all__ = ["run", "table"]

BY_ATTRIBUTE = "full_of_"
PER_VALUE, PER_PAIR = 1, 4
SEEDS = {"ci": (0,), "full": (0, 1, 2)}
ALL_ROWS = {**ROWS, **PAIRS_ROWS}
FEW = ("pairs_400_only", "pairs_400", "pairs_400_adam")
"""Rows from pairs of the small budget."""


def run(args: argparse.Namespace) -> int:
    """Prints the tables over the seeds and writes their flat keys."""
    from ....nodes.standalone.host import StandaloneHost

    device = StandaloneHost(device=args.device).device()
    full = args.budget == "full"
    rows = ALL_ROWS if full else {**ROWS, **{name: PAIRS_ROWS[name] for name in FEW}}
    prompts = captions()[:: 1 if full else 6]
    say = partial(print, flush=True)
    ledger = Ledger(args.json, {"name": "avatars", "budget": args.budget}, say)

    seeds = SEEDS[args.budget]
    flat = mean_and_deviation(
        _measured(AvatarsStudy(seed, device, say), prompts, rows, ledger, full=full)
        for seed in seeds
    )
    flat |= {"seeds": len(seeds), "captions": len(prompts), "threads": torch.get_num_threads()}
    print(table(flat, rows))
    if full:
        _say_rest(flat)
    ledger.finish(flat)
    return 0


def _measured(
    study: AvatarsStudy,
    prompts: Sequence[AvatarPrompt],
    rows: Mapping[str, Row],
    ledger: Ledger,
    *,
    full: bool,
) -> dict[str, float]:
    """Returns the figures of a seed; a row is a part of the ledger."""
    parts: dict[str, Callable[[], Mapping[str, float]]] = {
        "making of the pairs": partial(_pairs, study, rows),
        **{name: partial(_row, study, name, row, prompts) for name, row in rows.items()},
    }
    if full:
        parts["single values"] = partial(_single, study)
        parts["pairs of colours"] = partial(_colours, study)
    flat: dict[str, float] = {}
    for name, measure in parts.items():
        flat |= ledger.part(f"seed {study.seed}, {name}", measure)
    return flat


def _pairs(study: AvatarsStudy, rows: Mapping[str, Row]) -> dict[str, float]:
    study.pool.first(max(row.pairs for row in rows.values()))
    return {"pairs_made": study.pool.drawn, "pairs_making_seconds": study.pool.seconds}


def _row(
    study: AvatarsStudy, name: str, row: Row, prompts: Sequence[AvatarPrompt]
) -> dict[str, float]:
    figures, images = study.row(name, row, prompts)
    flat = {f"{name}_{key}": value for key, value in figures.items()}
    return flat | (_by_attribute(study.satisfied(images, prompts)) if name == "full" else {})


def _single(study: AvatarsStudy) -> dict[str, float]:
    study.say(f"seed {study.seed}: single values")
    singles = [one for one in single_values() for _ in range(PER_VALUE)]
    images = study.session.images(study.latents(ROWS["full"], [one.text for one in singles]))
    satisfied = study.satisfied(images, singles)
    flat: dict[str, float] = {}
    for index, one in enumerate(single_values()):
        own = satisfied[index * PER_VALUE : (index + 1) * PER_VALUE]
        flat[f"single_{one.text.replace(' ', '_')}"] = share(own)
    return flat | {"single_mean": share(satisfied)}


def _colours(study: AvatarsStudy) -> dict[str, float]:
    study.say(f"seed {study.seed}: pairs of colours")
    pairs = [one for one in colour_pairs() for _ in range(PER_PAIR)]
    images = study.session.images(study.latents(ROWS["full"], [one.text for one in pairs]))
    both = [hit["hat_colour"] and hit["clothes_colour"] for hit in study.satisfied(images, pairs)]
    return {"pairs_both_right": sum(both) / len(both)}


def _by_attribute(satisfied: Sequence[Mapping[str, bool]]) -> dict[str, float]:
    names = sorted({name for one in satisfied for name in one})
    return {
        BY_ATTRIBUTE + name: statistics.fmean(one[name] for one in satisfied if name in one)
        for name in names
    }


def table(flat: Mapping[str, float], rows: Mapping[str, Row]) -> str:
    """Returns the figures as text."""
    heads = (
        ("satisfied", "satisfied"),
        ("similarity", "similarity"),
        ("seconds", "seconds"),
        ("seconds_per_caption", "per caption"),
    )
    width = max(map(len, rows))
    lines = [" " * width + "".join(f"{head:>18}" for _, head in heads)]
    for name in rows:
        cells: list[str] = []
        for key, _ in heads:
            spread = flat.get(f"{name}_{key}_sd")
            text = f"{flat[f'{name}_{key}']:.3f}"
            cells.append(f"{text if spread is None else f'{text} +- {spread:.3f}':>18}")
        lines.append(f"{name:<{width}}" + "".join(cells))
    return "\n".join(lines)


def _say_rest(flat: Mapping[str, float]) -> None:
    for name in CURVED:
        keys = [(step, f"{name}_after_{step}") for step in CURVE]
        points = [f"{step}: {flat[k]:.3f} ({flat[f'{k}_seconds']:.0f} s)" for step, k in keys]
        print(f"satisfied after steps, {name}: {', '.join(points)}")
    made, seconds = flat["pairs_made"], flat["pairs_making_seconds"]
    print(f"pairs: {made:.0f} made in {seconds:.0f} s, once for all captions")
    kinds = {k: v for k, v in flat.items() if k.startswith(BY_ATTRIBUTE) and "_sd" not in k}
    shown = [f"{key.removeprefix(BY_ATTRIBUTE)} {value:.2f}" for key, value in kinds.items()]
    print("by attribute: " + ", ".join(shown))
    print(f"single values, mean: {flat['single_mean']:.3f}")
    print(f"hat and shirt both right: {flat['pairs_both_right']:.3f}")
