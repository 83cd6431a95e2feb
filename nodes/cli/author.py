"""Writes the shipped workflows and the help pages from their descriptions: `make workflows`."""

import argparse
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from . import help_pages
from .convert import ui_from_api
from .registry import load_nodes, schemas_of
from .thumbnails import thumbnail
from .values import default_of, widgets

__all__ = ["FOLDER", "Shipped", "graphs", "main"]

FOLDER = Path(__file__).resolve().parents[2] / "workflows"
GENERATOR = "digits (embedded)"
CLASSIFIER = "digits classifier (embedded)"
JUDGE = "digits judge (embedded)"
PER_CLASS = 8


@dataclass(frozen=True)
class Shipped:
    """A shipped workflow.

    Attributes:
        name: of its files.
        title: of its note.
        notes: what it does, in Markdown.
        api: the graph in API format.
    """

    name: str
    title: str
    notes: str
    api: dict[str, Any]


@dataclass
class _Graph:
    """A graph in the making; widgets that are not named get their defaults."""

    api: dict[str, Any] = field(default_factory=dict)

    def add(self, node_type: str, title: str = "", /, **inputs: object) -> str:
        """Adds a node and returns its id."""
        nodes = load_nodes()
        own = node_type if node_type in nodes else f"LatentSteer_{node_type}"
        schema = nodes[own].schema()
        defaults = {w.id: default_of(w) for w in widgets(schema)}
        number = str(len(self.api) + 1)
        node: dict[str, Any] = {"class_type": own, "inputs": {**defaults, **inputs}}
        node["_meta"] = {"title": title or schema.display_name}
        self.api[number] = node
        return number


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


def _graph(row: _Row) -> dict[str, Any]:
    graph = _Graph()
    generator = [graph.add("LoadGenerator", file=GENERATOR), 0]
    classifier = [graph.add("LoadAuxModel", "Load classifier", file=CLASSIFIER), 0]
    condition = [
        graph.add(
            "ClassCondition", auxiliary=classifier, classes="all", samples_per_class=PER_CLASS
        ),
        0,
    ]
    energy = [_energy(graph, row, generator, classifier, condition), 0]
    latents = [_start(graph, row, generator, classifier, condition, energy), 0]
    if row.refiner is not None:
        refined = _refined(graph, row, generator, latents, energy)
        latents = [refined, 0]
        report = graph.add("EnergyReport", trace=[refined, 1])
        graph.add("PreviewImage", "Energy curves", images=[report, 0])
    images = [graph.add("Decode", generator=generator, latents=latents), 0]
    sheet = graph.add("ImageGrid", images=images, columns=PER_CLASS)
    graph.add("SaveImage", images=[sheet, 0], filename_prefix=row.name)
    judge = [graph.add("LoadAuxModel", "Load judge", file=JUDGE), 0]
    found = graph.add("EvaluateImages", images=images, auxiliary=judge, condition=condition)
    graph.add("PreviewAny", "Figures of the judge", source=[found, 0])
    return graph.api


def _energy(
    graph: _Graph, row: _Row, generator: list[Any], classifier: list[Any], condition: list[Any]
) -> str:
    steered = {"auxiliary": classifier, "condition": condition}
    if row.bayes is None:
        return graph.add("EnergyClassifier", **steered)
    first, second = row.bayes
    return graph.add("EnergyBayes", generator=generator, beta1=first, beta2=second, **steered)


def _start(
    graph: _Graph,
    row: _Row,
    generator: list[Any],
    classifier: list[Any],
    condition: list[Any],
    energy: list[Any],
) -> str:
    common = {"generator": generator, "condition": condition}
    if row.start == "prior":
        return graph.add("PriorInit", energy=energy, **common)
    models = {"generator": generator, "auxiliary": classifier}
    translator = [graph.add("TrainTranslator", kind=row.start, **models), 0]
    return graph.add("TranslatorInit", translator=translator, energy=energy, **common)


def _refined(
    graph: _Graph, row: _Row, generator: list[Any], latents: list[Any], energy: list[Any]
) -> str:
    settings: Mapping[str, object] = {"learning_rate": 0.01}
    if row.refiner == "LangevinRefine":
        settings = {"inverse_temperature": 20.0 if row.bayes is None else 1.0}
    assert row.refiner is not None
    return graph.add(row.refiner, generator=generator, start=latents, energy=energy, **settings)


def graphs() -> list[Shipped]:
    """All shipped workflows."""
    about = (
        "\n\nRuns on the models shipped with LatentSteer, in about a minute on a laptop's "
        "processor; the picture has a row per class. Change *classes* and *samples_per_class* in "
        "**Class Condition**, or *seed* in the refiner. The judge took no part in the steering."
    )
    return [
        Shipped(row.name, row.title, f"# {row.title}\n\n{row.says}{about}", _graph(row))
        for row in ROWS
    ]


def main(argv: Sequence[str] | None = None) -> None:
    """Writes the help pages and every workflow in both formats; its picture when asked to."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--thumbnails", action="store_true", help="run each workflow, and write its picture"
    )
    args = parser.parse_args(argv)
    nodes = load_nodes()
    help_pages.FOLDER.mkdir(parents=True, exist_ok=True)
    for name, text in help_pages.pages(nodes).items():
        (help_pages.FOLDER / name).write_text(text, encoding="utf-8", newline="\n")
    schemas = schemas_of(nodes)
    for shipped in graphs():
        canvas = ui_from_api(shipped.api, schemas, title=shipped.title, notes=shipped.notes)
        for path, content in (
            (FOLDER / f"{shipped.name}.json", canvas),
            (FOLDER / "api" / f"{shipped.name}.json", shipped.api),
        ):
            path.parent.mkdir(parents=True, exist_ok=True)
            text = json.dumps(content, indent=2, ensure_ascii=False) + "\n"
            path.write_text(text, encoding="utf-8", newline="\n")
            print(path)
        if args.thumbnails:
            path = FOLDER / f"{shipped.name}.jpg"
            print(path, thumbnail(shipped.api, path), "bytes")


if __name__ == "__main__":
    main()
