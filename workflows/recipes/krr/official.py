"""KRR flow on official files, which users provide."""

from collections.abc import Mapping
from functools import partial

from ..files import (
    BIGGAN,
    CIFAR,
    MMD_GAN,
    OPENAI,
    PICTURE,
    REAL_IMAGES,
    RESNET50,
    SN_GAN,
    STYLEGAN2,
    TRANSGAN,
    WGAN_GP,
)
from ..graph import GraphBuilder, Recipe
from ..rows import inputs_of
from .digits import ROWS, SWEEPS, TASK, FlowRow
from .numbers import SIZES

__all__ = ["RECIPES"]

SAMPLES, REAL, SIDE = 64, 1000, 32
WHOLE, TERM = "k02", "k10"
"""Rows whose step size and steps the others share: with three terms, and with a single one."""
SINGLE = ("k10", "k11", "k12")
OTHERS = (
    ("k01", "wgan_gp", "WGAN-GP", WGAN_GP),
    ("k03", "mmd_gan", "MMD-GAN", MMD_GAN),
    ("k04", "transgan", "TransGAN", TRANSGAN),
    ("k05", "stylegan2_ada", "StyleGAN2-ADA", CIFAR),
)
"""Rows of table 1 with other generators than SN-GAN: name of the files, title, file."""
CRITICISED = (
    "The three terms of eq. 6; the discriminator is d of the kernel and log p(c|x). The paper "
    "states step sizes for SN-GAN alone, which are taken here."
)
UNCRITICISED = (
    "The first two terms of eq. 6. TransGAN's discriminator is not read, so that the third is "
    "missing, and the kernel compares the features of a ResNet50. The paper states step sizes for "
    "SN-GAN alone, which are taken here."
)
STL = " For STL-10 take its file, *width* and *height* 48, and a folder of its images."
KERNEL: Mapping[str, object] = {
    "eta": 100.0,
    "xi": 1000.0,
    "mollifier": "feature",
    "sigma": 0.5,
    "sigma_schedule": "linear",
}


class _Cifar(GraphBuilder):
    """Graph with a generator; the kernel uses the features of its discriminator.

    Args:
        file: the generator's file.
        auxiliary: file of a classifier for the features, where there is no discriminator.
    """

    def __init__(self, file: str = SN_GAN, auxiliary: str = "") -> None:
        super().__init__({"KRRFlowRefine": KERNEL})
        self.load(file, auxiliary, "Load classifier")
        self.start = self.add("PriorInit", samples=SAMPLES)

    def connected(self, *, real: bool = True, condition: bool = True) -> dict[str, object]:
        """Returns the targets of the flow."""
        found: dict[str, object] = {}
        if real:
            found["real"] = self.add(
                "LoadImageSet",
                folder=REAL_IMAGES,
                width=SIDE,
                height=SIDE,
                limit=REAL,
                order="shuffled",
            )
        if condition:
            found["energy"] = self.add("EnergyDiscriminator")
        return found


def _steps(row: FlowRow) -> tuple[float, int]:
    """Returns the paper's step size and number of steps."""
    said = inputs_of(TERM if row.row in SINGLE else WHOLE, "KRRFlowRefine")
    return said["step_size"], said["steps"]


def _flow(recipe: Recipe, row: FlowRow) -> GraphBuilder:
    graph = _Cifar()
    connected = graph.connected(real=row.real, condition=row.condition)
    size, steps = _steps(row)
    settings = {"step_size": size, "steps": steps, **row.settings, **connected}
    latents = graph.add("KRRFlowRefine", start=graph.start, **settings)
    graph.curves(latents)
    graph.decoded(recipe.id, latents, 8)
    return graph


def _other(recipe: Recipe, file: str) -> GraphBuilder:
    judged = file != TRANSGAN
    graph = _Cifar(file, "" if judged else RESNET50)
    connected = graph.connected(condition=judged)
    if not judged:
        connected["auxiliary"] = graph.models["auxiliary"]
    size, steps = _steps(ROWS[0])
    latents = graph.add(
        "KRRFlowRefine", start=graph.start, step_size=size, steps=steps, **connected
    )
    graph.curves(latents)
    graph.decoded(recipe.id, graph.stacked([graph.start, latents]), 16)
    return graph


