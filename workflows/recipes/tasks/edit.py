"""Edit Image: one node, and the same in small nodes."""

from functools import partial

from ....core.tasks.edit import BEYOND, CERTAINTY, GRID, KEEP, MOST, VARIATION
from ..files import (
    AVATARS,
    AVATARS_CLIP,
    AVATARS_PAIRS,
    EXAMPLE,
    EXAMPLE_MASKED,
)
from ..graph import GraphBuilder, Recipe
from ..template import ENLARGED, TASK, Template

__all__ = ["RECIPES"]

RESULTS, SEED = 4, 1
PAINTED = "a green hoodie"
WANTED, CONTEXT = "red hat", "hat"
INSTEAD = "blue hat, green hat, yellow hat, pink hat, white hat"


def _edited(recipe: Recipe) -> GraphBuilder:
    graph = GraphBuilder()
    own = {"words": f"a {WANTED}", "instead": INSTEAD, "results": RESULTS, "preview_every": 0}
    own |= {"seed": SEED}
    given = graph.add("LoadImage", image=EXAMPLE)
    images = graph.add("EditImage", image=given, model=AVATARS, **own)
    graph.pictured(recipe.id, images, RESULTS // 2, ENLARGED)
    return graph


def _inpainted(recipe: Recipe) -> GraphBuilder:
    graph = GraphBuilder()
    given = graph.add("LoadImage", image=EXAMPLE_MASKED)
    keep = graph.add("InvertMask", "What to keep", mask=graph.output(given, 1))
    own = {"words": PAINTED, "instead": "", "results": RESULTS, "preview_every": 0}
    images = graph.add("EditImage", image=given, model=AVATARS, keep=keep, **own)
    graph.pictured(recipe.id, images, RESULTS // 2, ENLARGED)
    return graph


def _small(recipe: Recipe) -> GraphBuilder:
    graph = GraphBuilder()
    graph.load(AVATARS, AVATARS_CLIP)
    auxiliary = graph.models["auxiliary"]
    given = graph.add("LoadImage", image=EXAMPLE)
    encoded = {"auxiliary": auxiliary, "steps": 0, "preview_every": 0}
    found = graph.add("ImageToLatents", images=given, **encoded)
    own = {"samples_per_latent": RESULTS, "variation": VARIATION, "seed": SEED}
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


_edit = partial(Recipe, rows=(), task="Change one thing in a picture")
RECIPES = (
    _edit(
        "avatars_edit",
        title="Edit Image: a red hat",
        says="**Edit Image** changes what *words* say, and keeps the rest. **Load Image** "
        "opens an avatar that no model here was trained on, or a picture of yours.",
        graph=_edited,
        template=Template(
            "02 Edit my image",
            "Changes one thing in a picture, and keeps the rest.",
            (
                ("Load Image", "your own picture of an avatar."),
                ("Edit Image.words", "what to show."),
                ("Edit Image.instead", "what is there now."),
                ("Edit Image.results", "how many."),
            ),
            tiles=(("Load Image", 0), *(("Edit Image", n) for n in range(3))),
        ),
    ),
    _edit(
        "avatars_inpaint",
        title="Edit Image with a mask",
        says="**Edit Image** changes what *words* say where a mask is painted on the picture, and "
        "*keep* holds the rest to the pixel.",
        graph=_inpainted,
        task="Change a part of a picture",
        template=Template(
            "05 Inpaint",
            "Draws a part of a picture anew, and keeps every other pixel.",
            (
                ("Load Image", "your picture. Paint the part with *Open in MaskEditor*."),
                ("Edit Image.words", "what the part should show."),
            ),
            stages={"What to keep": TASK},
            tiles=(("Load Image", 0), *(("Edit Image", n) for n in range(3))),
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
                ("Contrast Direction", "learns from pairs how what is wanted differs."),
                ("Move Latents.certainty", "when what is wanted counts as shown."),
            ),
            starter=False,
        ),
    ),
)
