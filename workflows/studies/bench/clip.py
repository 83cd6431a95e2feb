"""`latentsteer bench clip`: the cost of AugCLIP over its CLIP, on a CPU or an accelerator.

The energy table goes from an image through its views and the CLIP to the gradient at the image,
without a generator. The step table starts from latents instead, with stand-ins for the papers'
generators. Weights are random.
"""

import argparse
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import torch

from ....core.clip import Precision
from .clip_cases import GENERATORS, Case, Size, prepared, random_clip, step_of
from .device import checked_device, finished, machine, memory_of
from .harness import Check, Step, conclude, medians
from .networks import numbers

__all__ = ["FULL", "QUICK", "Plan", "checks_of", "energy_cases", "run"]

PRECISIONS: tuple[Precision, ...] = ("fp32", "bf16")
OVER_BARE = {"fp32": 1.06, "bf16": 1.12}
FASTER = {
    ("fp32", 256): 1.0,
    ("fp32", 512): 1.1,
    ("fp32", 1024): 3.0,
    ("bf16", 512): 2.4,
    ("bf16", 1024): 6.0,
}
LESS_MEMORY = {512: 1 / 4, 1024: 1 / 6}
MORE_VIEWS = 1.1
STEPS = 3
"""Repeats of the step table, which has no requirements."""
MEGABYTE = 1 << 20


@dataclass(frozen=True)
class Plan:
    """Plan of the measurements.

    Attributes:
        clip: size of the CLIP.
        sides: image sides of the energy table.
        memory_sides: image sides for which memory is measured too.
        few_and_many: two numbers of views whose memory is compared, at the first memory side.
        views: number of views everywhere else.
        generators: generators of the step table, with image sides among `sides`.
        repeats: repeats of the timings of the energy table.
    """

    clip: Size
    sides: tuple[int, ...]
    memory_sides: tuple[int, ...]
    few_and_many: tuple[int, int] | None
    views: int
    generators: tuple[str, ...]
    repeats: int


FULL = Plan("ViT-B/32", (256, 512, 1024), (512, 1024), (20, 200), 50,
            ("BigGAN-512", "StyleGAN2-1024"), 7)  # fmt: skip
QUICK = Plan("tiny", (32, 64), (64,), None, 6, ("tiny-32",), 1)

_Cases = dict[str, Case]


def run(args: argparse.Namespace) -> int:
    """Measures, prints the tables and writes all numbers."""
    plan = QUICK if args.quick else FULL
    device = checked_device(args.device)
    flat: dict[str, Any] = {
        "threads": torch.get_num_threads(),
        "torch": str(torch.__version__),
        "machine": machine(device),
        "device": device.type,
        "clip": plan.clip,
        "clip_numbers": numbers(random_clip(plan.clip, device=device.type).module),
        "views": plan.views,
        "repeats": plan.repeats,
        "quick": args.quick,
    }
    # Memory is measured first, while this process is small.
    flat |= _memory(plan, device)
    for side in plan.sides:
        steps = _timed(energy_cases(plan, side), device)
        # The straightforward form is slow and has wide margins, so it is measured seldom.
        plain = ("straightforward_fp32",)
        found = medians(steps, plan.repeats, warm=steps.keys() - plain, seldom=plain)
        flat |= {f"energy_{side}_{name}_seconds": value for name, value in found.items()}
        print(_row(f"{side} px", found), flush=True)
    for name in plan.generators:
        steps = _timed(_steps(plan, name), device)
        found = medians(steps, min(plan.repeats, STEPS), warm=("generator_fp32",))
        for precision in PRECISIONS:
            # The times add up: the bare CLIP does not depend on the source of its pixels.
            clip = flat[f"energy_{GENERATORS[name][0]}_bare_{precision}_seconds"]
            found[f"bare_{precision}"] = found["generator_fp32"] + clip
        flat |= {f"step_{name}_{key}_seconds": value for key, value in found.items()}
        flat[f"step_{name}_numbers"] = numbers(GENERATORS[name][1]())
        print(_row(name, found), flush=True)
    required = not args.quick and device.type == "cpu"
    checks = list(checks_of(plan, flat)) if required else []
    print(_tables(plan, flat))
    conclude(flat, checks, args.json)
    if checks:
        print(f"{sum(check.holds for check in checks)} of {len(checks)} required lines hold")
    return 0


def energy_cases(plan: Plan, side: int, views: int | None = None) -> _Cases:
    """Cases of one image side, by kind and precision."""
    # The straightforward form always runs in fp32, as released.
    plain = Case("straightforward", side, views or plan.views, "fp32", plan.clip)
    cases = {"straightforward_fp32": plain}
    for precision in PRECISIONS:
        cases[f"ours_{precision}"] = replace(plain, kind="ours", precision=precision)
        cases[f"bare_{precision}"] = replace(plain, kind="bare", precision=precision)
    return cases


