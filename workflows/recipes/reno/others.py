"""What else moves the noise of ComfyUI's own models: searches, the KRR flow, other energies."""

from collections.abc import Callable
from functools import partial

from ..files import CLIP_H, HPS, PICTURE, RESNET50_IMAGENET, SD_TURBO, WITH, WITHOUT
from ..graph import GraphBuilder, Link, Recipe
from .host import CLIP_NORM, RATE, REGULARISER, TURBO, opened, shown

__all__ = ["RECIPES"]

TASK = "Images by a model of few steps, in other ways"
DOG, HAT = "a photo of a dog", "a photo of a dog with a red hat"
SAMPLES, STEPS, SIDE = 4, 30, 512
CANDIDATES, PAIRS, NEAREST, POPULATION, GENERATIONS = 32, 200, 8, 16, 20
KNOWN, KEPT, VIEWS = 300.0, 100.0, 10
FEW, OF_EACH = 50, 50
NESTEROV = {"steps": STEPS, "learning_rate": RATE, "clip_norm": CLIP_NORM, "keep_best": True}
"""ReNO's optimiser."""
Energies = Callable[[GraphBuilder, Link], Link]
"""Adds an energy to a graph, from the link to its prompt."""


def _clip(graph: GraphBuilder) -> Link:
    if "auxiliary" not in graph.models:
        graph.load(auxiliary=CLIP_H)
    return graph.models["auxiliary"]


def _normal(graph: GraphBuilder) -> Link:
    """Returns the regulariser that an energy is chained to."""
    return graph.add("NoiseNorm", weight=REGULARISER)


def _hps(graph: GraphBuilder, prompt: Link) -> Link:
    reward = graph.add("LoadAuxModel", "Load reward", file=HPS, architecture="ViT-H-14")
    return graph.add("EnergyReward", auxiliary=reward, prompt=prompt)


def _text(graph: GraphBuilder, prompt: Link, *, views: int = 0) -> Link:
    _clip(graph)
    wanted = graph.text(HAT)
    return graph.add("EnergyCLIP", condition=wanted, views=views, energy=_normal(graph))


def _masked(graph: GraphBuilder, prompt: Link) -> Link:
    source = graph.add("LoadImage", "What is known, with a painted mask", image=PICTURE)
    known = {"images": source, "mask": graph.output(source, 1), "pixels": KNOWN, "weight": 0.0}
    return graph.add("EnergyMasked", **known, energy=_normal(graph))


def _edited(graph: GraphBuilder, prompt: Link) -> Link:
    source = graph.add("LoadImage", "What is edited", image=PICTURE)
    kept = graph.add(
        "EnergyPerceptual", images=source, weight=0.0, pixels=KEPT, energy=_normal(graph)
    )
    _clip(graph)
    wanted, neutral = (graph.text(text) for text in (HAT, DOG))
    asked = {"condition": wanted, "neutral": neutral, "kind": "image", "views": 0}
    return graph.add("EnergyDirection", **asked, energy=kept)


def _class(graph: GraphBuilder, prompt: Link) -> Link:
    graph.load(auxiliary=RESNET50_IMAGENET, title="Load classifier")
    wanted = graph.add("ClassCondition", classes="beagle")
    return graph.add("EnergyClassifier", condition=wanted, views=2, energy=_normal(graph))


def _refined(recipe: Recipe, *, energies: Energies, samples: int = 1) -> GraphBuilder:
    graph = GraphBuilder()
    prompt = opened(graph, TURBO, DOG)
    energy = energies(graph, prompt)
    start = graph.add("PriorInit", samples=samples)
    refined = graph.add("NesterovRefine", start=start, energy=energy, **NESTEROV)
    graph.curves(refined)
    shown(graph, recipe.id, start, refined, 2)
    return graph


def _best_of(recipe: Recipe) -> GraphBuilder:
    graph = GraphBuilder()
    energy = _hps(graph, opened(graph, TURBO, HAT))
    best = graph.add("PriorInit", samples=SAMPLES, energy=energy, candidates=CANDIDATES)
    graph.decoded(recipe.id, best, SAMPLES)
    return graph


def _nearest(recipe: Recipe) -> GraphBuilder:
    graph = GraphBuilder()
    opened(graph, TURBO, DOG)
    _clip(graph)
    pairs = graph.add("SynthesisePairs", count=PAIRS, name="sd_turbo_dogs")
    wanted = graph.text(HAT)
    energy = graph.add("EnergyCLIP", condition=wanted, views=0)
    asked = {"condition": wanted, "samples": SAMPLES, "energy": energy, "candidates": NEAREST}
    start = graph.add("NearestPairsInit", pairs=pairs, **asked)
    graph.decoded(recipe.id, start, SAMPLES)
    return graph


def _searched(recipe: Recipe) -> GraphBuilder:
    graph = GraphBuilder()
    energy = _hps(graph, opened(graph, TURBO, HAT))
    start = graph.add("PriorInit", samples=1)
    asked = {"start": start, "energy": energy, "steps": GENERATIONS, "population": POPULATION}
    refined = graph.add("CMAESRefine", **asked)
    graph.curves(refined)
    shown(graph, recipe.id, start, refined, 2)
    return graph


