"""Tasks with several samples: the best, larger ones, between two, many different, variations."""

from functools import partial
from typing import Any

from ..files import AVATARS, AVATARS_CLIP, EXAMPLE
from ..graph import GraphBuilder, Link, Recipe
from ..template import Template

__all__ = ["RECIPES"]

SEEDS, KEPT, FRAMES, VARIED = 16, 4, 8, 9
PROMPT = "smiling, red hat, green shirt"
FIRST_PROMPT = "smiling, red hat, blue shirt, light skin"
LAST_PROMPT = "sad, black afro, yellow hoodie, dark skin"
MANY_PROMPT = "a yellow turban, dark skin, purple background"
NEAR, VARIATION = 0.2, 0.35
"""Variation of the starts of many samples, and of variations of a picture."""
FLOW: dict[str, Any] = {
    "steps": 40,
    "step_size": 0.03,
    "lambda_generated": 5.0,
    "eta": 16.0,
    "bandwidth": "number",
    "bandwidth_number": 0.2,
    "chunk": "fast",
}
"""Of the workflow krr_avatars_text."""


def _drawn(graph: GraphBuilder, title: str, prompt: str, **inputs: object) -> Link:
    """Adds Steer and returns the link to its latents."""
    settings = {"model": AVATARS, "prompt": prompt, "preview_every": 0, **inputs}
    return graph.output(graph.add("Steer", title, **settings), 1)


def _asked(graph: GraphBuilder, prompt: str, title: str = "") -> Link:
    """Adds the energy of a prompt."""
    return graph.add("EnergyCLIP", condition=graph.text(prompt, title=title), views=0)


def _best(recipe: Recipe) -> GraphBuilder:
    graph = GraphBuilder()
    graph.load(AVATARS, AVATARS_CLIP)
    many = _drawn(graph, "Sixteen seeds", PROMPT, samples=SEEDS, quality="draft")
    graph.add("PreviewImage", "All sixteen", images=[many[0], 0])
    energy = _asked(graph, PROMPT)
    best = graph.add("BestLatents", batch=many, energy=energy, keep=KEPT)
    images = graph.add("Decode", latents=best)
    scaled = {"image": images, "upscale_method": "lanczos", "scale_by": 4.0}
    larger = graph.add("ImageScaleBy", "Enlarge", **scaled)
    graph.add("SaveImage", images=larger, filename_prefix=recipe.id)
    return graph


def _between(recipe: Recipe) -> GraphBuilder:
    graph = GraphBuilder()
    graph.load(AVATARS)
    first = _drawn(graph, "From", FIRST_PROMPT, samples=1)
    last = _drawn(graph, "To", LAST_PROMPT, samples=1)
    way = graph.add("InterpolateLatents", first=first, second=last, frames=FRAMES)
    graph.saved(recipe.id, way)
    return graph


def _different(recipe: Recipe) -> GraphBuilder:
    graph = GraphBuilder()
    graph.load(AVATARS, AVATARS_CLIP)
    one = _drawn(graph, "One that fits", MANY_PROMPT, samples=1)
    near = {"near": one, "samples_per_latent": SEEDS, "variation": NEAR}
    start = graph.add("VariationInit", **near)
    condition = graph.text(MANY_PROMPT)
    asked = {"condition": condition, "views": 0, "scale": "logit scale"}
    energy = graph.add("EnergyCLIP", **asked)
    own = {"start": start, "energy": energy, "auxiliary": graph.models["auxiliary"]}
    apart = graph.add("KRRFlowRefine", **own, **FLOW)
    graph.saved(recipe.id, apart)
    return graph


def _varied(recipe: Recipe) -> GraphBuilder:
    graph = GraphBuilder()
    graph.load(AVATARS, AVATARS_CLIP)
    given = graph.add("LoadImage", image=EXAMPLE)
    found = graph.add("ImageToLatents", images=given, auxiliary=graph.models["auxiliary"])
    near = {"near": found, "samples_per_latent": VARIED, "variation": VARIATION}
    graph.saved(recipe.id, graph.add("VariationInit", **near))
    return graph


_task = partial(Recipe, rows=())
RECIPES = (
    _task(
        "avatars_best_of_sixteen",
        title="The best of sixteen seeds",
        says="**Steer** draws sixteen quick samples, and **Best Latents** keeps the four that "
        "the CLIP likes best, which **Enlarge**, a node of ComfyUI, makes four times as large.",
        graph=_best,
        task="Keep the best of many seeds",
        template=Template(
            "06 Sixteen seeds, keep four",
            "Draws sixteen quick pictures, and saves the four that fit the text best, enlarged.",
            (
                ("Sixteen seeds.prompt", "what to draw."),
                ("Text Condition.prompts", "the same text, by which they are ranked."),
                ("Best Latents.keep", "how many stay."),
                ("Enlarge.scale_by", "how much larger they are saved."),
            ),
            starter=False,
        ),
    ),
    _task(
        "avatars_between",
        title="From one prompt to another",
        says="**Steer** draws two avatars, and **Interpolate Latents** goes from one to the "
        "other.",
        graph=_between,
        task="Interpolate between two prompts",
        template=Template(
            "08 From one text to another",
            "Changes one person into another, frame by frame.",
            (
                ("From.prompt", "the first picture."),
                ("To.prompt", "the last picture."),
                ("Interpolate Latents.frames", "how many pictures."),
            ),
            starter=False,
            tiles=tuple(("Decode", n) for n in (0, 2, 5, 7)),
        ),
    ),
    _task(
        "avatars_different",
        title="Many different samples",
        says="**Steer** draws one avatar, **Variation Init** makes starts near it, and **KRR Flow "
        "Refine** moves all of them towards the text and apart from each other.",
        graph=_different,
        task="Draw diverse samples of one prompt",
        template=Template(
            "09 Many different results",
            "Sixteen pictures of one text that push each other apart.",
            (
                ("One that fits.prompt", "what to draw."),
                ("Text Condition.prompts", "the same text, which all follow."),
                ("KRR Flow Refine.lambda_generated", "more for more different pictures."),
            ),
            starter=False,
            shown=16,
        ),
    ),
    _task(
        "avatars_variations",
        title="Variations of a picture",
        says="**Image to Latents** finds the latents of a picture, **Variation Init** changes "
        "them a little.",
        graph=_varied,
        task="Draw variations of a picture",
        template=Template(
            "10 Variations of my image",
            "Nine pictures like a given one.",
            (
                ("Load Image", "your own picture of an avatar."),
                ("Variation Init.variation", "how different they are."),
                ("Variation Init.samples_per_latent", "how many."),
            ),
            starter=False,
            shown=9,
        ),
    ),
)
