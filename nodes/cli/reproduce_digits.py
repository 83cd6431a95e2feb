"""`latentsteer reproduce digits`: TR0N's Table 1 in miniature, on the embedded digits.

An unconditional GAN becomes class-conditional; the paper's ablations stand beside it. The judge
took part in nothing: neither the generator nor the classifier f saw its training digits, and the
distance is taken to digits that none of the three saw.
"""

import argparse
import statistics
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TypeAlias, TypeVar

import torch
from torch import Tensor

from ...core.architectures import load_generator
from ...core.auxiliaries import load_auxiliary
from ...core.auxiliary import Classifier
from ...core.chunks import Chunking
from ...core.energies.bayes import bayes
from ...core.energies.classification import classification
from ...core.energy import Energy
from ...core.evaluation import Judged, evaluate, judged
from ...core.generator import Generator
from ...core.initialise import Start, from_prior, from_translator
from ...core.latents import Latents
from ...core.refine.kernel import Rule
from ...core.refine.refinement import Refinement, refine
from ...core.refine.rules import adam, langevin
from ...core.rng import SampleRng
from ...core.training import Training, fit_translator, new_translator, synthetic_pairs
from ...core.zoo import catalogue
from . import report

__all__ = ["DEMO", "TABLE", "Setting", "Study", "run"]

STEPS = 25
INVERSE_TEMPERATURE = 20.0
PAIRS = 20_000
PER_CLASS = {"ci": 20, "full": 100}
SEEDS = {"ci": (0,), "full": (0, 1, 2)}
Progress: TypeAlias = Callable[[str], None]
Model = TypeVar("Model", Generator, Classifier)


@dataclass(frozen=True)
class Setting:
    """A row of the table.

    Attributes:
        start: prior, mixture or deterministic.
        candidates: M.
        refiner: langevin, adam, or None for no error correction.
        bayes: beta1 and beta2 of E'_Bayes, in place of the cross-entropy.
    """

    start: str
    candidates: int = 1
    refiner: str | None = "langevin"
    bayes: tuple[float, float] | None = None


DEMO: Mapping[str, Setting] = {
    "prior_m1": Setting("prior", refiner=None),
    "prior_m3": Setting("prior", 3, refiner=None),
    "translator_only_m1": Setting("mixture", refiner=None),
    "translator_only_m3": Setting("mixture", 3, refiner=None),
    "no_translator_m1": Setting("prior"),
    "no_translator_m3": Setting("prior", 3),
    "deterministic_m1": Setting("deterministic"),
    "full_m1": Setting("mixture"),
    "full_m3": Setting("mixture", 3),
}
TABLE: Mapping[str, Setting] = {
    **DEMO,
    "adam_m1": Setting("mixture", refiner="adam"),
    "bayes_0_20_m1": Setting("mixture", bayes=(0, 20)),
    "bayes_1_1_m1": Setting("mixture", bayes=(1, 1)),
    "bayes_1_20_m1": Setting("mixture", bayes=(1, 20)),
}


