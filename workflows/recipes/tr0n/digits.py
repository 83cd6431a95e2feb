"""TR0N's Tables 1 and 3 on the digits."""

from functools import partial

from ..files import DIGITS, DIGITS_CLASSIFIER, DIGITS_JUDGE, DIGITS_TRANSLATOR
from ..graph import GraphBuilder, Link, Recipe
from .trained import with_training

__all__ = ["ADAM_RATE", "BAYES", "INVERSE_TEMPERATURE", "RECIPES"]

PER_CLASS = 8
INVERSE_TEMPERATURE, ADAM_RATE = 20.0, 0.01
BAYES = ((0, 20), (1, 1), (1, 20))
"""Weights of the prior and of the classifier in E'_Bayes; they include the temperature."""
ABOUT = (
    "\n\nRuns on the models shipped with LatentSteer, in about a minute on a laptop's "
    "processor; the picture has a row per class. Change *classes* and *samples_per_class* in "
    "**Class Condition**, or a *seed*."
)


def _graph(
    recipe: Recipe,
    *,
    start: str = "mixture",
    refiner: str = "LangevinRefine",
    bayes: tuple[float, float] | None = None,
) -> GraphBuilder:
    graph = GraphBuilder(
        {
            "LangevinRefine": {"inverse_temperature": 1.0 if bayes else INVERSE_TEMPERATURE},
            "AdamRefine": {"learning_rate": ADAM_RATE},
        }
    )
    graph.load(DIGITS, DIGITS_CLASSIFIER, "Load classifier")
    condition = graph.add("ClassCondition", classes="all", samples_per_class=PER_CLASS)
    if bayes is None:
        energy = graph.add("EnergyClassifier", condition=condition)
    else:
        energy = graph.add("EnergyBayes", condition=condition, beta1=bayes[0], beta2=bayes[1])
    latents = _start(graph, start, condition, energy)
    if refiner:
        latents = graph.add(refiner, start=latents, energy=energy)
        graph.curves(latents)
    images = graph.decoded(recipe.id, latents, PER_CLASS)
    graph.judged(images, DIGITS_JUDGE, condition=condition)
    return graph


def _start(graph: GraphBuilder, kind: str, condition: Link, energy: Link) -> Link:
    if kind == "prior":
        return graph.add("PriorInit", energy=energy, condition=condition)
    if kind == "shipped":
        translator = graph.add("LoadTranslator", file=DIGITS_TRANSLATOR)
    else:
        translator = graph.add("TrainTranslator", kind=kind)
    return graph.add("TranslatorInit", translator=translator, energy=energy, condition=condition)


_digits = partial(
    Recipe,
    task="Draw digits of chosen classes",
    about=ABOUT,
    improves="probability",
)
_CLASS = _digits(
    "tr0n_digits_class",
    (),
    "digits by class",
    "A GAN trained without classes draws digits of the classes you choose. **Load "
    "Translator** opens a translator that knows which latents give which class; for other "
    "models **Train Translator** makes one. **Translator Init** draws starts from it, "
    "**Langevin Refine** corrects them.",
    partial(_graph, start="shipped"),
    like=("t02", "t08"),
)
RECIPES = (
    _CLASS,
    with_training(_CLASS, _graph),
    _digits(
        "tr0n_digits_bayes_0_20",
        ("t13", "t16"),
        "digits, E'_Bayes (0, 20)",
        "No prior term and weight 20 on the classifier: the same distribution as the plain "
        "workflow.",
        partial(_graph, bayes=BAYES[0]),
    ),
    _digits(
        "tr0n_digits_bayes_1_1",
        ("t14", "t17"),
        "digits, E'_Bayes (1, 1)",
        "Weights (1, 1): samples of the exact posterior of the latents given the class. Less "
        "certain, more diverse.",
        partial(_graph, bayes=BAYES[1]),
    ),
    _digits(
        "tr0n_digits_bayes_1_20",
        ("t15", "t18"),
        "digits, E'_Bayes (1, 20)",
        "The prior with weight 1, the classifier with weight 20.",
        partial(_graph, bayes=BAYES[2]),
    ),
    _digits(
        "tr0n_digits_no_translator",
        ("t04", "t10"),
        "digits without translator",
        "The ablation *no T* (no translator): Langevin dynamics from samples of the prior.",
        partial(_graph, start="prior"),
    ),
    _digits(
        "tr0n_digits_no_error_correction",
        ("t03", "t09"),
        "digits without error correction",
        "The ablation *no EC* (no error correction): draws of the translator, not refined.",
        partial(_graph, refiner=""),
        improves="",
    ),
    _digits(
        "tr0n_digits_deterministic",
        ("t05", "t11"),
        "digits by a deterministic translator",
        "The ablation *DT* (deterministic translator): one start per class, so that the samples "
        "of a class look similar.",
        partial(_graph, start="deterministic"),
        improves="",
    ),
    _digits(
        "tr0n_digits_adam",
        ("t06", "t12"),
        "digits by Adam",
        "The ablation *ADAM*: no noise, so the results are not samples of the energy's "
        "distribution.",
        partial(_graph, refiner="AdamRefine"),
    ),
)