def _flow(recipe: Recipe) -> GraphBuilder:
    graph = GraphBuilder()
    opened(graph, TURBO, DOG)
    clip = _clip(graph)
    wanted = {"condition": graph.text(HAT), "views": 0, "scale": "logit scale"}
    energy = graph.add("EnergyCLIP", **wanted)
    start = graph.add("PriorInit", samples=SAMPLES)
    settings = {"auxiliary": clip, "steps": STEPS, "step_size": 0.3, "eta": float(SAMPLES)}
    refined = graph.add("KRRFlowRefine", start=start, energy=energy, **settings)
    graph.curves(refined)
    shown(graph, recipe.id, start, refined, SAMPLES)
    return graph


def _few_shot(recipe: Recipe) -> GraphBuilder:
    graph = GraphBuilder()
    loaded = graph.add("CheckpointLoaderSimple", ckpt_name=SD_TURBO)
    vae = graph.output(loaded, 2)
    graph.models["generator"] = graph.add("GeneratorFromVAE", vae=vae, width=SIDE, height=SIDE)
    size = {"width": SIDE, "height": SIDE, "limit": OF_EACH}
    given, others = (
        graph.add("LoadImageSet", title, folder=folder, **size)
        for title, folder in (("With", WITH), ("Without", WITHOUT))
    )
    condition = graph.add("FewShotCondition", wanted="wanted", images=given, others=others)
    source = graph.add("LoadImage", "What is changed", image=PICTURE)
    start = graph.add("ImageToLatents", images=source, steps=0)
    kept = graph.add("EnergyPerceptual", images=source, weight=0.0, pixels=KEPT)
    energy = graph.add("EnergyFewShot", condition=condition, energy=kept)
    refined = graph.add("AdamRefine", start=start, energy=energy, steps=FEW, learning_rate=0.02)
    graph.curves(refined)
    shown(graph, recipe.id, start, refined, 2)
    return graph


def _recipe(name: str, title: str, says: str, graph: Callable[[Recipe], GraphBuilder]) -> Recipe:
    untried = " On ComfyUI's own SD-Turbo; not tried on its real weights."
    return Recipe(f"reno_{name}", (), title, says + untried, graph, task=TASK)


def _energy(name: str, title: str, says: str, energies: Energies) -> Recipe:
    return _recipe(name, title, says, partial(_refined, energies=energies))


_WITHOUT_GRADIENT = " It needs no gradient, so models whose gradient is refused can do it too."
RECIPES = (
    _recipe(
        "best_of_n",
        "the best of many noises",
        f"**Prior Init** makes the images of {CANDIDATES} noises for each sample and keeps the "
        "one that HPSv2.1 likes best." + _WITHOUT_GRADIENT,
        _best_of,
    ),
    _recipe(
        "nearest_pairs",
        "noise from stored images",
        f"**Synthesise Pairs** makes {PAIRS} images of the prompt once and keeps their CLIP "
        "embeddings; **Nearest Pairs Init** then finds noise for any other text at once, and the "
        f"best of the {NEAREST} nearest is kept." + _WITHOUT_GRADIENT,
        _nearest,
    ),
    _recipe(
        "cma_es",
        "noise by CMA-ES",
        f"**CMA-ES Refine** (separable, {GENERATIONS} generations of {POPULATION}) moves the "
        "noise towards HPSv2.1." + _WITHOUT_GRADIENT,
        _searched,
    ),
    _recipe(
        "krr_flow",
        "different images of one prompt",
        f"**KRR Flow Refine** moves {SAMPLES} noises towards a text, while the density of their "
        "CLIP embeddings drives them apart. Above the first images, below the refined ones.",
        _flow,
    ),
    _energy(
        "energy_clip",
        "noise by Energy CLIP",
        "**Energy CLIP** asks for what the model's own prompt does not say: a red hat.",
        _text,
    ),
    _energy(
        "augclip",
        "noise by AugCLIP",
        f"As *reno_energy_clip*, with {VIEWS} random views of an image (FuseDream's AugCLIP), "
        "which are harder to fool.",
        partial(_text, views=VIEWS),
    ),
    _energy(
        "masked",
        "inpainting by noise",
        "**Energy Masked** keeps the black part of a painted mask; the model fills the rest by "
        "its prompt. Paint the mask in **Load Image** (Open in Mask Editor).",
        _masked,
    ),
    _energy(
        "direction",
        "an edit by noise",
        "**Energy Perceptual** keeps the pixels of a picture, and **Energy Direction** moves "
        "the image along the direction from one text to another.",
        _edited,
    ),
    _energy(
        "classifier",
        "noise by a classifier",
        "**Energy Classifier** asks a ResNet-50 of ImageNet for a beagle.",
        _class,
    ),
    _recipe(
        "few_shot",
        "a picture changed by few labels",
        f"**Few-Shot Condition** learns from {OF_EACH} pictures that show what is wanted and "
        f"{OF_EACH} that do not, as the VAE encodes them; **Energy Few-Shot** moves a picture's "
        "latents, and **Energy Perceptual** keeps its pixels.",
        _few_shot,
    ),
)
