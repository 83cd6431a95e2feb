"""`latentsteer reproduce avatars`: text to image by TR0N on the embedded avatars.

An unconditional VAE follows captions, steered by a CLIP; the ablations stand beside it at equal M.
The judge took part in nothing: it was trained on avatars that neither of them saw, and the
captions state drawable values only (`avatars_drawable.json`, measured before anything was tuned).
"""

import argparse
import statistics
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor

from ...core.conditions import Condition
from ...core.energies.similarity import similarity
from ...core.energy import Energy
from ...core.latents import Latents
from ...core.prompts import text_condition
from ...core.ranking import ranked
from ...core.refine.rules import adam, langevin
from ...core.refine.run import Snapshot
from ...core.training import Training
from ...core.zoo.avatar_captions import Prompt, captions, colour_pairs, single_values
from . import report
from .avatars_models import avatars_models
from .steering import Progress, Steering

__all__ = ["ROWS", "AvatarsStudy", "Row", "run", "table"]

PAIRS = 12_000
TRAINING = Training(epochs=20, condition_noise=0.5)
HIDDEN = 256
STEPS = 100
INVERSE_TEMPERATURE = 1000.0
VIEWS = 0
"""Of the energy: in this small world the image itself does as well as random views of it."""
CANDIDATES = 400
PRIOR_SAMPLES = 20
"""Of the prior for each caption: one alone leaves its share uncertain by three hundredths."""
CURVE = (0, 5, 10, 25, 50, 75, 100)
"""Steps at which the curve against steps is read."""
CURVED = ("no_translator", "full")
BY_ATTRIBUTE = "full_of_"
PER_VALUE, PER_PAIR = 1, 4
SEEDS = {"ci": (0,), "full": (0, 1, 2)}


@dataclass(frozen=True)
class Row:
    """A row of the table.

    Attributes:
        start: prior or mixture.
        candidates: M.
        samples: for each caption.
        refined: whether the energy is lowered.
        mode: of the translator; `basis` refines its weights and means, eq. (5).
        seeds: refined for every sample, each from its own start; the one of lowest energy is kept.
    """

    start: str
    candidates: int = 1
    samples: int = 1
    refined: bool = True
    mode: str = "sample"
    seeds: int = 1


ROWS: Mapping[str, Row] = {
    "prior": Row("prior", samples=PRIOR_SAMPLES, refined=False),
    "translator_only": Row("mixture", CANDIDATES, refined=False),
    "no_translator": Row("prior", CANDIDATES),
    "full": Row("mixture", CANDIDATES),
    "full_basis": Row("mixture", mode="basis"),
}


class AvatarsStudy:
    """The embedded avatars with their judge, and the translator that one seed trains.

    Args:
        seed: of pairs, training, starts, views and noise.
        device: where to compute.
        say: told what is being done.
    """

    def __init__(self, seed: int, device: torch.device, say: Progress) -> None:
        generator, self.clip, self.judge = avatars_models(device)
        self.device, self.say, self.seed = device, say, seed
        self.steering = Steering(
            generator,
            self.clip,
            pairs=PAIRS,
            training=TRAINING,
            kinds=("mixture",),
            hidden=HIDDEN,
            seed=seed,
            device=device,
            say=say,
            chunk="fast",
        )

    def latents(self, row: Row, texts: Sequence[str], watch: "_Curve | None" = None) -> Latents:
        """A latent per text, as the row says."""
        asked = [text for text in texts for _ in range(row.seeds)]
        refined = self._latents(row, asked, watch)
        if row.seeds == 1:
            return refined
        best = ranked(
            refined,
            self.steering.generator,
            self.energy(self.condition(asked), 0),
            seed=self.seed,
            groups=len(texts),
            keep=1,
            chunking=self.steering.chunking,
            device=self.device,
        )
        return refined.picked(best.rows)

    def _latents(self, row: Row, texts: Sequence[str], watch: "_Curve | None") -> Latents:
        condition = self.condition(texts)
        start = self.steering.start(
            row.start,
            condition,
            energy=self.energy(condition, 0),
            candidates=row.candidates,
            mode="basis" if row.mode == "basis" else "sample",
        )
        if not row.refined:
            return start

        def on_step(snapshot: Snapshot) -> None:
            if watch is not None:
                watch.read(start, snapshot.state.position, snapshot.state.step)

        if watch is not None:
            watch.read(start, start.values, 0)
        return self.steering.refined(
            start,
            self.energy(condition, VIEWS),
            langevin(inverse_temperature=INVERSE_TEMPERATURE),
            weights=adam(learning_rate=5e-3),
            steps=STEPS,
            on_step=on_step,
        )

    def condition(self, texts: Sequence[str]) -> Condition:
        """A row per text."""
        return text_condition(self.clip, "\n".join(texts)).condition

    def energy(self, condition: Condition, views: int) -> Energy:
        """Energy CLIP; candidates are chosen by the image itself."""
        return similarity(self.clip, condition, views=views)

    def hits(self, images: Tensor, prompts: Sequence[Prompt]) -> list[dict[str, bool]]:
        """Which of its constraints every image satisfies, by the judge."""
        found: list[dict[str, bool]] = []
        for first in range(0, len(images), 64):
            part = images[first : first + 64].to(self.device)
            wanted = [prompt.constraints for prompt in prompts[first : first + 64]]
            found += self.judge.satisfied(part, wanted)
        return found

    def rows(
        self, prompts: Sequence[Prompt], table: Mapping[str, Row] = ROWS
    ) -> Iterator[tuple[str, dict[str, float], Tensor]]:
        """Name, figures and an image per prompt of every row of the table; some with curves."""
        for name, row in table.items():
            self.say(f"seed {self.seed}: {name}")
            asked = [prompt for prompt in prompts for _ in range(row.samples)]
            texts = [prompt.text for prompt in asked]
            condition = self.condition(texts)
            curve = _Curve(self, asked) if name in CURVED else None
            begun = time.perf_counter()
            latents = self.latents(row, texts, watch=curve)
            images = self.steering.images(latents)
            seconds = time.perf_counter() - begun - (curve.spent if curve else 0.0)
            seen = self.clip.embed(images.to(self.device)).cpu()
            near = torch.cosine_similarity(seen, condition.embedding, dim=1)
            figures = {
                "satisfied": share(self.hits(images, asked)),
                "similarity": float(near.mean()),
                "seconds": seconds / row.samples,
            }
            yield name, figures | (curve.figures if curve else {}), images[:: row.samples]


