"""The shipped workflows on the digits: TR0N's Tables 1 and 3."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .graph import GraphBuilder, Link, Shipped

__all__ = ["digits_workflows"]

GENERATOR = "digits (embedded)"
CLASSIFIER = "digits classifier (embedded)"
JUDGE = "digits judge (embedded)"
PER_CLASS = 8
ABOUT = (
    "\n\nRuns on the models shipped with LatentSteer, in about a minute on a laptop's "
    "processor; the picture has a row per class. Change *classes* and *samples_per_class* in "
    "**Class Condition**, or *seed* in the refiner. The judge took no part in the steering."
)


@dataclass(frozen=True)
class _Row:
    """A row of TR0N's Tables 1 and 3, on the digits."""

    name: str
    title: str
    says: str
    start: str = "mixture"
    refiner: str | None = "LangevinRefine"
    bayes: tuple[float, float] | None = None


ROWS = (
    _Row(
        "tr0n_digits_class",
        "TR0N: digits by class",
        "A GAN that knows no classes makes the digits that you ask for. **Train Translator** "
        "learns which latents give which class, **Translator Init** draws starts from it, "
        "**Langevin Refine** corrects them. Paper rows t02 and t08.",
    ),
    _Row(
        "tr0n_digits_bayes_0_20",
        "TR0N: digits, E'_Bayes (0, 20)",
        "No prior term and weight 20 on the classifier: the same law as the plain workflow. Paper "
        "rows t13 and t16.",
        bayes=(0, 20),
    ),
    _Row(
        "tr0n_digits_bayes_1_1",
        "TR0N: digits, E'_Bayes (1, 1)",
        "Weights (1, 1): samples of the exact posterior of the latents given the class. Less "
        "sure, more diverse. Paper rows t14 and t17.",
        bayes=(1, 1),
    ),
    _Row(
        "tr0n_digits_bayes_1_20",
        "TR0N: digits, E'_Bayes (1, 20)",
        "The prior with weight 1, the classifier with weight 20. Paper rows t15 and t18.",
        bayes=(1, 20),
    ),
    _Row(
        "tr0n_digits_no_translator",
        "TR0N: digits without translator",
        "The ablation *no T*: Langevin dynamics from samples of the prior. Paper rows t04, t10.",
        start="prior",
    ),
    _Row(
        "tr0n_digits_no_error_correction",
        "TR0N: digits without error correction",
        "The ablation *no EC*: what the translator draws, not refined. Paper rows t03 and t09.",
        refiner=None,
    ),
    _Row(
        "tr0n_digits_deterministic",
        "TR0N: digits by a deterministic translator",
        "The ablation *DT*: one start per class, so that the samples of a class look alike. Paper "
        "rows t05 and t11.",
        start="deterministic",
    ),
    _Row(
        "tr0n_digits_adam",
        "TR0N: digits by Adam",
        "The ablation *ADAM*: no noise, so no samples of the energy's law. Paper rows t06, t12.",
        refiner="AdamRefine",
    ),
)


def digits_workflows() -> list[Shipped]:
    """A workflow per row."""
    return [
        Shipped(
            row.name,
            row.title,
            f"# {row.title}\n\n{row.says}{ABOUT}",
            _graph(row),
            columns=2,
            shown=3,
            per_row=PER_CLASS,
        )
        for row in ROWS
    ]


def _graph(row: _Row) -> dict[str, Any]:
    graph = GraphBuilder()
    generator = graph.add("LoadGenerator", file=GENERATOR)
    classifier = graph.add("LoadAuxModel", "Load classifier", file=CLASSIFIER)
    condition = graph.add(
        "ClassCondition", auxiliary=classifier, classes="all", samples_per_class=PER_CLASS
    )
    energy = _energy(graph, row, generator, classifier, condition)
    latents = _start(graph, row, generator, classifier, condition, energy)
    if row.refiner is not None:
        latents = _refined(graph, row, generator, latents, energy)
        graph.curves(latents)
    images = graph.add("Decode", generator=generator, latents=latents)
    graph.pictured(row.name, images, PER_CLASS)
    graph.judged(images, JUDGE, condition=condition)
    return graph.api


def _energy(
    graph: GraphBuilder, row: _Row, generator: Link, classifier: Link, condition: Link
) -> Link:
    steered = {"auxiliary": classifier, "condition": condition}
    if row.bayes is None:
        return graph.add("EnergyClassifier", **steered)
    first, second = row.bayes
    return graph.add("EnergyBayes", generator=generator, beta1=first, beta2=second, **steered)


def _start(
    graph: GraphBuilder,
    row: _Row,
    generator: Link,
    classifier: Link,
    condition: Link,
    energy: Link,
) -> Link:
    common = {"generator": generator, "condition": condition}
    if row.start == "prior":
        return graph.add("PriorInit", energy=energy, **common)
    models = {"generator": generator, "auxiliary": classifier}
    translator = graph.add("TrainTranslator", kind=row.start, **models)
    return graph.add("TranslatorInit", translator=translator, energy=energy, **common)


def _refined(graph: GraphBuilder, row: _Row, generator: Link, latents: Link, energy: Link) -> Link:
    settings: Mapping[str, object] = {"learning_rate": 0.01}
    if row.refiner == "LangevinRefine":
        settings = {"inverse_temperature": 20.0 if row.bayes is None else 1.0}
    assert row.refiner is not None
    return graph.add(row.refiner, generator=generator, start=latents, energy=energy, **settings)
