"""KRR flow on the avatars: diverse texts, inpainting and editing."""

from collections.abc import Mapping
from functools import partial
from typing import Any

from ..files import AVATARS, AVATARS_CLIP, AVATARS_HELD_OUT, AVATARS_JUDGE
from ..graph import GraphBuilder, Link, Recipe

__all__ = [
    "CANDIDATES",
    "COMPLETIONS",
    "EDITED_VARIATION",
    "EDITING",
    "INPAINTING",
    "KEPT",
    "KNOWN",
    "NEIGHBOURS",
    "OF_EACH",
    "PARTNERS",
    "PASTED",
    "RECIPES",
    "SAMPLES",
    "SPREAD",
    "TEXT",
    "TEXT_WEIGHT",
    "VARIATION",
]

SIDE = 64
PROMPT = "a yellow turban, sticking the tongue out, dark skin, purple background"
SAMPLES, COMPLETIONS = 16, 4
"""Samples of one prompt, and completions or edits of one picture."""
CANDIDATES, PASTED = 400, 32
"""Candidates for a start: from the prior, and with random avatars next to the known region."""
NEIGHBOURS = 600
"""Variations of a picture that the starts of edits are chosen from."""
VARIATION, EDITED_VARIATION, SPREAD = 0.2, 0.7, 0.5
"""Variation of the samples of a text, and largest variation of edits and its spread."""
PARTNERS, OF_EACH = 64, 40
"""Samples of the prior that the candidates of an edit move towards, each the best of as many."""
KNOWN, KEPT, TEXT_WEIGHT = 1000.0, 20.0, 2.5
"""Weights of the known region, of the source's pixels, and of a text relative to its source."""
# `reproduce krr` uses 2 for its eight prompts; the samples of this one separate less.
TEXT: Mapping[str, Any] = {
    "steps": 40,
    "step_size": 0.03,
    "lambda_generated": 5.0,
    "eta": 16.0,
    "bandwidth": "number",
    "bandwidth_number": 0.2,
    "chunk": "fast",
}
INPAINTING: Mapping[str, Any] = {"steps": 60, "step_size": 0.05, "eta": 4.0, "chunk": "fast"}
EDITING: Mapping[str, Any] = {"steps": 30, "step_size": 0.03, "eta": 4.0, "chunk": "fast"}
ABOUT = (
    "\n\nRuns on the models shipped with LatentSteer, in one to two minutes on a laptop's "
    "processor. The kernel uses the CLIP's embeddings."
)


class _Avatars(GraphBuilder):
    """Graph with the models of the avatars.

    Args:
        flow: values of KRR Flow Refine.
    """

    def __init__(self, flow: Mapping[str, Any]) -> None:
        super().__init__({"KRRFlowRefine": flow})
        self.load(AVATARS, AVATARS_CLIP)
        self.clip = self.models["auxiliary"]

    def flowed(self, title: str, start: Link, energy: Link, **settings: object) -> Link:
        """Adds the flow; the kernel uses the CLIP."""
        inputs = {"start": start, "energy": energy, "auxiliary": self.clip, **settings}
        return self.add("KRRFlowRefine", title, **inputs)

    def both(self, start: Link, energy: Link, **judged: object) -> Link:
        """Shows and judges the condition alone and the flow, one below the other."""
        alone = self.flowed("Condition alone", start, energy, lambda_generated=0.0)
        flow = self.flowed("With the density", start, energy)
        self.curves(flow)
        images = [
            self.add("Decode", title, latents=latents)
            for title, latents in (("Decode condition alone", alone), ("Decode flow", flow))
        ]
        for one in images:
            self.judged(one, AVATARS_JUDGE, **judged)
        return self.stacked([alone, flow])

    def pasted(self, title: str, images: Link, source: Link, known: Link) -> Link:
        """Composites the known region of a source over images."""
        place = {"x": 0, "y": 0, "resize_source": False}
        return self.add(
            "ImageCompositeMasked", title, destination=images, source=source, mask=known, **place
        )


def _text(recipe: Recipe) -> GraphBuilder:
    graph = _Avatars(TEXT)
    condition = graph.text(PROMPT)
    energy = graph.add("EnergyCLIP", condition=condition, views=0, scale="logit scale")
    best = graph.add("PriorInit", samples=1, energy=energy, candidates=CANDIDATES)
    led = graph.flowed("Lead one sample", best, energy, lambda_generated=0.0)
    start = graph.add("VariationInit", near=led, samples_per_latent=SAMPLES, variation=VARIATION)
    graph.decoded(recipe.id, graph.both(start, energy, condition=condition), SAMPLES)
    return graph


