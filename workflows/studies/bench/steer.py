"""`latentsteer bench steer`: seconds per prompt of Steer, for one prompt and for several at once.

A prompt alone fills a part of each chunk; several prompts share the chunks, and the models are
opened once. Each run opens the models, as a run of the node does.
"""

import argparse
import platform
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from ....core.chunking import Chunking
from ....core.clip import Clip
from ....core.conditions.prompts import text_condition
from ....core.latents import decode
from ....core.tasks.plans import Quality, plan_of
from ....core.tasks.steer import CLAUSE_WEIGHT, steered
from ....core.zoo.avatar_captions import PROMPTS
from ....nodes.standalone.host import StandaloneHost
from ....nodes.tasks.models import task_models
from .harness import Check, Step, conclude, medians

__all__ = ["FULL", "QUICK", "Plan", "checks_of", "run"]

KINDS = ("single", "batched")
MOST = 0.8
"""Largest ratio of the seconds per prompt of several prompts to those of one."""


@dataclass(frozen=True)
class Case:
    """Settings of Steer.

    Attributes:
        quality: quality.
        samples: samples of each prompt.
    """

    quality: Quality
    samples: int

    @property
    def name(self) -> str:
        """Name in keys of the numbers."""
        return f"{self.quality}_{self.samples}"


@dataclass(frozen=True)
class Plan:
    """Plan of the measurements.

    Attributes:
        cases: settings of Steer.
        batched: number of prompts in a batch.
        single: number of prompts that are run one by one.
        repeats: number of rounds.
    """

    cases: Sequence[Case]
    batched: int
    single: int
    repeats: int


FULL = Plan((Case("draft", 1), Case("good", 1), Case("good", 4)), batched=8, single=2, repeats=3)
QUICK = Plan((Case("draft", 1),), batched=2, single=1, repeats=1)


def run(args: argparse.Namespace) -> int:
    """Measures, prints the table and writes all numbers."""
    plan = QUICK if args.quick else FULL
    device = StandaloneHost(device=args.device).device()
    steps: dict[str, Step] = {}
    for case in plan.cases:
        single, batched = (f"{case.name}_{kind}" for kind in KINDS)
        steps[single] = _single(case, PROMPTS[: plan.single], device)
        steps[batched] = _batched(case, PROMPTS[: plan.batched], device)
    first = f"{plan.cases[0].name}_single"
    slow = [f"{case.name}_{kind}" for case in plan.cases for kind in KINDS if case.samples > 1]
    seconds = medians(steps, plan.repeats, warm=(first,), seldom=slow)
    flat: dict[str, Any] = {
        "threads": torch.get_num_threads(),
        "torch": str(torch.__version__),
        "machine": platform.processor() or platform.machine(),
        "device": str(device),
        "batched": plan.batched,
        "repeats": plan.repeats,
        "quick": args.quick,
    }
    print(f"seconds per prompt, {plan.batched} prompts at once and one alone")
    for case in plan.cases:
        alone = seconds[f"{case.name}_single"] / plan.single
        at_once = seconds[f"{case.name}_batched"] / plan.batched
        flat[f"{case.name}_single_seconds"] = alone
        flat[f"{case.name}_batched_seconds"] = at_once
        flat[f"{case.name}_ratio"] = at_once / alone
        print(
            f"  {case.quality}, {case.samples} samples each: {at_once:.2f} at once, {alone:.2f} "
            f"alone, ratio {at_once / alone:.2f}"
        )
    checks = [] if args.quick else list(checks_of(flat, plan.cases))
    conclude(flat, checks, args.json)
    return 0


def checks_of(flat: Mapping[str, Any], cases: Sequence[Case]) -> Iterator[Check]:
    """Requirements on the numbers."""
    for case in cases:
        what = f"{case.quality}, {case.samples} samples: seconds per prompt at once over alone"
        yield Check(what, flat[f"{case.name}_ratio"], MOST, most=True)


def _batched(case: Case, texts: Sequence[str], device: torch.device) -> Step:
    return lambda: _steer(case, texts, device)


def _single(case: Case, texts: Sequence[str], device: torch.device) -> Step:
    def step() -> None:
        for text in texts:
            _steer(case, (text,), device)

    return step


def _steer(case: Case, texts: Sequence[str], device: torch.device) -> None:
    """Does what the node Steer does, without its bar."""
    models = task_models("avatars (embedded)", "automatic", "automatic")
    for module in models.modules:
        module.to(device)
    assert isinstance(models.auxiliary, Clip)
    wanted = text_condition(models.auxiliary, "\n".join(texts), clause_weight=CLAUSE_WEIGHT)
    chunking = Chunking.of("fixed", models.generator.image_size)
    latents = steered(
        models,
        wanted.condition,
        plan_of(models, case.quality),
        samples=case.samples,
        seed=0,
        chunking=chunking,
        device=device,
    )
    decode(latents, models.generator, chunking, device)
