"""ReNO (arXiv 2406.04312) on the models of one to four steps that ComfyUI opens."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from ..files import (
    CLIP_H,
    CLIP_L,
    FLUX_SCHNELL,
    FLUX_VAE,
    HPS,
    IMAGE_REWARD,
    PICKSCORE,
    QWEN,
    SD_TURBO,
    SDXL_TURBO,
    T5,
    Z_IMAGE_TURBO,
)
from ..graph import GraphBuilder, Link, Recipe

__all__ = ["CLIP_NORM", "RATE", "RECIPES", "REGULARISER", "TURBO", "Setup", "opened", "shown"]

PROMPT = "a red book on top of a yellow chair, beside a blue cup"
STEPS, RATE, CLIP_NORM, REGULARISER = 50, 5.0, 0.1, 0.01
"""ReNO's numbers for every model: iterations, step, clipped norm, weight of the noise's norm."""
NORMAL = {"device": "default"}


@dataclass(frozen=True)
class Setup:
    """A model of ComfyUI with the sampler's settings that it is made for.

    Attributes:
        load: adds its loaders and returns links to its MODEL, CLIP and VAE.
        side: pixels a side.
        steps: steps of the sampler.
        scheduler: noise levels of the steps.
    """

    load: Callable[[GraphBuilder], tuple[Link, Link, Link]]
    side: int
    steps: int
    scheduler: str = "simple"


def _checkpoint(graph: GraphBuilder, file: str) -> tuple[Link, Link, Link]:
    loaded = graph.add("CheckpointLoaderSimple", ckpt_name=file)
    return loaded, graph.output(loaded, 1), graph.output(loaded, 2)


def _flux(graph: GraphBuilder) -> tuple[Link, Link, Link]:
    kind = {"weight_dtype": "fp8_e4m3fn"}
    model = graph.add("UNETLoader", unet_name=FLUX_SCHNELL, **kind)
    clips = {"clip_name1": T5, "clip_name2": CLIP_L, "type": "flux"}
    return model, graph.add("DualCLIPLoader", **clips, **NORMAL), _vae(graph)


def _z_image(graph: GraphBuilder) -> tuple[Link, Link, Link]:
    model = graph.add("UNETLoader", unet_name=Z_IMAGE_TURBO, weight_dtype="default")
    clip = graph.add("CLIPLoader", clip_name=QWEN, type="lumina2", **NORMAL)
    return model, clip, _vae(graph)


def _vae(graph: GraphBuilder) -> Link:
    return graph.add("VAELoader", vae_name=FLUX_VAE)


def opened(graph: GraphBuilder, setup: Setup, text: str = PROMPT) -> Link:
    """Adds a model as the generator of the graph, and returns a link to the prompt.

    Args:
        graph: the graph.
        setup: the model.
        text: the prompt.
    """
    prompt = graph.add("PrimitiveStringMultiline", "Prompt", value=text)
    model, clip, vae = setup.load(graph)
    said = graph.add("CLIPTextEncode", text=prompt, clip=clip)
    graph.models["generator"] = graph.add(
        "GeneratorFromModel",
        model=model,
        vae=vae,
        positive=said,
        steps=setup.steps,
        scheduler=setup.scheduler,
        width=setup.side,
        height=setup.side,
    )
    return prompt


def shown(graph: GraphBuilder, name: str, start: Link, refined: Link, columns: int) -> None:
    """Adds the images of the first noise and of the refined one, saved as one picture."""
    before = graph.add("Decode", "The image of the first noise", latents=start)
    after = graph.add("Decode", "The image of the refined noise", latents=refined)
    both = graph.add("StackImages", first=before, second=after)
    graph.pictured(name, both, columns)


def _rewarded(recipe: Recipe, *, setup: Setup) -> GraphBuilder:
    graph = GraphBuilder()
    prompt = opened(graph, setup)
    energy = graph.add("NoiseNorm", weight=REGULARISER)
    for file, how in ((HPS, {"architecture": "ViT-H-14"}), (IMAGE_REWARD, {}), (PICKSCORE, {})):
        reward = graph.add("LoadAuxModel", "Load reward", file=file, **how)
        energy = graph.add("EnergyReward", auxiliary=reward, prompt=prompt, energy=energy)
    clip_h = graph.add("LoadAuxModel", "Load reward", file=CLIP_H)
    energy = graph.add("EnergyReward", auxiliary=clip_h, prompt=prompt, energy=energy, kind="CLIP")
    start = graph.add("PriorInit", samples=1)
    refined = graph.add(
        "NesterovRefine",
        start=start,
        energy=energy,
        steps=STEPS,
        learning_rate=RATE,
        clip_norm=CLIP_NORM,
        keep_best=True,
        keep_best_by="HPSv2.1, ImageReward, PickScore, CLIP",
    )
    graph.curves(refined)
    shown(graph, recipe.id, start, refined, 2)
    return graph


def _recipe(name: str, title: str, setup: Setup, needs: str) -> Recipe:
    return Recipe(
        f"reno_{name}",
        (),
        title,
        f"ComfyUI's own **{title}** as a generator: **Nesterov Refine** moves the noise that "
        f"sampling starts from towards four rewards, {STEPS} steps with the paper's numbers. "
        "Left: the image of the first noise, which KSampler would make; right: that of the "
        f"refined one. {needs} Memory and time are estimated, not measured. Without one of the "
        "rewards, delete its **Load Aux Model** and **Energy Reward**, and link the chain.",
        partial(_rewarded, setup=setup),
        task="Images that people prefer, by a model of few steps",
    )


TURBO = Setup(partial(_checkpoint, file=SD_TURBO), 512, 1)
"""SD-Turbo."""
RECIPES = (
    _recipe(
        "sd_turbo",
        "SD-Turbo",
        TURBO,
        "About 12 GB of GPU memory and half a minute a picture.",
    ),
    _recipe(
        "sdxl_turbo",
        "SDXL-Turbo",
        Setup(partial(_checkpoint, file=SDXL_TURBO), 512, 1),
        "About 16 GB of GPU memory and a minute a picture.",
    ),
    _recipe(
        "flux_schnell",
        "FLUX schnell",
        Setup(_flux, 512, 1),
        "About 24 GB of GPU memory (weights in fp8, activations computed again) and two minutes "
        "a picture. One step is not what it was made for: raise *steps* to 4 for the quality of "
        "four, at four times the time.",
    ),
    _recipe(
        "z_image_turbo",
        "Z-Image-Turbo",
        Setup(_z_image, 512, 4),
        "Newer than ComfyUI 0.3.64. About 24 GB of GPU memory and four minutes a picture. It was "
        "made for 8 steps; 4 are used here.",
    ),
)
