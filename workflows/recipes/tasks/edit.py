"""Edit Image: one node, and the same in small nodes."""

from functools import partial

from ....core.tasks.edit import BEYOND, CERTAINTY, GRID, KEEP, MOST, VARIATION
from ..files import AVATARS, AVATARS_CLIP, AVATARS_HELD_OUT, AVATARS_JUDGE, AVATARS_PAIRS
from ..graph import GraphBuilder, Link, Recipe

__all__ = ["RECIPES"]

FIRST, PICTURES, RESULTS = 24, 2, 4
WANTED, INSTEAD, CONTEXT = "red hat", "blue hat, green hat, yellow hat", "hat"


def _given(graph: GraphBuilder) -> Link:
    given = graph.add("ReferenceImages", reference=AVATARS_HELD_OUT, first=FIRST, count=PICTURES)
    graph.add("PreviewImage", "What was given", images=given)
    return given


def _edited(recipe: Recipe) -> GraphBuilder:
    graph = GraphBuilder()
    own = {"words": f"a {WANTED}", "instead": INSTEAD, "results": RESULTS}
    images = graph.add("EditImage", image=_given(graph), model=AVATARS, **own)
    graph.pictured(recipe.id, images, RESULTS)
    return graph


def _small(recipe: Recipe) -> GraphBuilder:
    graph = GraphBuilder()
    graph.load(AVATARS, AVATARS_CLIP)
    auxiliary = graph.models["auxiliary"]
    found = graph.add("ImageToLatents", images=_given(graph), auxiliary=auxiliary, steps=0)
    own = {"samples_per_latent": RESULTS, "variation": VARIATION}
    varied = graph.add("VariationInit", near=found, **own)
    direction = graph.add(
        "ContrastDirection",
        pairs=graph.add("LoadPairs", file=AVATARS_PAIRS),
        condition=graph.text(WANTED, title="What to show"),
        instead=graph.text(INSTEAD.replace(", ", "\n"), title="Instead of what"),
        context=graph.text(CONTEXT, title="What it needs"),
        per_sample=True,
        keep=KEEP,
    )
    search = {"strength": MOST, "certainty": CERTAINTY, "grid": GRID, "beyond": BEYOND}
    moved = graph.add(
        "MoveLatents",
        batch=varied,
        direction=direction,
        mode="smallest",
        generator=graph.models["generator"],
        auxiliary=auxiliary,
        **search,
    )
    condition = graph.text(WANTED, title="What the judge looks for")
    images = graph.decoded(recipe.id, moved, RESULTS)
    graph.judged(images, AVATARS_JUDGE, condition=condition)
    return graph


_edit = partial(Recipe, rows=(), task="Change one thing in a picture")
RECIPES = (
    _edit(
        "avatars_edit",
        title="Edit Image: a red hat",
        says="**Edit Image** changes what *words* say, and keeps the rest. **Reference Images** "
        "loads two pictures that no model here was trained on; use **Load Image** for your own. "
        "A row of the picture has four results of one.",
        graph=_edited,
        curated=True,
        per_row=RESULTS,
    ),
    _edit(
        "avatars_edit_advanced",
        title="Edit Image, in small nodes: a red hat",
        says="The same pictures as **Edit Image** in the workflow before, to the bit. **Image to "
        "Latents** encodes, **Variation Init** makes several results, **Contrast Direction** "
        "knows from pairs how a red hat differs, **Move Latents** moves each result until the "
        "CLIP sees it.",
        graph=_small,
    ),
)
