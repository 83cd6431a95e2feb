"""The shipped workflows of KRR flow on the avatars: diverse texts, inpainting and editing."""

from collections.abc import Mapping

from .graph import GraphBuilder, Link, Shipped

__all__ = ["krr_avatars_workflows"]

GENERATOR = "avatars (embedded)"
CLIP = "avatars CLIP (embedded)"
JUDGE = "avatars judge (embedded)"
REFERENCE = "avatars held out (embedded)"
SIDE = 64
PROMPT = "a yellow turban, sticking the tongue out, dark skin, purple background"
SAMPLES, COMPLETIONS, CANDIDATES, PASTED, NEIGHBOURS = 16, 4, 400, 32, 600
PARTNERS, OF_EACH = 64, 40
KNOWN, KEPT, TOLD = 1000.0, 20.0, 2.5
"""Weights of the known region, of a source's pixels, and of a text beside a source's meaning."""
ABOUT = (
    "\n\nRuns on the models shipped with LatentSteer, in one to two minutes on a laptop's "
    "processor. The kernel looks at the CLIP's embeddings, the judge took no part in the steering."
)


class _Avatars(GraphBuilder):
    """A graph with the avatars' models in it."""

    def __init__(self) -> None:
        super().__init__()
        self.generator = self.add("LoadGenerator", file=GENERATOR)
        self.clip = self.add("LoadAuxModel", "Load CLIP", file=CLIP)

    def text(self, prompts: str, samples: int = 1) -> Link:
        """A condition."""
        return self.add(
            "TextCondition", auxiliary=self.clip, prompts=prompts, samples_per_prompt=samples
        )

    def both(self, start: Link, energy: Link, settings: Mapping[str, object]) -> tuple[Link, Link]:
        """The condition alone, and the flow."""
        common = {"generator": self.generator, "start": start, "energy": energy}
        alone = self.add(
            "KRRFlowRefine",
            "Condition alone",
            auxiliary=self.clip,
            **{**common, **settings, "lambda_generated": 0.0},
        )
        flowed = self.add(
            "KRRFlowRefine", "With the density", auxiliary=self.clip, **common, **settings
        )
        self.curves(flowed)
        return alone, flowed

    def compared(self, alone: Link, flowed: Link, **judged: object) -> tuple[Link, Link]:
        """Both decoded and judged."""
        images = [
            self.add("Decode", title, generator=self.generator, latents=latents)
            for title, latents in (("Decode condition alone", alone), ("Decode flow", flowed))
        ]
        for one in images:
            self.judged(one, JUDGE, **judged)
        return images[0], images[1]

    def stacked(self, name: str, alone: Link, flowed: Link, columns: int) -> Link:
        """Both in one picture, the condition alone above."""
        strip = self.add("StackLatents", first=alone, second=flowed)
        images = self.add("Decode", generator=self.generator, latents=strip)
        self.pictured(name, images, columns)
        return images


def krr_avatars_workflows() -> list[Shipped]:
    """All of them."""
    return [_text(), _inpainting(), _editing()]


# `reproduce krr` takes 2 for its eight prompts; this one's samples part less.
TEXT: Mapping[str, object] = {
    "steps": 40,
    "step_size": 0.03,
    "lambda_generated": 5.0,
    "eta": 16.0,
    "bandwidth": "number",
    "bandwidth_number": 0.2,
    "chunk": "fast",
}
INPAINTING: Mapping[str, object] = {"steps": 60, "step_size": 0.05, "eta": 4.0, "chunk": "fast"}
EDITING: Mapping[str, object] = {"steps": 30, "step_size": 0.03, "eta": 4.0, "chunk": "fast"}


def _text() -> Shipped:
    name, title = "krr_avatars_text", "KRR flow: diverse avatars by text"
    says = (
        "One prompt, sixteen samples. The best of 400 of the prior follows the prompt, and its "
        "sixteen variations are the starts. Above, the CLIP's likelihood alone "
        "(*lambda_generated* 0): samples stay alike. Below, the same starts with the samples' own "
        "density, which drives them apart. Paper row k18, figure 2."
    )
    graph = _Avatars()
    condition = graph.text(PROMPT)
    energy = graph.add(
        "EnergyCLIP", auxiliary=graph.clip, condition=condition, views=0, scale="logit scale"
    )
    best = graph.add(
        "PriorInit", generator=graph.generator, samples=1, energy=energy, candidates=CANDIDATES
    )
    led = graph.add(
        "KRRFlowRefine",
        "Lead one sample",
        auxiliary=graph.clip,
        generator=graph.generator,
        start=best,
        energy=energy,
        **{**TEXT, "lambda_generated": 0.0},
    )
    start = graph.add(
        "VariationInit",
        generator=graph.generator,
        near=led,
        samples_per_latent=SAMPLES,
        variation=0.2,
    )
    alone, flowed = graph.both(start, energy, TEXT)
    graph.compared(alone, flowed, condition=condition)
    graph.stacked(name, alone, flowed, SAMPLES)
    return _shipped(name, title, says, graph, per_row=SAMPLES, shown=8)