class _Curve:
    """What the judge says along a refinement, and after how many seconds."""

    def __init__(self, study: AvatarsStudy, prompts: Sequence[Prompt]) -> None:
        self.study, self.prompts = study, prompts
        self.figures: dict[str, float] = {}
        self.begun, self.spent = time.perf_counter(), 0.0

    def read(self, latents: Latents, values: Tensor, step: int) -> None:
        """Judges at the steps of the curve; the time that takes does not count."""
        if step not in CURVE:
            return
        since = time.perf_counter()
        images = self.study.steering.decoded(latents, values)
        self.figures[f"after_{step}"] = share(self.study.hits(images, self.prompts))
        self.figures[f"after_{step}_seconds"] = since - self.begun - self.spent
        self.spent += time.perf_counter() - since


def share(hits: Sequence[Mapping[str, bool]]) -> float:
    """Of all constraints, how many are satisfied."""
    flags = [hit for one in hits for hit in one.values()]
    return sum(flags) / len(flags)


def run(args: argparse.Namespace) -> int:
    """Prints the tables over the seeds and writes their flat keys."""
    from .standalone import StandaloneHost

    device = StandaloneHost(device=args.device).device()
    prompts = captions()[:: 6 if args.budget == "ci" else 1]
    found: dict[str, list[float]] = {}
    for seed in SEEDS[args.budget]:
        study = AvatarsStudy(seed, device, partial(print, flush=True))
        for key, value in _measured(study, prompts, full=args.budget == "full").items():
            found.setdefault(key, []).append(value)
    flat = {key: statistics.fmean(values) for key, values in found.items()}
    count = len(SEEDS[args.budget])
    if count > 1:
        flat |= {f"{key}_sd": statistics.stdev(values) for key, values in found.items()}
    flat |= {"seeds": count, "captions": len(prompts), "threads": torch.get_num_threads()}
    print(table(flat, ROWS))
    if args.budget == "full":
        _say_rest(flat)
    if args.json:
        report.write(args.json, flat)
        print(f"written to {args.json}")
    return 0


def _measured(study: AvatarsStudy, prompts: Sequence[Prompt], *, full: bool) -> dict[str, float]:
    flat: dict[str, float] = {}
    for name, figures, images in study.rows(prompts):
        flat |= {f"{name}_{key}": value for key, value in figures.items()}
        if name == "full":
            flat |= _by_attribute(study.hits(images, prompts))
    if not full:
        return flat
    best = ROWS["full"]
    study.say(f"seed {study.seed}: single values")
    singles = [one for one in single_values() for _ in range(PER_VALUE)]
    images = study.steering.images(study.latents(best, [one.text for one in singles]))
    hits = study.hits(images, singles)
    for index, one in enumerate(single_values()):
        own = hits[index * PER_VALUE : (index + 1) * PER_VALUE]
        flat[f"single_{one.text.replace(' ', '_')}"] = share(own)
    flat["single_mean"] = share(hits)
    study.say(f"seed {study.seed}: pairs of colours")
    pairs = [one for one in colour_pairs() for _ in range(PER_PAIR)]
    images = study.steering.images(study.latents(best, [one.text for one in pairs]))
    both = [hit["hat_colour"] and hit["clothes_colour"] for hit in study.hits(images, pairs)]
    flat["pairs_both_right"] = sum(both) / len(both)
    return flat


def _by_attribute(hits: Sequence[Mapping[str, bool]]) -> dict[str, float]:
    names = sorted({name for one in hits for name in one})
    return {
        BY_ATTRIBUTE + name: statistics.fmean(one[name] for one in hits if name in one)
        for name in names
    }


def table(flat: Mapping[str, float], rows: Mapping[str, Row]) -> str:
    """The figures as text."""
    heads = (("satisfied", "satisfied"), ("similarity", "similarity"), ("seconds", "seconds"))
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
    kinds = {k: v for k, v in flat.items() if k.startswith(BY_ATTRIBUTE) and "_sd" not in k}
    told = [f"{key.removeprefix(BY_ATTRIBUTE)} {value:.2f}" for key, value in kinds.items()]
    print("by attribute: " + ", ".join(told))
    print(f"single values, mean: {flat['single_mean']:.3f}")
    print(f"hat and shirt both right: {flat['pairs_both_right']:.3f}")