def _steps(plan: Plan, generator: str) -> _Cases:
    cases = energy_cases(plan, GENERATORS[generator][0])
    cases["generator_fp32"] = replace(cases["ours_fp32"], kind="generator")
    return {
        name: replace(case, generator=generator)
        for name, case in cases.items()
        if case.kind != "bare"
    }


def _timed(cases: _Cases, device: torch.device) -> dict[str, Step]:
    return {
        name: finished(step_of(replace(case, device=device.type)), device)
        for name, case in cases.items()
    }


def _memory(plan: Plan, device: torch.device) -> dict[str, int]:
    cases: _Cases = {}
    for side in plan.memory_sides:
        for name, case in energy_cases(plan, side).items():
            if case.kind != "bare":
                cases[f"{side}_{name}"] = case
    if plan.few_and_many:
        side = plan.memory_sides[0]
        for views in plan.few_and_many:
            case = energy_cases(plan, side, views)["ours_fp32"]
            cases[f"{side}_ours_fp32_{views}_views"] = case
    found: dict[str, int] = {}
    for name, case in cases.items():
        most = memory_of(partial(prepared, replace(case, device=device.type)), device)
        if most is None:
            continue
        found[f"energy_{name}_bytes"] = most
        print(f"{name}: {found[f'energy_{name}_bytes'] / MEGABYTE:.0f} MB", flush=True)
    return found


def checks_of(plan: Plan, flat: Mapping[str, Any]) -> Iterator[Check]:
    """Requirements on the numbers of the energy table."""
    for side in plan.sides:
        seconds = {
            name: float(flat[f"energy_{side}_{name}_seconds"]) for name in energy_cases(plan, side)
        }
        plain = seconds["straightforward_fp32"]
        for precision in PRECISIONS:
            ours = seconds[f"ours_{precision}"]
            what = f"{side} px, {precision}: LatentSteer over the bare CLIP in {precision}"
            over = ours / seconds[f"bare_{precision}"]
            yield Check(what, over, OVER_BARE[precision], most=True)
            if bound := FASTER.get((precision, side)):
                what = f"{side} px, {precision}: faster than the straightforward form in fp32"
                yield Check(what, plain / ours, bound, most=False)
    for side in plan.memory_sides:
        plain = flat[f"energy_{side}_straightforward_fp32_bytes"]
        for precision in PRECISIONS:
            what = f"{side} px, {precision}: memory over that of the straightforward form in fp32"
            share = flat[f"energy_{side}_ours_{precision}_bytes"] / plain
            yield Check(what, share, LESS_MEMORY[side], most=True)
    if plan.few_and_many:
        few, many = (
            flat[f"energy_{plan.memory_sides[0]}_ours_fp32_{views}_views_bytes"]
            for views in plan.few_and_many
        )
        what = "memory of {1} views over that of {0}".format(*plan.few_and_many)
        yield Check(what, many / few, MORE_VIEWS, most=True)


def _row(name: str, seconds: Mapping[str, float]) -> str:
    cells = ", ".join(f"{key} {value:.3f} s" for key, value in seconds.items())
    return f"{name}: {cells}"


def _tables(plan: Plan, flat: Mapping[str, Any]) -> str:
    """Formats the numbers: medians in seconds, and ratios."""
    head = f"{'':<22}{'energy':>9}{'bare CLIP':>11}{'over':>7}{'plain fp32':>15}{'faster':>8}"
    size = f"{plan.clip} of {flat['clip_numbers'] / 1e6:.1f} M"
    title = f"{plan.views} views, {size}, {flat['threads']} threads; medians, seconds"
    if flat["device"] != "cpu":
        title = title.replace(f"{flat['threads']} threads", str(flat["machine"]))
    lines = [
        title,
        "bare CLIP in the rows of generators: the sum of G's and the bare CLIP's times",
        head,
    ]
    rows = [(f"{side} px", f"energy_{side}") for side in plan.sides]
    rows += [(name, f"step_{name}") for name in plan.generators]
    for name, key in rows:
        for precision in PRECISIONS:
            ours, bare, plain = (
                flat[f"{key}_{kind}_seconds"]
                for kind in (f"ours_{precision}", f"bare_{precision}", "straightforward_fp32")
            )
            line = f"{name + ', ' + precision:<22}{ours:>9.3f}{bare:>11.3f}{ours / bare:>7.3f}"
            line += f"{plain:>15.3f}{plain / ours:>8.2f}"
            if share := flat.get(f"{key}_generator_fp32_seconds"):
                count = flat[f"{key}_numbers"] / 1e6
                line += f"   G of {count:.1f} M: {share:.3f}, {share / ours:.0%} of it"
            lines.append(line)
    return "\n".join(lines)
