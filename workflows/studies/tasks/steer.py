"""`latentsteer reproduce steer`: what Steer does on the avatars, by the judge.

It calls the functions of the node, with its settings. Prompts are the eight examples and the 48
captions. Pairs, basis, spares and steps were chosen on 24 other captions (those with commas alone
of `make_captions(777)`); clause weight and the learning rate earlier, on the eight examples.
Seconds are those of one thread.
"""

import argparse
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch
from torch import Tensor

from ....core.chunking import Chunking
from ....core.conditions.prompts import text_condition
from ....core.latents import decode
from ....core.metrics.attributes import evaluate_attributes
from ....core.pairs.stored import StoredPairs
from ....core.tasks.models import TaskModels
from ....core.tasks.steer import CLAUSE_WEIGHT, Quality, plan_of, steered
from ....core.zoo import shipped as catalogue
from ....core.zoo.avatar_captions import PROMPTS, captions
from ....nodes.images import grid
from ..avatars_models import avatars_models
from ..ledger import Ledger, mean_and_deviation

__all__ = ["Budget", "run"]


@dataclass(frozen=True)
class Budget:
    """Size of the study.

    Attributes:
        seeds: seeds of draws and noise.
        qualities: qualities of Steer on the examples.
        described: those on the captions.
        samples: samples of each of the eight examples.
        every: every n-th caption, one sample each.
        pairs: how many of the shipped pairs; None for all.
    """

    seeds: tuple[int, ...]
    qualities: tuple[Quality, ...]
    described: tuple[Quality, ...]
    samples: int
    every: int
    pairs: int | None = None


BUDGETS: Mapping[str, Budget] = {
    "ci": Budget((0,), ("draft",), ("draft",), 1, 24, 1500),
    "full": Budget((0, 1, 2), ("draft", "good"), ("good",), 4, 4),
}


class _Study:
    """The avatars with their judge, and functions of the nodes on them."""

    def __init__(self, budget: Budget, device: torch.device) -> None:
        generator, clip, self.judge = avatars_models(device)
        folder = catalogue.embedded("avatars pairs (embedded)")
        pairs = StoredPairs(folder, count=budget.pairs)
        self.models, self.clip = TaskModels(generator, clip, pairs), clip
        self.chunking = Chunking.of("fixed", generator.image_size)
        self.budget, self.device = budget, device

    def prompts(
        self, texts: Sequence[str], samples: int, quality: Quality, seed: int, name: str
    ) -> tuple[dict[str, float], Tensor]:
        """Returns the figures of texts by Steer, and its images."""
        begun = time.process_time()
        wanted = text_condition(self.clip, "\n".join(texts), clause_weight=CLAUSE_WEIGHT)
        latents = steered(
            self.models,
            wanted.condition,
            plan_of(self.models, quality),
            samples=samples,
            seed=seed,
            chunking=self.chunking,
            device=self.device,
        )
        images = decode(latents, self.models.generator, self.chunking, self.device)
        seconds = (time.process_time() - begun) / len(images)
        asked = [text for text in texts for _ in range(samples)]
        found = evaluate_attributes(
            self.judge, images, texts=asked, chunking=self.chunking, device=self.device
        )
        numbers = found.numbers()
        keys = ("satisfied", "satisfied_low", "satisfied_high")
        figures = {f"{name}_{quality}_{key}": numbers[key] for key in keys}
        return figures | {f"{name}_{quality}_seconds": seconds}, images


def run(args: argparse.Namespace) -> int:
    """Prints the figures, writes their flat keys, and pictures of the first seed."""
    from ....nodes.standalone.host import StandaloneHost

    device = StandaloneHost(device=args.device).device()
    out = (args.out or args.base / "out") / "steer"
    out.mkdir(parents=True, exist_ok=True)
    budget = BUDGETS[args.budget]
    ledger = Ledger(
        args.json, {"name": "steer", "budget": repr(budget)}, partial(print, flush=True)
    )
    study = _Study(budget, device)
    parts = _Parts(study, ledger, out)
    flat = mean_and_deviation(map(parts.prompts, budget.seeds))
    flat |= {"seeds": len(budget.seeds)}
    for key, value in flat.items():
        print(f"{key:<44}{value:>10.3f}")
    print(f"pictures in {out}")
    ledger.finish(flat)
    return 0


@dataclass(frozen=True)
class _Parts:
    """The measurements of a study, each a part of its ledger, with pictures of the first seed."""

    study: _Study
    ledger: Ledger
    out: Path

    def prompts(self, seed: int) -> dict[str, float]:
        """Returns the figures of Steer of a seed."""
        study, budget = self.study, self.study.budget
        asked = [one.text for one in captions()[:: budget.every]]
        flat: dict[str, float] = {}
        for quality in budget.qualities:
            of = partial(study.prompts, PROMPTS, budget.samples, quality, seed, "examples")
            flat |= self._part(seed, f"examples {quality}", budget.samples, of)
        for quality in budget.described:
            of = partial(study.prompts, asked, 1, quality, seed, "captions")
            flat |= self._part(seed, f"captions {quality}", 8, of)
        return flat

    def _part(
        self,
        seed: int,
        name: str,
        columns: int,
        measure: Callable[[], tuple[dict[str, float], Tensor]],
    ) -> dict[str, float]:
        def figures() -> dict[str, float]:
            found, images = measure()
            if seed == self.study.budget.seeds[0]:
                grid(images, columns).save(self.out / f"{name.replace(' ', '_')}.png")
            return found

        return self.ledger.part(f"seed {seed}, {name}", figures)