class Study:
    """The models, and what one seed trains with them.

    Args:
        seed: of pairs, training, starts and noise.
        per_class: samples of each class.
        device: where to compute.
        say: told what is being done.
    """

    def __init__(self, seed: int, per_class: int, device: torch.device, say: Progress) -> None:
        self.seed, self.device, self.say = seed, device, say
        path = catalogue.embedded
        self.generator = _moved(load_generator(path("digits (embedded)")), device)
        self.classifier = _moved(load_auxiliary(path("digits classifier (embedded)")), device)
        self.judge = _moved(load_auxiliary(path("digits judge (embedded)")), device)
        self.chunking = Chunking.of("fixed", self.generator.image_size)
        self.condition = self.classifier.condition(
            [name for name in self.classifier.classes for _ in range(per_class)]
        )
        held, _ = catalogue.reference_images("digits held out (embedded)")
        self.real = judged(self.judge, held, self.chunking, device).features
        self.wanted = self.condition.embedding.argmax(dim=1)
        say(f"seed {seed}: {PAIRS} pairs and two translators")
        pairs = synthetic_pairs(
            self.generator,
            self.classifier,
            PAIRS,
            seed=seed,
            chunking=self.chunking,
            device=device,
        )
        self.translators = {
            kind: fit_translator(
                new_translator(self.generator, self.classifier, kind=kind, seed=seed).to(device),
                pairs,
                Training(),
                seed=seed,
            )
            for kind in ("mixture", "deterministic")
        }

    def latents(self, setting: Setting) -> Latents:
        """Where a row of the table ends."""
        rng = SampleRng.of(self.seed, len(self.condition), setting.start)
        energy = self.energy(setting)
        start = self._start(setting, energy, rng)
        generator = self.generator
        names = tuple(range(len(rng)))
        latents = Latents(start.values.cpu(), start.chart, generator.id, generator.name, names)
        if setting.refiner is None:
            return latents
        job = Refinement(
            title=setting.refiner,
            generator=generator,
            energy=energy,
            rule=_rule(setting),
            steps=STEPS,
            seed=self.seed,
            chunking=self.chunking,
            device=self.device,
        )
        return refine(job, latents)[0]

    def energy(self, setting: Setting) -> Energy:
        """What a row lowers."""
        if setting.bayes is None:
            return classification(self.classifier, self.condition)
        first, second = setting.bayes
        return bayes(
            self.generator,
            self.classifier,
            self.condition,
            prior_weight=first,
            likelihood_weight=second,
        )

    def images(self, latents: Latents) -> Tensor:
        """What latents show."""
        with torch.no_grad():
            (images,) = self.chunking.apply_random(
                lambda v, part: (self.generator(v, part),),
                latents.values.to(self.device),
                latents.rng(0, "decode"),
            )
        return images.cpu()

    def figures(self, images: Tensor) -> dict[str, float]:
        """What f and the judge say of images."""
        by_f = self._seen(self.classifier, images)
        by_judge = self._seen(self.judge, images)
        probability = by_f.probabilities.gather(1, self.wanted[:, None]).mean()
        found = evaluate(by_judge, wanted=self.wanted, reference=self.real, seed=self.seed)
        numbers = found.numbers()
        return {
            "f": float(probability),
            "judge": numbers["probability"],
            "judge_low": numbers["probability_low"],
            "judge_high": numbers["probability_high"],
            "fd": numbers["frechet_distance"],
            "diversity": numbers["diversity"],
        }

    def _seen(self, classifier: Classifier, images: Tensor) -> Judged:
        return judged(classifier, images, self.chunking, self.device)

    def _start(self, setting: Setting, energy: Energy, rng: SampleRng) -> Start:
        if setting.start == "prior":
            return from_prior(
                self.generator,
                rng,
                energy=energy,
                candidates=setting.candidates,
                chunking=self.chunking,
                device=self.device,
            )
        return from_translator(
            self.translators[setting.start],
            self.generator,
            self.condition,
            rng,
            energy=energy,
            candidates=setting.candidates,
            chunking=self.chunking,
        )

    def rows(self, table: Mapping[str, Setting]) -> Iterator[tuple[str, dict[str, float], Tensor]]:
        """Name, figures and images of every row."""
        for name, setting in table.items():
            self.say(f"seed {self.seed}: {name}")
            begun = time.perf_counter()
            images = self.images(self.latents(setting))
            seconds = time.perf_counter() - begun
            yield name, {**self.figures(images), "seconds": seconds}, images


def run(args: argparse.Namespace) -> int:
    """Prints the table over the seeds and writes its flat keys."""
    from .standalone import StandaloneHost

    device = StandaloneHost(device=args.device).device()
    seeds = SEEDS[args.budget]
    per_class = PER_CLASS[args.budget]
    found: dict[str, list[float]] = {}
    for seed in seeds:
        study = Study(seed, per_class, device, lambda text: print(text, flush=True))
        for name, figures, _ in study.rows(TABLE):
            for key, value in figures.items():
                found.setdefault(f"{name}_{key}", []).append(value)
    flat = {key: statistics.fmean(values) for key, values in found.items()}
    if len(seeds) > 1:
        flat |= {f"{key}_sd": statistics.stdev(values) for key, values in found.items()}
    flat |= {"seeds": len(seeds), "samples": 10 * per_class, "threads": torch.get_num_threads()}
    print(table(flat, TABLE))
    if args.json:
        report.write(args.json, flat)
        print(f"written to {args.json}")
    return 0


def table(flat: Mapping[str, float], rows: Mapping[str, Setting]) -> str:
    """The figures as text."""
    heads = (
        ("f", "p by f"),
        ("judge", "p by judge"),
        ("fd", "Frechet"),
        ("diversity", "diversity"),
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


def _rule(setting: Setting) -> Rule:
    if setting.refiner == "adam":
        return adam(learning_rate=0.01)
    # The temperature of E'_Bayes is in its weights.
    beta = INVERSE_TEMPERATURE if setting.bayes is None else 1.0
    return langevin(inverse_temperature=beta)


def _moved(model: Model, device: torch.device) -> Model:
    for module in model.modules:
        module.to(device)
    return model
