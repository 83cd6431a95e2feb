"""FuseDream's single images on official BigGANs, and TR0N's row that starts like FuseDream."""

from functools import partial

from ..files import BIGGAN, BIGGAN_256, UPSCALER
from ..graph import GraphBuilder, Link, Recipe
from ..rows import inputs_of
from .graph import COCO, DOGS, KEEP, FuseDream, count

__all__ = ["RECIPES", "TASK"]

TASK = "Draw ImageNet's things by text without training"
BASES = "Sunshine in a forest\nA blue toy rabbit\nA rainbow dog"
STYLES = (
    *(
        f"{style} of old palaces and towers quivering within the wave's intenser day"
        for style in ("A photo", "A monochrome photo", "A printmaking", "A painting")
    ),
    "An abstract painting of old palaces and towers quivering within the wave's intenser day",
    "An ink and wash painting of old palaces and towers quivering within the wave's intenser day",
    *(f"A photo of a car {where}" for where in ("underwater", "at night", "in the sky")),
    *(f"A {texture} car" for texture in ("colorful glow", "starry", "ghost")),
    *(f"A photo of a robot in the {weather}" for weather in ("rain", "sunshine", "snow")),
    *(f"A photo of a meal of {country}" for country in ("the U.S.", "Russia", "China")),
)
DETAILS = (
    "A glow robot diving in the dark forest underwater\n"
    "A starry car flying in the sky above a snowy mountain\n"
    "A painting of a ghost castle under moonlight in the rain"
)
COUNTERFACTUAL = (
    "A glow and light dog\nA castle in the sky\nA cube butterfly\nAn underwater forest"
)
STRANGE = (
    "A photo of the Louvre\nAn emoji of a smiling face\nA photo of MIT\n"
    "A photo of Pikachu, the Pokemon\nMaster Chief from Halo\n"
    "Red, Blue and Yellow by Mondrian\nThe painting of Starry night by Van Gogh"
)
DIVING = (
    "A glow robot diving in the dark forest underwater\n"
    "A colorful robot walks on an iced lake under moonlight\n"
    "A motorbike flying over a flaming mountain in winter"
)


def _single(
    recipe: Recipe,
    *,
    generator: str = BIGGAN_256,
    prompts: str = COCO,
    each: int = 1,
    best: int = 0,
) -> GraphBuilder:
    """Graph of images by text; keeps the `best` samples of each prompt by AugCLIP, 0 for all."""
    graph = FuseDream(recipe, prompts, generator, each)
    condition = graph.condition()
    energy = graph.energy(condition)
    latents = graph.refined(graph.started(condition, energy), energy)
    graph.curves(latents)
    shown = best or each
    if best:
        chosen = {"keep": best, "groups": count(prompts)}
        latents = graph.add("BestLatents", batch=latents, energy=energy, **chosen)
        condition = graph.condition("As many rows as are shown", best)
    graph.finished(latents, condition, shown if shown > 1 else min(count(prompts), 6))
    return graph


def _interpolation(recipe: Recipe) -> GraphBuilder:
    graph = FuseDream(recipe)
    ends: list[Link] = []
    for prompts in (BASES, COUNTERFACTUAL.rsplit("\n", 1)[0]):
        condition = graph.text(prompts)
        energy = graph.energy(condition)
        ends.append(graph.refined(graph.started(condition, energy), energy))
    graph.curves(ends[1])
    latents = graph.add("InterpolateLatents", first=ends[0], second=ends[1], frames=8)
    graph.decoded(recipe.id, latents, 8)
    return graph


def _initial_basis(recipe: Recipe) -> GraphBuilder:
    graph = FuseDream(recipe, BASES)
    condition = graph.condition()
    basis = graph.output(graph.started(condition, graph.energy(condition)), 1)
    many = graph.condition("As many rows as are shown", KEEP)
    graph.finished(basis, many, KEEP)
    return graph


def _released(recipe: Recipe) -> GraphBuilder:
    graph = FuseDream(recipe, DOGS, BIGGAN)
    condition = graph.condition()
    plain = graph.energy(condition, "Plain CLIP", views=0)
    energy = graph.energy(condition)
    latents = graph.refined(graph.started(condition, plain), energy)
    graph.curves(latents)
    graph.finished(latents, condition, count(DOGS))
    return graph


def _langevin(recipe: Recipe) -> GraphBuilder:
    graph = FuseDream(recipe, COCO, BIGGAN)
    condition = graph.condition()
    energy = graph.energy(condition)
    start = graph.started(condition, energy, weights="softmax")
    said = {**inputs_of("t20", "LangevinRefine"), **inputs_of("t23", "LangevinRefine")}
    latents = graph.add("LangevinRefine", start=start, energy=energy, **said)
    graph.curves(latents)
    graph.finished(latents, condition, count(COCO))
    return graph


