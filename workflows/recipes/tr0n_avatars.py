"""The shipped workflows on the avatars: TR0N's text, image and interpolation rows."""

from typing import Any

from ...core.zoo.avatar_captions import PROMPTS
from .graph import GraphBuilder, Link, Shipped

__all__ = ["CLIP", "GENERATOR", "JUDGE", "REFERENCE", "Avatars", "avatars_workflows"]

GENERATOR = "avatars (embedded)"
CLIP = "avatars CLIP (embedded)"
JUDGE = "avatars judge (embedded)"
REFERENCE = "avatars held out (embedded)"
PER_PROMPT = 4
STEPS, INVERSE_TEMPERATURE, CANDIDATES = 100, 1000.0, 100
NOISE = 0.5
EVOLUTION = (0, 10, 25, 50, 75, 100)
FRAMES = 8
SEEDS = 16
SEARCHED, GENERATIONS, CLAUSE_WEIGHT = 400, 12, 1.0
ABOUT = (
    "\n\nRuns on the models shipped with LatentSteer, in about two minutes on a laptop's "
    "processor, most of them the translator's training. The words that the small CLIP knows are "
    "in docs/models.md; man, woman and person are neutral. *views* of **Energy CLIP** is 0: a "
    "small CLIP of a small world needs none, a big one does. The judge took no part in the "
    "steering: its figure is the share of what the prompts state that it sees."
)


class Avatars(GraphBuilder):
    """A graph with the avatars' models in it."""

    def __init__(self) -> None:
        super().__init__()
        self.generator = self.add("LoadGenerator", file=GENERATOR)
        self.clip = self.add("LoadAuxModel", "Load CLIP", file=CLIP)

    def text(
        self, prompts: str, per_prompt: int = 1, title: str = "", clause_weight: float = 0.0
    ) -> Link:
        """A condition."""
        return self.add(
            "TextCondition",
            title,
            auxiliary=self.clip,
            prompts=prompts,
            samples_per_prompt=per_prompt,
            clause_weight=clause_weight,
        )

    def energy(self, condition: Link) -> Link:
        """What is lowered."""
        return self.add("EnergyCLIP", auxiliary=self.clip, condition=condition, views=0)

    def translator(self) -> Link:
        """Trained on the spot."""
        return self.add(
            "TrainTranslator",
            generator=self.generator,
            auxiliary=self.clip,
            pairs=12_000,
            epochs=20,
            hidden=256,
            condition_noise=NOISE,
        )

    def started(self, condition: Link, energy: Link | None, **inputs: object) -> Link:
        """Drawn by a translator."""
        chosen = {"energy": energy} if energy is not None else {}
        return self.add(
            "TranslatorInit",
            translator=self.translator(),
            generator=self.generator,
            condition=condition,
            **chosen,
            **inputs,
        )

    def refined(self, latents: Link, energy: Link, steps: int = STEPS, title: str = "") -> Link:
        """By Langevin dynamics."""
        return self.add(
            "LangevinRefine",
            title,
            generator=self.generator,
            start=latents,
            energy=energy,
            steps=steps,
            inverse_temperature=INVERSE_TEMPERATURE,
        )

    def decoded(self, name: str, latents: Link, columns: int) -> Link:
        """Shown and saved."""
        images = self.add("Decode", generator=self.generator, latents=latents)
        self.pictured(name, images, columns)
        return images


def avatars_workflows() -> list[Shipped]:
    """All of them."""
    return [
        _text("tr0n_avatars_text", "TR0N: avatars by text", _WHOLE, start=True, refine=True),
        _text(
            "tr0n_avatars_translator_only",
            "TR0N: avatars by text, translator only",
            "The ablation *no EC*: the best of a hundred that the translator draws, not refined.",
            start=True,
            refine=False,
        ),
        _text(
            "tr0n_avatars_no_translator",
            "TR0N: avatars by text without translator",
            "The ablation *no T*: Langevin dynamics from the best of a hundred samples of the "
            "prior. Paper row t22.",
            start=False,
            refine=True,
        ),
        _image_semantics(),
        _interpolation(),
        _evolution(),
        _best_of_seeds(),
        _searched(),
        _image_to_latents(),
    ]


_WHOLE = (
    "A VAE that has never seen a caption draws what you write. **Train Translator** learns which "
    "latents give which CLIP embedding, **Translator Init** draws a hundred starts for every "
    "sample and keeps the best, **Langevin Refine** lowers **Energy CLIP**. A line of *prompts* "
    "is a row of the picture. More *candidates* are surer: docs/results.md has those of 400. "
    "Paper rows t19, t29."
)


def _text(name: str, title: str, says: str, *, start: bool, refine: bool) -> Shipped:
    graph = Avatars()
    condition = graph.text("\n".join(PROMPTS), PER_PROMPT)
    energy = graph.energy(condition)
    if start:
        latents = graph.started(condition, energy, candidates=CANDIDATES)
    else:
        latents = graph.add(
            "PriorInit",
            generator=graph.generator,
            condition=condition,
            energy=energy,
            candidates=CANDIDATES,
        )
    if refine:
        latents = graph.refined(latents, energy)
        graph.curves(latents)
    images = graph.decoded(name, latents, PER_PROMPT)
    graph.judged(images, JUDGE, condition=condition)
    return _shipped(name, title, says, graph.api, columns=2, shown=3, per_row=PER_PROMPT)