def _inpainting(recipe: Recipe) -> GraphBuilder:
    graph = _Avatars(INPAINTING)
    one = {"reference": AVATARS_HELD_OUT, "first": 5, "count": 1}
    source = graph.add("ReferenceImages", "Source", **one)
    nothing = graph.add("SolidMask", "Known", value=0.0, width=SIDE, height=SIDE)
    square = graph.add("SolidMask", "Hole", value=1.0, width=SIDE // 2, height=SIDE)
    laid = {"x": SIDE // 2, "y": 0, "operation": "add"}
    hole = graph.add("MaskComposite", destination=nothing, source=square, **laid)
    known = graph.add("InvertMask", mask=hole)
    prior = graph.add("PriorInit", samples=PASTED)
    drawn = graph.add("Decode", "Random avatars", latents=prior)
    begun = graph.pasted("Known and random", drawn, source, known)
    graph.add("PreviewImage", "Starts", images=begun)
    encoded = graph.add("ImageToLatents", "Encode", images=begun, auxiliary=graph.clip, steps=0)
    energy = graph.add("EnergyMasked", images=source, mask=hole, pixels=KNOWN, weight=0.0)
    best = {"groups": 1, "keep": COMPLETIONS}
    start = graph.add("BestLatents", batch=encoded, energy=energy, **best)
    strip = graph.both(start, energy, reference=AVATARS_HELD_OUT)
    images = graph.add("Decode", latents=strip)
    completed = graph.pasted("Completed", images, source, known)
    graph.pictured(recipe.id, completed, COMPLETIONS)
    return graph


def _editing(recipe: Recipe) -> GraphBuilder:
    graph = _Avatars(EDITING)
    one = {"reference": AVATARS_HELD_OUT, "first": 40, "count": 1}
    source = graph.add("ReferenceImages", "Source", **one)
    graph.add("PreviewImage", "What was given", images=source)
    latents = graph.add("ImageToLatents", images=source, auxiliary=graph.clip)
    meant = graph.add("ImageCondition", images=source)
    wanted = graph.text("beard")
    weights = {"first_weight": 1.0, "second_weight": TEXT_WEIGHT}
    both = graph.add("AverageConditions", first=meant, second=wanted, **weights)
    kept = graph.add("EnergyPerceptual", images=source, weight=0.0, pixels=KEPT)
    asked = {"condition": both, "views": 0, "scale": "logit scale", "energy": kept}
    energy = graph.add("EnergyCLIP", **asked)
    text = graph.add("EnergyCLIP", "Energy of the text", condition=wanted, views=0)
    drawn = {"samples": PARTNERS, "candidates": OF_EACH, "energy": text}
    partners = graph.add("PriorInit", "The text's own", **drawn)
    start = graph.add(
        "VariationInit",
        near=latents,
        samples_per_latent=COMPLETIONS,
        towards=partners,
        energy=energy,
        variation=EDITED_VARIATION,
        spread=SPREAD,
        candidates=NEIGHBOURS,
    )
    graph.decoded(recipe.id, graph.both(start, energy, condition=wanted), COMPLETIONS)
    return graph


_avatars = partial(Recipe, about=ABOUT, improves="diversity")
RECIPES = (
    _avatars(
        "krr_avatars_text",
        ("k18",),
        "diverse avatars by text",
        "One prompt, sixteen samples. The best of 400 draws of the prior matches the prompt, "
        "and its sixteen variations are the starts. Above, the CLIP's likelihood alone "
        "(*lambda_generated* 0): samples stay similar. Below, the same starts with the samples' "
        "own density, which drives them apart.",
        _text,
        task="Draw diverse samples of one prompt",
    ),
    _avatars(
        "krr_avatars_inpainting",
        ("k21", "k22"),
        "avatars completed",
        "Four completions of a picture whose left half is known. The starts are the encoder's "
        "latents of the known half next to halves of random avatars, the best 4 of 32. **Energy "
        "Masked** keeps the known half, and the samples' density keeps the completions apart. "
        "The upper row is without that density. **Image Composite Masked** pastes the known "
        "half over the result; its input is what the generator drew. Any generator works. The "
        "masked energy replaces Co-Mod-GAN's discriminator.",
        _inpainting,
        task="Complete a picture from a known part",
    ),
    _avatars(
        "krr_avatars_editing",
        ("k28",),
        "an avatar edited by text",
        "**Energy CLIP** steers to the **average** of the picture's and a text's embeddings, "
        "and **Energy Perceptual** keeps the picture's pixels. The picture becomes latents "
        "(**Image to Latents**). Of many variations (**Variation Init**), half of them towards "
        "results of **Prior Init** for the text alone, the best four are the starts, and the "
        "samples' density keeps the edits apart. The upper row is without that density. For "
        "the paper's own StyleCLIP direction use **Energy Direction** instead of Energy CLIP, "
        "as in *krr_faces_editing*.",
        _editing,
        task="Edit a picture by text",
    ),
)
