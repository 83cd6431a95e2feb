"""Tasks with models of the user's: a trained translator, a StyleGAN, a CLIP."""

from functools import partial

from ....nodes.standalone.canvas.staged import ModelFile
from ..files import AVATARS, CLIP_FILE, DIGITS, DIGITS_CLASSIFIER, STYLEGAN2
from ..graph import GraphBuilder, Recipe
from ..template import ENLARGED, Template

__all__ = ["RECIPES"]

PER_CLASS, INVERSE_TEMPERATURE = 8, 20.0
CLIP_MODEL = ModelFile(
    CLIP_FILE,
    "https://huggingface.co/laion/CLIP-ViT-B-32-laion2B-s34B-b79K/resolve/main/" + CLIP_FILE,
    "latentsteer_aux",
)
PROMPTS, FACES, SAMPLES = "a pirate\na chef", "a smiling woman with red hair", 4


def _trained(recipe: Recipe) -> GraphBuilder:
    graph = GraphBuilder({"LangevinRefine": {"inverse_temperature": INVERSE_TEMPERATURE}})
    graph.load(DIGITS, DIGITS_CLASSIFIER, "Load classifier")
    condition = graph.add("ClassCondition", classes="all", samples_per_class=PER_CLASS)
    energy = graph.add("EnergyClassifier", condition=condition)
    translator = graph.add("TrainTranslator")
    graph.add("SaveTranslator", translator=translator, name="my_digits")
    given = {"translator": translator, "energy": energy, "condition": condition}
    latents = graph.add(
        "LangevinRefine", start=graph.add("TranslatorInit", **given), energy=energy
    )
    graph.saved(recipe.id, latents)
    return graph


def _with(recipe: Recipe, *, enlarge: int = 1, **inputs: object) -> GraphBuilder:
    graph = GraphBuilder()
    images = graph.add("Steer", samples=SAMPLES, **inputs)
    graph.pictured(recipe.id, images, SAMPLES, enlarge)
    return graph


_own = partial(Recipe, rows=())
RECIPES = (
    _own(
        "digits_train_translator",
        title="A translator of one's own",
        says="**Train Translator** learns which latents of the GAN give which digit, from pairs "
        "that it makes itself. **Save Translator** keeps it, and **Langevin Refine** corrects "
        "what **Translator Init** draws.",
        graph=_trained,
        task="Train a translator",
        template=Template(
            "12 Train a translator",
            "Learns which latents give which class, so that every later picture is quick.",
            (
                ("Train Translator.pairs", "examples that it makes and learns from."),
                ("Train Translator.epochs", "how often it sees them."),
                ("Save Translator.name", "the name of the file that keeps it."),
            ),
            starter=False,
            shown=16,
        ),
    ),
    _own(
        "own_stylegan",
        title="Steer with your own StyleGAN",
        says="**Steer** with a StyleGAN2 and a CLIP that you have.",
        graph=partial(_with, model=STYLEGAN2, auxiliary=CLIP_FILE, prompt=FACES),
        task="Draw with a StyleGAN of your own",
        template=Template(
            "15 My own StyleGAN",
            "Draws faces by text with a StyleGAN that you have.",
            (
                ("Steer.model", "your generator."),
                ("Steer.auxiliary", "a CLIP that knows many words."),
                ("Steer.prompt", "what to draw."),
            ),
            models=(CLIP_MODEL,),
        ),
    ),
    _own(
        "own_clip",
        title="Steer with your own CLIP",
        says="**Steer** with the shipped avatars and a CLIP that you have.",
        graph=partial(_with, enlarge=ENLARGED, model=AVATARS, auxiliary=CLIP_FILE, prompt=PROMPTS),
        task="Draw with a CLIP of your own",
        template=Template(
            "16 My own CLIP",
            "Draws avatars by a CLIP that knows more words than the shipped one.",
            (
                ("Steer.auxiliary", "your CLIP."),
                ("Steer.prompt", "what to draw, in any words. Each line is a row."),
                ("Steer.strength", "how strongly the words pull."),
            ),
            models=(CLIP_MODEL,),
        ),
    ),
)