def _sweep(recipe: Recipe, steps: int) -> GraphBuilder:
    graph = _Cifar()
    settings = {"start": graph.start, "steps": steps, **graph.connected()}
    moved = [
        graph.add("KRRFlowRefine", f"Step size {size:g}", step_size=size, **settings)
        for size in SIZES
    ]
    strip = graph.stacked(moved)
    graph.curves(moved[-1])
    graph.decoded(recipe.id, strip, SAMPLES)
    return graph


def _text(recipe: Recipe) -> GraphBuilder:
    graph = GraphBuilder()
    graph.load(BIGGAN, OPENAI)
    condition = graph.text("corgi in the forest", 8)
    energy = graph.add("EnergyCLIP", condition=condition, views=0, scale="logit scale")
    settings = {
        "start": graph.add("PriorInit", condition=condition),
        "energy": energy,
        "auxiliary": graph.models["auxiliary"],
        "steps": 50,
        "step_size": 0.05,
        "eta": 8.0,
    }
    moved = [
        graph.add("KRRFlowRefine", title, lambda_generated=weight, **settings)
        for title, weight in (("Condition alone", 0.0), ("With the density", 10.0))
    ]
    graph.curves(moved[1])
    graph.decoded(recipe.id, graph.stacked(moved), 8)
    return graph


def _editing(recipe: Recipe) -> GraphBuilder:
    graph = GraphBuilder({"LoadGenerator": {"latent": "w"}})
    graph.load(STYLEGAN2, OPENAI)
    clip = graph.models["auxiliary"]
    source = graph.add("LoadImage", "What is edited", image=PICTURE)
    latents = graph.add("ImageToLatents", images=source, auxiliary=clip)
    start = graph.add("VariationInit", near=latents, variation=0.3)
    wanted, neutral = (
        graph.add("TextCondition", prompts=text) for text in ("a smiling face", "a face")
    )
    energy = graph.add(
        "EnergyDirection",
        condition=wanted,
        neutral=neutral,
        kind="global",
        generator=graph.models["generator"],
    )
    settings = {"auxiliary": clip, "steps": 15, "eta": 4.0}
    flowed = graph.add("KRRFlowRefine", start=start, energy=energy, **settings)
    graph.curves(flowed)
    graph.decoded(recipe.id, flowed, 4)
    return graph


RECIPES = (
    *(
        Recipe(
            f"krr_cifar_{name}",
            (row,),
            f"CIFAR-10, {title} improved",
            f"{UNCRITICISED if file == TRANSGAN else CRITICISED}{STL}",
            partial(_other, file=file),
            task=TASK,
        )
        for row, name, title, file in OTHERS
    ),
    *(
        Recipe(
            f"krr_cifar_{row.name}",
            (row.row,),
            f"CIFAR-10, {row.title}",
            f"{row.says} Step size {_steps(row)[0]}, {_steps(row)[1]} steps.",
            partial(_flow, row=row),
            task=TASK,
        )
        for row in ROWS
    ),
    *(
        Recipe(
            f"krr_cifar_steps_{steps}",
            (row,),
            f"CIFAR-10, {steps} steps of six sizes",
            f"Table 6, {steps} steps: step sizes 0.1 to 2, a row each.",
            partial(_sweep, steps=steps),
            task=TASK,
        )
        for row, steps in SWEEPS
    ),
    Recipe(
        "krr_biggan_text",
        ("k18",),
        "BigGAN by text, diverse",
        "Figure 2: the CLIP's likelihood alone above, with the samples' density below, from the "
        "same starts; the kernel uses the CLIP's embeddings.",
        _text,
        task="Draw diverse samples of one prompt",
    ),
    Recipe(
        "krr_faces_editing",
        ("k28",),
        "StyleGAN2 faces edited by text",
        "Figures 3 and 8: StyleCLIP's global direction is the gradient of log p(c|x), the "
        "samples' density makes the edits differ. The direction is computed in W; StyleCLIP's "
        "is in the style channels.",
        _editing,
        task="Edit a face by text",
    ),
)
