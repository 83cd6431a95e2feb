"""The note of a workflow: what it shows and needs, and whether its numbers are the paper's."""

from collections.abc import Mapping

from .departures import departures
from .files import BIGGAN, FILES, FOLDERS, LABELLED, PICTURES, REAL_IMAGES
from .graph import Recipe
from .numbers import VIEWS
from .rows import parts

__all__ = ["note", "rows_sentence"]

WHY: Mapping[str, str] = {
    "tr0n_digits": "Small models of digits, which a processor trains and steers in a minute.",
    "tr0n_avatars": "Small models of avatars, which a processor trains and steers in minutes; the "
    "numbers were chosen on them.",
    "fusedream_avatars": "The numbers suit a processor: fewer and longer steps.",
    "krr_digits": "Small models of digits. The paper leaves the scale of the features, eta, xi, "
    "the mollifier and the number of samples open; these numbers were chosen on digits.",
    "krr_avatars": "Small models of avatars; the paper leaves the scale of the features open.",
    "d2c_avatars": "Small models of avatars, whose settings suit a processor; the paper states no "
    "numbers of rejection or of the gradient.",
    "krr_": "The median of the distances adapts the kernel to features of any scale.",
    "tr0n_": "Captions here are the likeliest ones, so that they do not depend on the batch.",
}
"""Reasons why families of workflows differ; the longest matching prefix of an id applies."""
RELEASED = "the released code"
TRAINED = (
    "With *recipe* custom, training divides the loss by the size of the latent instead of "
    "multiplying it by 1e-4, and clips gradients to norm 1, as in the released code."
)
FLOWS = (
    "BigGAN's samples are clamped to [-2, 2] when used instead of bounded by a tanh, which a flow "
    "does not have."
)
CHEAPER: Mapping[str, str] = {
    "BasisInit": "*candidates* 200",
    "AdamRefine": "*steps* 100",
    "ComposeFuse": "*steps* 100 and *places* centre",
}
"""Cheaper values to try first, where the numbers take minutes per prompt on a GPU."""
FEWER_PAIRS = (
    "A million pairs take hours on a GPU, once: they are kept for all workflows with these "
    "models, and a cancelled synthesis goes on. Try *count* 20,000 of **Synthesise Pairs** first, "
    "with *recipe* fast in **Train Translator**, and keep the translator with **Save "
    "Translator**. "
)
OPEN = (
    "The paper does not state its eta, xi, mollifier or numbers of samples: those here work well "
    "on the digits. "
)
NEVER = "Not run by the authors of LatentSteer: the trained weights were not available."
TRAINING = " Training the translator takes much of that: keep it with **Save Translator**."
WORDS = (
    " The words that the small CLIP knows are in docs/models.md; man, woman and person have no "
    "effect."
)
NO_VIEWS = (
    " *views* of **Energy CLIP** is 0: this small CLIP needs none, a large one does; try 50 there."
)
JUDGE = " The judge took no part in the steering"


def note(recipe: Recipe) -> str:
    """Returns the note, in Markdown."""
    text = f"# {recipe.heading}\n\n{recipe.says}{rows_sentence(recipe)}"
    text += _official(recipe) if recipe.files else _embedded(recipe)
    return text + _compared(recipe)


def rows_sentence(recipe: Recipe) -> str:
    """Returns the sentence that names the setups."""
    names = recipe.rows or recipe.like
    if not names:
        return ""
    *before, last = names
    listed = f"{', '.join(before)} and {last}" if before else last
    start = "Setup" if recipe.rows else "Compare setup"
    return f" {start}{'s' if before else ''} {listed} of docs/workflows.md."


def _kinds(recipe: Recipe) -> set[str]:
    kinds = {node["class_type"] for node in recipe.api.values()}
    return {kind.removeprefix("LatentSteer_") for kind in kinds}


def _embedded(recipe: Recipe) -> str:
    """Returns where and how fast it runs, and hints on its nodes."""
    kinds = _kinds(recipe)
    text = recipe.about
    text += TRAINING if "TrainTranslator" in kinds else ""
    text += WORDS if "TextCondition" in kinds else ""
    text += NO_VIEWS if recipe.paper == "tr0n" and "EnergyCLIP" in kinds else ""
    return text if "judge" in text else text + _judge(recipe)


def _judge(recipe: Recipe) -> str:
    """Returns what the judge reports; empty without a judge."""
    judges = [n for n in recipe.api.values() if n["class_type"].endswith("EvaluateImages")]
    if not judges:
        return ""
    if not all("condition" in node["inputs"] for node in judges):
        return f"{JUDGE}: it compares the images with real ones that no model was trained on."
    if "TextCondition" not in _kinds(recipe):
        return f"{JUDGE}."
    return f"{JUDGE}: it reports the share of the prompts' constraints that it recognises."


def _official(recipe: Recipe) -> str:
    """Returns the files that users provide, and what their workflows share."""
    kinds, inputs = _kinds(recipe), [node["inputs"] for node in recipe.api.values()]
    text = ""
    if recipe.paper == "fusedream" and any(n.get("views") == VIEWS["views"] for n in inputs):
        text += " The paper states no number of views: this is the released code's."
    tries = ", ".join(hint for kind, hint in CHEAPER.items() if kind in kinds)
    if tries:
        text += f" These numbers take minutes per prompt on a GPU: try {tries} first."
    text += "\n\n**Needs files that you have**:"
    for file in recipe.files:
        folder = FOLDERS.get(file, "latentsteer_aux")
        text += f"\n* `{file}` in `models/{folder}`: {FILES[file]}"
    if any(n.get("folder") == REAL_IMAGES for n in inputs):
        text += f"\n* `{REAL_IMAGES}` in the input folder: a folder of CIFAR-10's training images"
    for folder, holds in {**LABELLED, **PICTURES}.items():
        if any(n.get("folder") == folder for n in inputs):
            text += f"\n* `{folder}` in the input folder: {holds}"
    text += "\n\n"
    text += FEWER_PAIRS if "TrainTranslator" in kinds else ""
    text += OPEN if recipe.paper == "krr" else ""
    return text + NEVER


def _compared(recipe: Recipe) -> str:
    """States whether the numbers are the paper's, and if not, which differ and why."""
    rows = recipe.rows or recipe.like
    places = dict.fromkeys(part.where for row in rows for part in parts(row))
    if not places:
        return ""
    coded = all(place.startswith(RELEASED) for place in places)
    source = RELEASED if coded else f"the paper ({'; '.join(places)})"
    differ = departures(rows, recipe.api)
    text = f"**Numbers as in {source}.** "
    if differ:
        why = max((k for k in WHY if recipe.id.startswith(k)), key=len, default="")
        text = f"**Not as in {source}**, whose values are in brackets. {WHY.get(why, '')}\n"
        for node in dict.fromkeys(one.node for one in differ):
            own = ", ".join(str(one) for one in differ if one.node == node)
            text += f"\n* **{node}**: {own}"
        text += "\n\n"
    trained = [
        n["inputs"] for n in recipe.api.values() if n["class_type"].endswith("TrainTranslator")
    ]
    if any(inputs["recipe"] == "custom" for inputs in trained):
        text += TRAINED
    if any(inputs["kind"] == "flow" for inputs in trained) and BIGGAN in recipe.files:
        text += FLOWS
    return f"\n\n{text.strip()}"