def _inpainting() -> Shipped:
    name, title = "krr_avatars_inpainting", "KRR flow: avatars completed"
    says = (
        "Four completions of a picture whose left half is known. The starts are the encoder's "
        "latents of the known half beside halves of random avatars, the best 4 of 32; **Energy "
        "Masked** holds what is known, the samples' density keeps the completions apart. Above "
        "without that density. "
        "**ImageCompositeMasked** lays the known half over the result: take its input for what "
        "the generator drew. Any generator will do. Paper rows k21, k22, with the masked energy "
        "in place of Co-Mod-GAN's discriminator."
    )
    graph = _Avatars()
    source = graph.add("ReferenceImages", "Source", reference=REFERENCE, first=5, count=1)
    nothing = graph.add("SolidMask", "Known", value=0.0, width=SIDE, height=SIDE)
    square = graph.add("SolidMask", "Hole", value=1.0, width=SIDE // 2, height=SIDE)
    hole = graph.add(
        "MaskComposite",
        destination=nothing,
        source=square,
        x=SIDE // 2,
        y=0,
        operation="add",
    )
    known = graph.add("InvertMask", mask=hole)
    prior = graph.add("PriorInit", generator=graph.generator, samples=PASTED)
    drawn = graph.add("Decode", "Random avatars", generator=graph.generator, latents=prior)
    begun = _pasted(graph, "Known beside random", drawn, source, known)
    graph.add("PreviewImage", "Starts", images=begun)
    encoded = graph.add(
        "ImageToLatents",
        "Encode",
        generator=graph.generator,
        images=begun,
        auxiliary=graph.clip,
        steps=0,
    )
    energy = graph.add("EnergyMasked", images=source, mask=hole, pixels=KNOWN, weight=0.0)
    start = graph.add(
        "BestLatents",
        generator=graph.generator,
        batch=encoded,
        energy=energy,
        groups=1,
        keep=COMPLETIONS,
    )
    alone, flowed = graph.both(start, energy, INPAINTING)
    graph.compared(alone, flowed, reference=REFERENCE)
    strip = graph.add("StackLatents", first=alone, second=flowed)
    images = graph.add("Decode", generator=graph.generator, latents=strip)
    graph.pictured(name, _pasted(graph, "Completed", images, source, known), COMPLETIONS)
    return _shipped(name, title, says, graph, per_row=COMPLETIONS, shown=4)


def _pasted(graph: GraphBuilder, title: str, images: Link, source: Link, known: Link) -> Link:
    return graph.add(
        "ImageCompositeMasked",
        title,
        destination=images,
        source=source,
        x=0,
        y=0,
        resize_source=False,
        mask=known,
    )


def _editing() -> Shipped:
    name, title = "krr_avatars_editing", "KRR flow: an avatar edited by text"
    says = (
        "What a picture means to the CLIP and a text, **averaged**, are what **Energy CLIP** "
        "asks for, and **Energy Perceptual** stays near the picture's pixels. The picture becomes "
        "latents (**Image to Latents**); of many variations (**Variation Init**), half of them "
        "towards what **Prior Init** finds for the text alone, the best four begin, and the "
        "samples' density keeps the edits apart. Above without that density. Paper row k28, "
        "figures 3 and 8; for the paper's own StyleCLIP direction take **Energy Direction** in "
        "Energy CLIP's place, as *krr_faces_editing* does."
    )
    graph = _Avatars()
    source = graph.add("ReferenceImages", "Source", reference=REFERENCE, first=40, count=1)
    graph.add("PreviewImage", "What was given", images=source)
    latents = graph.add(
        "ImageToLatents", generator=graph.generator, images=source, auxiliary=graph.clip
    )
    meant = graph.add("ImageCondition", auxiliary=graph.clip, images=source)
    wanted = graph.text("beard")
    both = graph.add(
        "AverageConditions", first=meant, second=wanted, first_weight=1.0, second_weight=TOLD
    )
    kept = graph.add("EnergyPerceptual", images=source, weight=0.0, pixels=KEPT)
    energy = graph.add(
        "EnergyCLIP",
        auxiliary=graph.clip,
        condition=both,
        views=0,
        scale="logit scale",
        energy=kept,
    )
    told = graph.add(
        "EnergyCLIP", "Energy of the text", auxiliary=graph.clip, condition=wanted, views=0
    )
    partners = graph.add(
        "PriorInit",
        "The text's own",
        generator=graph.generator,
        samples=PARTNERS,
        candidates=OF_EACH,
        energy=told,
    )
    start = graph.add(
        "VariationInit",
        generator=graph.generator,
        near=latents,
        samples_per_latent=COMPLETIONS,
        variation=0.7,
        spread=0.5,
        candidates=NEIGHBOURS,
        towards=partners,
        energy=energy,
    )
    alone, flowed = graph.both(start, energy, EDITING)
    graph.compared(alone, flowed, condition=wanted)
    graph.stacked(name, alone, flowed, COMPLETIONS)
    return _shipped(name, title, says, graph, per_row=COMPLETIONS, shown=4)


def _shipped(
    name: str, title: str, says: str, graph: GraphBuilder, *, per_row: int, shown: int
) -> Shipped:
    return Shipped(name, title, f"# {title}\n\n{says}{ABOUT}", graph.api, 1, shown, per_row)
