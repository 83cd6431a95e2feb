"""`latentsteer reproduce digits`: TR0N's Table 1 in miniature, on the embedded digits.

An unconditional GAN becomes class-conditional, and is compared with the paper's ablations. The
judge took no part in steering: neither the generator nor the classifier f was trained on its
training digits, and distances are measured to digits that none of the three was trained on.
"""

import argparse
from collections.abc import Iterator, Mapping
from functools import partial

import torch
from torch import Tensor

from ....core.auxiliaries import load_auxiliary
from ....core.generators import load_generator
from ....core.metrics.classes import evaluate
from ....core.translators.training import Training
from ....core.zoo import shipped as catalogue
from ....nodes.kinds import as_classifier
from ...recipes.tr0n.digits import BAYES
from ..ledger import Ledger, mean_and_deviation
from ..session import Progress, moved
from .classes import Setting, Study

__all__ = ["DEMO", "TABLE", "DigitsStudy", "run", "table"]

PAIRS = 20_000
PER_CLASS = {"ci": 20, "full": 100}
SEEDS = {"ci": (0,), "full": (0, 1, 2)}

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
    **{f"bayes_{one}_{two}_m1": Setting("mixture", bayes=(one, two)) for one, two in BAYES},
}


class DigitsStudy:
    """The embedded models with their judge, and the translators of one seed.

    Args:
        seed: seed of pairs, training, starts and noise.
        per_class: samples of each class.
        device: device of the models.
        say: callback with messages on progress.
    """

    def __init__(self, seed: int, per_class: int, device: torch.device, say: Progress) -> None:
        path = catalogue.embedded
        classifier = as_classifier(load_auxiliary(path("digits classifier (embedded)")))
        self.judge = moved(as_classifier(load_auxiliary(path("digits judge (embedded)"))), device)
        self.study = Study(
            moved(load_generator(path("digits (embedded)")), device),
            moved(classifier, device),
            pairs=PAIRS,
            training=Training(),
            kinds=("mixture", "deterministic"),
            per_class=per_class,
            seed=seed,
            device=device,
            say=say,
        )
        held, _ = catalogue.reference_images("digits held out (embedded)")
        self.real = self.study.outputs(self.judge, held).features

    def figures(self, images: Tensor) -> dict[str, float]:
        """Returns the figures of images by f and the judge."""
        study = self.study
        by_judge = study.outputs(self.judge, images)
        found = evaluate(by_judge, wanted=study.wanted, reference=self.real, seed=study.seed)
        numbers = found.numbers()
        return {
            "f": float(study.probabilities(images).mean()),
            "judge": numbers["probability"],
            "judge_low": numbers["probability_low"],
            "judge_high": numbers["probability_high"],
            "fd": numbers["frechet_distance"],
            "diversity": numbers["diversity"],
        }

    def rows(self, table: Mapping[str, Setting]) -> Iterator[tuple[str, dict[str, float], Tensor]]:
        """Yields name, figures and images of each row."""
        return self.study.rows(table, self.figures)


def run(args: argparse.Namespace) -> int:
    """Prints the table over the seeds and writes its flat keys."""
    from ....nodes.standalone.host import StandaloneHost

    device = StandaloneHost(device=args.device).device()
    seeds = SEEDS[args.budget]
    per_class = PER_CLASS[args.budget]
    say = partial(print, flush=True)
    ledger = Ledger(args.json, {"name": "digits", "budget": args.budget}, say)

    def measured(seed: int) -> dict[str, float]:
        study = DigitsStudy(seed, per_class, device, say)
        return {
            f"{name}_{key}": value
            for name, figures, _ in study.rows(TABLE)
            for key, value in figures.items()
        }

    flat = mean_and_deviation(
        ledger.part(f"seed {seed}", partial(measured, seed)) for seed in seeds
    )
    flat |= {"seeds": len(seeds), "samples": 10 * per_class, "threads": torch.get_num_threads()}
    print(table(flat, TABLE))
    ledger.finish(flat)
    return 0


def table(flat: Mapping[str, float], rows: Mapping[str, Setting]) -> str:
    """Returns the figures as text."""
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
