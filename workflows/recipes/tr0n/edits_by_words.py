"""Edits of avatars by words: directions of contrasting texts over stored pairs."""

from ....core.zoo.avatar_edits import avatar_edits
from ..files import AVATARS, AVATARS_CLIP, AVATARS_HELD_OUT, AVATARS_JUDGE, AVATARS_PAIRS
from ..graph import GraphBuilder, Link, Recipe

__all__ = ["RECIPES"]

GIVEN, FIRST = 6, 40
WANTED = ("sunglasses", "blue background", "red hat")
"""Of the edits that `reproduce edits` measures."""
ABOUT = "\n\nRuns on the models shipped with LatentSteer, in a minute on a laptop's processor."


def _edits(recipe: Recipe) -> GraphBuilder:
    graph = GraphBuilder()
    graph.load(AVATARS, AVATARS_CLIP)
    pairs = graph.add("LoadPairs", file=AVATARS_PAIRS)
    source = {"reference": AVATARS_HELD_OUT, "first": FIRST, "count": GIVEN}
    given = graph.add("ReferenceImages", "What is edited", **source)
    clip, generator = graph.models["auxiliary"], graph.models["generator"]
    start = graph.add("ImageToLatents", "Encode", images=given, auxiliary=clip, steps=0)
    known = {one.wanted: one for one in avatar_edits()}
    rows: list[Link] = []
    for text in WANTED:
        edit = known[text]
        others = {"instead": "\n".join(edit.instead), "context": edit.context}
        asked = {
            name: graph.add("TextCondition", f"{name.capitalize()}: {text}", prompts=words)
            for name, words in others.items()
            if words
        }
        wanted = graph.add("TextCondition", f"Wanted: {text}", prompts=text)
        settings = {"pairs": pairs, "condition": wanted, "per_sample": True, "keep": 3.0}
        direction = graph.add("ContrastDirection", **settings, **asked)
        # Not wired by themselves: both are optional there.
        seen = {"generator": generator, "auxiliary": clip}
        search = {"mode": "smallest", "strength": 8.0, "certainty": 0.7, **seen}
        moved = graph.add("MoveLatents", text, batch=start, direction=direction, **search)
        rows.append(graph.add("Decode", latents=moved))
        graph.judged(rows[-1], AVATARS_JUDGE, condition=wanted)
    graph.pictured(recipe.id, graph.stacked_images([given, *rows]), GIVEN)
    return graph


RECIPES = (
    Recipe(
        "avatars_edit_by_words",
        (),
        "Avatars: edits by words",
        "The first row is given, the others are its edits: sunglasses, a blue background and a "
        "red hat. **Contrast Direction** compares stored pairs that a CLIP finds near to the "
        "wanted text with those near to the texts of *instead*, within the *context*. With "
        "*per_sample* it prepares several ways there, and *keep* is the weight of the rest of "
        "the image. **Move Latents** with *mode* smallest takes, for each picture, the way that "
        "changes the rest least, and stops where the CLIP sees what is wanted.",
        _edits,
        task="Edit pictures by words, without training",
        about=ABOUT,
    ),
)