def _image_semantics() -> Shipped:
    name, title = "tr0n_avatars_image_semantics", "TR0N: avatars by an image's meaning"
    says = (
        "New avatars that mean to CLIP what a given picture means: c = f(x'). **Reference "
        "Images** gives four that no model here was trained on; take a **Load Image** for your "
        "own. The first picture saved is what was given. Paper rows t31, t32."
    )
    graph = Avatars()
    given = graph.add("ReferenceImages", reference=REFERENCE, count=PER_PROMPT)
    graph.add("PreviewImage", "What was given", images=given)
    condition = graph.add(
        "ImageCondition", auxiliary=graph.clip, images=given, samples_per_image=PER_PROMPT
    )
    energy = graph.energy(condition)
    latents = graph.refined(graph.started(condition, energy), energy)
    graph.curves(latents)
    images = graph.decoded(name, latents, PER_PROMPT)
    graph.judged(images, JUDGE, reference=REFERENCE)
    return _shipped(name, title, says, graph.api, columns=1, shown=4, per_row=PER_PROMPT)


def _interpolation() -> Shipped:
    name, title = "tr0n_avatars_interpolation", "TR0N: from one meaning to another"
    says = (
        f"{FRAMES} steps between two prompts in CLIP's space (slerp), each its own avatar: "
        "semantic interpolation, from the translator's mode. Paper rows t33, t34."
    )
    graph = Avatars()
    first = graph.text("smiling, red hat, blue shirt, light skin", 1)
    second = graph.text("sad, black afro, yellow hoodie, dark skin, glasses", 1)
    condition = graph.add("InterpolateConditions", first=first, second=second, frames=FRAMES)
    energy = graph.energy(condition)
    latents = graph.refined(graph.started(condition, None, mode="mode"), energy)
    graph.curves(latents)
    images = graph.decoded(name, latents, FRAMES)
    graph.judged(images, JUDGE, reference=REFERENCE)
    return _shipped(name, title, says, graph.api, columns=1, shown=4, per_row=4)


def _evolution() -> Shipped:
    name, title = "tr0n_avatars_evolution", "TR0N: how a sample evolves"
    says = (
        "The same samples after 0, 10, 25, 50, 75 and 100 steps, a row each: the runs share their "
        "random streams, so that each is the beginning of the next. Paper row t35 (figure 9)."
    )
    graph = Avatars()
    condition = graph.text(PROMPTS[0] + "\n" + PROMPTS[4], 3)
    energy = graph.energy(condition)
    start = graph.started(condition, energy)
    strip = start
    for steps in EVOLUTION[1:]:
        later = graph.refined(start, energy, steps, f"{steps} steps")
        strip = graph.add("StackLatents", first=strip, second=later)
        if steps == EVOLUTION[-1]:
            graph.curves(later)
    images = graph.decoded(name, strip, 6)
    graph.judged(images, JUDGE, reference=REFERENCE)
    return _shipped(name, title, says, graph.api, columns=1, shown=4, per_row=6)


def _best_of_seeds() -> Shipped:
    name, title = "tr0n_avatars_best_of_seeds", "TR0N: the best of sixteen seeds"
    says = (
        "Sixteen samples of one prompt, refined for a few steps; **Best Latents** keeps the four "
        "of lowest energy, and those are refined on. Look at the cheap ones, pay for the good "
        "ones."
    )
    graph = Avatars()
    condition = graph.text(PROMPTS[2], 1)
    energy = graph.energy(condition)
    many = graph.refined(graph.started(condition, energy, samples=SEEDS), energy, 10, "All seeds")
    best = graph.add("BestLatents", generator=graph.generator, batch=many, energy=energy, keep=4)
    latents = graph.refined(best, energy, STEPS, "The best ones")
    graph.curves(latents)
    images = graph.decoded(name, latents, 4)
    graph.judged(images, JUDGE, condition=condition)
    return _shipped(name, title, says, graph.api, columns=1, shown=2, per_row=2)


def _searched() -> Shipped:
    name, title = "tr0n_avatars_search", "TR0N: avatars by text, with a search"
    says = (
        "For prompts that ask for something rare. **Translator Init** goes on from its candidates "
        "for a few *generations*, drawn where the best so far are, and in **Text Condition** each "
        "clause counts beside the whole prompt (*clause_weight*): a yellow turban before a "
        "purple background stays yellow. The search takes a minute more."
    )
    graph = Avatars()
    prompts = PROMPTS[7] + "\n" + PROMPTS[2]
    condition = graph.text(prompts, PER_PROMPT, clause_weight=CLAUSE_WEIGHT)
    energy = graph.energy(condition)
    search = {"candidates": SEARCHED, "generations": GENERATIONS, "chunk": "fast"}
    start = graph.started(condition, energy, **search)
    latents = graph.refined(start, energy)
    graph.curves(latents)
    images = graph.decoded(name, latents, PER_PROMPT)
    graph.judged(images, JUDGE, condition=condition)
    return _shipped(name, title, says, graph.api, columns=1, shown=4, per_row=PER_PROMPT)


def _image_to_latents() -> Shipped:
    name, title = "avatars_image_to_latents", "Avatars: latents of a given image"
    says = (
        "Which latents draw this picture? **Image to Latents** starts from the generator's "
        "encoder and refines on pixels and features. The latents can then be edited, "
        "interpolated, or steered on."
    )
    graph = Avatars()
    given = graph.add("ReferenceImages", reference=REFERENCE, first=8, count=8)
    graph.add("PreviewImage", "What was given", images=given)
    latents = graph.add(
        "ImageToLatents", generator=graph.generator, images=given, auxiliary=graph.clip
    )
    images = graph.decoded(name, latents, 4)
    graph.judged(images, JUDGE, reference=REFERENCE)
    return _shipped(name, title, says, graph.api, columns=1, shown=4, per_row=4)


def _shipped(
    name: str,
    title: str,
    says: str,
    api: dict[str, Any],
    *,
    columns: int,
    shown: int,
    per_row: int,
) -> Shipped:
    notes = f"# {title}\n\n{says}{ABOUT}"
    return Shipped(name, title, notes, api, columns, shown, per_row)
