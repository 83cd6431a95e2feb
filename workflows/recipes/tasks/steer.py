"""Steer: one node, and the same in small nodes."""

from functools import partial

from ....core.tasks.plans import BY_TRANSLATOR, FROM_PAIRS
from ....core.tasks.steer import CLAUSE_WEIGHT, INVERSE_TEMPERATURE, RATE
from ..files import (
    AVATARS,
    AVATARS_CLIP,
    AVATARS_JUDGE,
    AVATARS_PAIRS,
    DIGITS,
    DIGITS_CLASSIFIER,
    DIGITS_TRANSLATOR,
)
from ..graph import GraphBuilder, Link, Recipe
from ..template import ENLARGED, Template

__all__ = ["RECIPES"]

PROMPTS = "smiling, red hat, green shirt\npurple hijab, glasses, yellow background"
LINES, SAMPLES, QUALITY = 2, 4, "good"
CLASSES = "0-9"


def _steered(recipe: Recipe, *, model: str, prompt: str) -> GraphBuilder:
    graph = GraphBuilder()
    images = graph.add("Steer", model=model, prompt=prompt, samples=SAMPLES, quality=QUALITY)
    graph.pictured(recipe.id, images, SAMPLES, ENLARGED)
    return graph


def _small(recipe: Recipe) -> GraphBuilder:
    plan = FROM_PAIRS[QUALITY]
    graph = GraphBuilder(
        {
            "AdamRefine": {"learning_rate": RATE, "latent_noise": plan.noise},
            "EnergyCLIP": {"views": 0},
        }
    )
    graph.load(AVATARS, AVATARS_CLIP)
    pairs = graph.add("LoadPairs", file=AVATARS_PAIRS)

    def wanted(each: int, title: str) -> tuple[Link, Link]:
        """Adds a condition with so many samples of each line, and its energy."""
        condition = graph.text(PROMPTS, each, title, clause_weight=CLAUSE_WEIGHT)
        return condition, graph.add("EnergyCLIP", condition=condition)

    spare, wide = wanted(SAMPLES * plan.spares, "Spare samples")
    best = {"energy": wide, "candidates": plan.candidates, "mixed": plan.mixed}
    start = graph.add("NearestPairsInit", pairs=pairs, condition=spare, **best)
    if plan.encoded:
        seen = graph.add("Decode", "Their images", latents=start)
        start = graph.add("ImageToLatents", "Their latents", images=seen, steps=0)
    groups = {"keep": SAMPLES, "groups": LINES}
    kept = graph.add("BestLatents", batch=start, energy=wide, **groups)
    condition, energy = wanted(SAMPLES, "The samples")
    latents = graph.add("AdamRefine", "The best ones", start=kept, energy=energy, steps=plan.steps)
    graph.curves(latents)
    images = graph.decoded(recipe.id, latents, SAMPLES)
    graph.judged(images, AVATARS_JUDGE, condition=condition)
    return graph


def _small_digits(recipe: Recipe) -> GraphBuilder:
    plan = BY_TRANSLATOR[QUALITY]
    graph = GraphBuilder({"LangevinRefine": {"inverse_temperature": INVERSE_TEMPERATURE}})
    graph.load(DIGITS, DIGITS_CLASSIFIER, "Load classifier")
    condition = graph.add("ClassCondition", classes=CLASSES, samples_per_class=SAMPLES)
    energy = graph.add("EnergyClassifier", condition=condition)
    drawn = {"translator": graph.add("LoadTranslator", file=DIGITS_TRANSLATOR)}
    best = {"energy": energy, "candidates": plan.candidates}
    start = graph.add("TranslatorInit", condition=condition, **drawn, **best)
    latents = graph.add("LangevinRefine", start=start, energy=energy, steps=plan.steps)
    graph.saved(recipe.id, latents)
    return graph


_steer = partial(Recipe, rows=(), task="Draw what you write")
RECIPES = (
    _steer(
        "avatars_steer",
        title="Steer: avatars from text",
        says="**Steer** draws what you write, a line of *prompt* for each row of the picture. The "
        "workflow *avatars_steer_advanced* has the same in small nodes.",
        graph=partial(_steered, model=AVATARS, prompt=PROMPTS),
        template=Template(
            "01 Avatars from text",
            "Draws what you write.",
            (
                ("Steer.prompt", "what to draw. Each line is a row of the picture."),
                ("Steer.quality", "*draft* is faster, *best* is slower."),
                ("Steer.seed", "other pictures of the same text."),
            ),
        ),
    ),
    _steer(
        "avatars_steer_advanced",
        title="Steer, in small nodes: avatars from text",
        says="The same pictures as **Steer** in the workflow *avatars_steer*, to the bit. "
        "**Nearest Pairs Init** finds starts for more samples than are wanted, each the best of "
        "many sums of pairs that fit the text. **Decode** and **Image to Latents** take away what "
        "only fools the CLIP, **Best Latents** keeps those of lowest energy, and a few steps of "
        "**Adam Refine** finish them.",
        graph=_small,
    ),
    _steer(
        "digits_steer",
        title="Steer: digits of chosen classes",
        says="**Steer** with a classifier: *prompt* has classes, by name or number. A row of the "
        "picture is a class.",
        graph=partial(_steered, model=DIGITS, prompt=CLASSES),
        task="Draw digits of chosen classes",
        template=Template(
            "03 Digits by class",
            "A GAN without classes draws the digits that you choose.",
            (
                ("Steer.prompt", "classes, such as 3, 7 or 0-9. Each is a row of the picture."),
                ("Steer.samples", "how many of each class."),
                ("Steer.seed", "other digits."),
            ),
            shown=16,
        ),
    ),
    _steer(
        "digits_steer_advanced",
        title="Steer, in small nodes: digits",
        says="The same pictures as **Steer** in the workflow *digits_steer*, to the bit. "
        "**Translator Init** draws starts, of which the energy ranks some for each sample, and "
        "**Langevin Refine** corrects them.",
        graph=_small_digits,
        task="Draw digits of chosen classes",
        template=Template(
            "13 Steer in small nodes",
            "The pictures of template 03 to the bit, step by step.",
            (
                ("Class Condition.classes", "what is wanted."),
                ("Energy Classifier", "says how far a picture is from that."),
                ("Translator Init.candidates", "starts for each picture; the nearest one stays."),
                ("Langevin Refine.steps", "more make the digits fit better."),
            ),
            starter=False,
            shown=16,
        ),
    ),
)
