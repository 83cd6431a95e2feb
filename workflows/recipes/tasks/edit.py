"""Edit Image: one node, and the same in small nodes."""

from functools import partial

from ....core.tasks.edit import BEYOND, CERTAINTY, GRID, KEEP, MOST, VARIATION
from ..files import (
    AVATARS,
    AVATARS_CLIP,
    AVATARS_HELD_OUT,
    AVATARS_PAIRS,
    PICTURE,
)
from ..graph import GraphBuilder, Link, Recipe
from ..template import KEPT, TASK, Own, Template

__all__ = ["RECIPES"]

FIRST, PICTURES, RESULTS = 24, 2, 4
SIDE, BEGIN = 64, 44
"""Side of the pictures, and where the part at the bottom that inpainting changes begins."""
PAINTED = "a green hoodie"
WANTED, INSTEAD, CONTEXT = "red hat", "blue hat, green hat, yellow hat", "hat"


def _given(graph: GraphBuilder, count: int = PICTURES) -> Link:
    given = graph.add("ReferenceImages", reference=AVATARS_HELD_OUT, first=FIRST, count=count)
    graph.add("PreviewImage", "What was given", images=given)
    return given


def _edited(recipe: Recipe) -> GraphBuilder:
    graph = GraphBuilder()
    own = {"words": f"a {WANTED}", "instead": INSTEAD, "results": RESULTS, "preview_every": 0}
    images = graph.add("EditImage", image=_given(graph), model=AVATARS, **own)
    graph.pictured(recipe.id, images, RESULTS)
    return graph


def _inpainted(recipe: Recipe) -> GraphBuilder:
    graph = GraphBuilder()
    given = _given(graph, 1)
    whole = graph.add("SolidMask", "The whole", value=1.0, width=SIDE, height=SIDE)
    laid = {"x": 0, "y": BEGIN, "operation": "subtract"}
    keep = graph.add("MaskComposite", "What to keep", destination=whole, source=whole, **laid)
    own = {"words": PAINTED, "instead": "", "results": RESULTS, "preview_every": 0}
    images = graph.add("EditImage", image=given, model=AVATARS, keep=keep, **own)
    graph.pictured(recipe.id, images, RESULTS // 2)
    return graph


def _small(recipe: Recipe) -> GraphBuilder:
    graph = GraphBuilder()
    graph.load(AVATARS, AVATARS_CLIP)
    auxiliary = graph.models["auxiliary"]
    given = graph.add("ReferenceImages", reference=AVATARS_HELD_OUT, first=FIRST, count=PICTURES)
    encoded = {"auxiliary": auxiliary, "steps": 0, "preview_every": 0}
    found = graph.add("ImageToLatents", images=given, **encoded)
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
    search["checked"] = True
    moved = graph.add(
        "MoveLatents",
        batch=varied,
        direction=direction,
        mode="smallest",
        generator=graph.models["generator"],
        auxiliary=auxiliary,
        **search,
    )
    graph.saved(recipe.id, moved)
    return graph


OWN = Own("LoadImage", "Your picture", "Reference Images", {"image": PICTURE})
_edit = partial(Recipe, rows=(), task="Change one thing in a picture")
RECIPES = (
    _edit(
        "avatars_edit",
        title="Edit Image: a red hat",
        says="**Edit Image** changes what *words* say, and keeps the rest. **Reference Images** "
        "loads two pictures that no model here was trained on. A row of the picture has four "
        "results of one.",
        graph=_edited,
        template=Template(
            "02 Edit my image",
            "Changes one thing in a picture, and keeps the rest.",
            (
                ("Edit Image.words", "what to change: *sunglasses*, *no glasses*, *smile*."),
                ("Edit Image.instead", "what could be there in its place; may be empty."),
                ("Edit Image.results", "how many for each picture."),
            ),
            own=(OWN,),
            stages={"What was given": TASK},
            tiles=(("Reference Images", 0), *(("Edit Image", n) for n in range(3))),
        ),
    ),
    _edit(
        "avatars_inpaint",
        title="Edit Image with a mask",
        says="**Edit Image** changes what *words* say, and *keep* holds the rest of the picture "
        "to the pixel.",
        graph=_inpainted,
        task="Change a part of a picture",
        template=Template(
            "05 Inpaint",
            "Draws a part of a picture anew, and keeps every other pixel.",
            (
                ("Edit Image.words", "what the part should show."),
                ("What to keep.y", "where the part that is drawn anew begins, from the top."),
            ),
            own=(OWN,),
            stages={"What was given": TASK, "The whole": KEPT, "What to keep": KEPT},
            tiles=(("Reference Images", 0), *(("Edit Image", n) for n in range(3))),
        ),
    ),
    _edit(
        "avatars_edit_advanced",
        title="Edit Image, in small nodes: a red hat",
        says="The same pictures as **Edit Image** in the workflow *avatars_edit*, to the bit. "
        "**Image to Latents** encodes, **Variation Init** makes several results, **Contrast "
        "Direction** knows from pairs how a red hat differs, **Move Latents** moves each result "
        "until the CLIP sees it.",
        graph=_small,
        template=Template(
            "14 Edit in small nodes",
            "The pictures of template 02 to the bit, step by step.",
            (
                ("Image to Latents", "what the generator needs to draw the picture."),
                ("Variation Init.variation", "how much the results differ."),
                ("Contrast Direction", "learns from pairs how the wanted differs."),
                ("Move Latents.certainty", "when the wanted counts as shown."),
            ),
            own=(OWN,),
            starter=False,
        ),
    ),
)