def _upscaled(recipe: Recipe) -> GraphBuilder:
    graph = FuseDream(recipe, DIVING)
    condition = graph.condition()
    energy = graph.energy(condition)
    latents = graph.refined(graph.started(condition, energy), energy)
    graph.curves(latents)
    images = graph.add("Decode", latents=latents)
    graph.add("PreviewImage", "Before", images=images)
    model = graph.add("UpscaleModelLoader", model_name=UPSCALER)
    large = graph.add("ImageUpscaleWithModel", upscale_model=model, image=images)
    graph.pictured(recipe.id, large, count(DIVING))
    graph.scored(images, condition)
    return graph


_text = partial(Recipe, task=TASK)
RECIPES = (
    _text(
        "fusedream_biggan_256_k5",
        ("f01",),
        "BigGAN-256 by text, a basis of 5",
        "The best five of ten thousand samples form a basis, and basis and weights are refined "
        "together on AugCLIP: table 1, IS 34.26, FID 21.16.",
        _single,
    ),
    _text(
        "fusedream_biggan_256_k10",
        ("f02",),
        "BigGAN-256 by text, a basis of 10",
        "Table 1: IS 34.67, FID 21.89.",
        _single,
    ),
    _text(
        "fusedream_biggan_512_k5",
        ("f03",),
        "BigGAN-512 by text, a basis of 5",
        "Table 1: IS 34.19, FID 21.52.",
        partial(_single, generator=BIGGAN),
    ),
    _text(
        "fusedream_biggan_512_k10",
        ("f04",),
        "BigGAN-512 by text, a basis of 10",
        "Table 1: IS 32.88, FID 25.24.",
        partial(_single, generator=BIGGAN),
    ),
    _text(
        "fusedream_biggan_styles",
        ("f19",),
        "styles, backgrounds, textures and meals",
        "Figure 6, rows 1 and 2: six styles of a line by Shelley; a car in three places and of "
        "three textures; a robot in three weathers; the meals of three countries.",
        partial(_single, prompts="\n".join(STYLES)),
    ),
    _text(
        "fusedream_biggan_details",
        ("f19",),
        "objects, textures and styles together",
        "Figure 6, row 3: the best of five seeds by AugCLIP.",
        partial(_single, prompts=DETAILS, each=5, best=1),
    ),
    _text(
        "fusedream_biggan_counterfactual",
        ("f20",),
        "what does not exist",
        "Figure 8: three of five seeds by AugCLIP.",
        partial(_single, prompts=COUNTERFACTUAL, each=5, best=3),
    ),
    _text(
        "fusedream_biggan_out_of_domain",
        ("f21",),
        "what ImageNet does not show",
        "Figure 16: landmarks, art, an emoji and characters outside of all classes.",
        partial(_single, prompts=STRANGE),
    ),
    Recipe(
        "fusedream_biggan_interpolation",
        ("f17",),
        "from one latent to another",
        "Figure 13: two texts are refined separately, and their latents are connected by a "
        "straight line.",
        _interpolation,
        task="Interpolate between two images",
    ),
    _text(
        "fusedream_biggan_initial_basis",
        ("f18",),
        "the first basis",
        "Figure 14: the best five of ten thousand samples, which are the initial basis; a row "
        "for each text, the best first. Nothing is refined.",
        _initial_basis,
    ),
    Recipe(
        "fusedream_biggan_upscaled",
        ("f22",),
        "four times as large",
        "Figure 18: the images through Real-ESRGAN, by the host's own nodes for upscale models.",
        _upscaled,
        task="Enlarge images with an upscale model",
    ),
    _text(
        "fusedream_biggan_released_code",
        ("f23",),
        "as the released code does it",
        "BigGAN-512 and k = 5, the defaults of its command line: starts are chosen by the plain "
        "CLIP score, weights are a softmax of random logits, latents get noise of 0.01 at every "
        "step, and the second to last point is returned.",
        _released,
    ),
    _text(
        "tr0n_biggan_fusedream_start",
        ("t23",),
        "BigGAN by text, from FuseDream's start",
        "FuseDream in table 2: the best ten of a thousand by E_CLIP as a basis with random "
        "weights, then Langevin dynamics instead of Adam: FID 16.3, with Adam 21.9. The paper "
        "states neither the inverse temperature nor the number of steps: here those of its "
        "other rows. It does not state the distribution of the weights either: here a softmax "
        "of N(0, 1) logits, as in FuseDream's code.",
        _langevin,
    ),
)
