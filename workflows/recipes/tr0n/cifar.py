"""TR0N's tables 1 and 3 on the paper's own generators of CIFAR-10, which users provide."""

from functools import partial

from ..files import AUTOGAN, NVAE_CIFAR, RESNET50
from ..graph import GraphBuilder, Link, Recipe
from ..rows import ROWS, usual
from .digits import ADAM_RATE

__all__ = ["RECIPES"]

PER_CLASS = 8
UNCONDITIONAL = 64
NAMES = {NVAE_CIFAR: "nvae", AUTOGAN: "autogan"}
"""Parts of the names of the pairs, by file; workflows of one generator share their pairs."""


def _unconditional(recipe: Recipe) -> GraphBuilder:
    graph = GraphBuilder(usual(recipe.rows[0]))
    graph.load()
    latents = graph.add("PriorInit", samples=UNCONDITIONAL)
    graph.decoded(recipe.id, latents, PER_CLASS)
    return graph


def _by_class(recipe: Recipe) -> GraphBuilder:
    """Graph of a setup: its start, its energy and its refiner are those of the row's nodes."""
    (row,) = recipe.rows
    nodes = ROWS[row].nodes
    graph = GraphBuilder(usual(row, AdamRefine={"learning_rate": ADAM_RATE}))
    graph.load(auxiliary=RESNET50, title="Load classifier")
    condition = graph.add("ClassCondition", classes="all", samples_per_class=PER_CLASS)
    energy = graph.add(
        "EnergyBayes" if "EnergyBayes" in nodes else "EnergyClassifier", condition=condition
    )
    latents = _started(graph, row, condition, energy)
    for refiner in ("LangevinRefine", "AdamRefine"):
        if refiner in nodes:
            latents = graph.add(refiner, start=latents, energy=energy)
            graph.curves(latents)
    images = graph.decoded(recipe.id, latents, PER_CLASS)
    # The paper's third column: the classifier's own probability of the intended class.
    figures = graph.add("EvaluateImages", images=images, condition=condition)
    graph.add("PreviewAny", "Probability of the class", source=figures)
    return graph


def _started(graph: GraphBuilder, row: str, condition: Link, energy: Link) -> Link:
    nodes = ROWS[row].nodes
    if "PriorInit" in nodes:
        return graph.add("PriorInit", energy=energy, condition=condition)
    name = NAMES[str(nodes["LoadGenerator"]["file"])]
    count = nodes["TrainTranslator"]["pairs"]
    pairs = graph.add("SynthesisePairs", count=count, name=f"{name}_resnet50")
    translator = graph.add("TrainTranslator", synthesised=pairs, heads="paper")
    return graph.add("TranslatorInit", translator=translator, energy=energy, condition=condition)


_task = partial(Recipe, task="Draw images of CIFAR-10's classes with an unconditional generator")
ROWS_SAY = (
    (
        "",
        "",
        "Images of the classes you choose from a generator that was trained without classes. f is "
        "the classifier's probabilities, and E is -log p(c | x) (table 1). The best of M draws of "
        "the translator is refined.",
    ),
    (
        "_no_error_correction",
        " without error correction",
        "The ablation *no EC* (no error correction): draws of the translator, not refined.",
    ),
    (
        "_no_translator",
        " without translator",
        "The ablation *no T* (no translator): Langevin dynamics from samples of the prior.",
    ),
    (
        "_deterministic",
        " by a deterministic translator",
        "The ablation *DT* (deterministic translator): one start per class, so that the samples "
        "of a class look alike.",
    ),
    (
        "_adam",
        " by Adam",
        "The ablation *ADAM*: no noise, so the results are not samples of the energy's "
        "distribution. The paper does not state its rate.",
    ),
)
"""Ends of ids and titles of the setups of table 1 in the order of its rows; what they show."""
BAYES_SAY = (
    (
        "_bayes_0_20",
        ", E'_Bayes (0, 20)",
        "E'_Bayes (0, 20) of table 3: no prior term and weight 20 on the classifier, the same "
        "distribution as without it.",
    ),
    (
        "_bayes_1_1",
        ", E'_Bayes (1, 1)",
        "E'_Bayes (1, 1) of table 3: samples of the exact posterior of the latents given the "
        "class.",
    ),
    (
        "_bayes_1_20",
        ", E'_Bayes (1, 20)",
        "E'_Bayes (1, 20) of table 3: the prior with weight 1, the classifier with weight 20.",
    ),
)
MODELS = (
    (
        "nvae",
        "NVAE",
        (1, 2, 13),
        " The NVAE draws all groups of latents after the first for every image (l* = 0), at "
        "temperature 0.7.",
    ),
    ("autogan", "AutoGAN", (7, 8, 16), ""),
)
"""Part of the ids, name, first setups (without classes, of table 1, of table 3), what is added."""


def _recipes() -> tuple[Recipe, ...]:
    found: list[Recipe] = []
    for part, name, (plain, first, bayes), more in MODELS:
        start = f"tr0n_{part}"
        found.append(
            _task(
                f"{start}_prior",
                (f"t{plain:02}",),
                f"{name} of CIFAR-10 without classes",
                f"Draws of the prior: the generator itself, the first row of table 1.{more}",
                _unconditional,
            )
        )
        for begin, says in ((first, ROWS_SAY), (bayes, BAYES_SAY)):
            for number, (end, title, text) in enumerate(says):
                found.append(
                    _task(
                        f"{start}_class{end}",
                        (f"t{begin + number:02}",),
                        f"{name} of CIFAR-10 by class{title}",
                        text + more,
                        _by_class,
                    )
                )
    return tuple(found)


RECIPES = _recipes()
