"""FuseDream's workflows on official BigGANs: single images, and all the others' list."""

from .files import BIGGAN, UPSCALER
from .fusedream_ablations import ablations
from .fusedream_composed import compositions
from .fusedream_graph import DOGS, FuseDream, Row, shipped
from .graph import Link, Shipped
from .paper.rows import inputs_of

__all__ = ["fusedream_workflows"]

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
MAIN = (
    Row(
        "f01",
        "biggan_256_k5",
        "BigGAN-256 by text, a basis of 5",
        "The best five of ten thousand samples are a basis, and basis and weights are refined "
        "together on AugCLIP: table 1, IS 34.26, FID 21.16.",
    ),
    Row(
        "f02",
        "biggan_256_k10",
        "BigGAN-256 by text, a basis of 10",
        "Table 1: IS 34.67, FID 21.89.",
    ),
    Row(
        "f03",
        "biggan_512_k5",
        "BigGAN-512 by text, a basis of 5",
        "Table 1: IS 34.19, FID 21.52.",
        generator=BIGGAN,
    ),
    Row(
        "f04",
        "biggan_512_k10",
        "BigGAN-512 by text, a basis of 10",
        "Table 1: IS 32.88, FID 25.24.",
        generator=BIGGAN,
    ),
    Row(
        "f19",
        "biggan_styles",
        "styles, backgrounds, textures and meals",
        "Figure 6, rows 1 and 2: six styles of a line by Shelley; a car in three places and of "
        "three textures; a robot in three weathers; the meals of three countries.",
        prompts="\n".join(STYLES),
    ),
    Row(
        "f19",
        "biggan_details",
        "objects, textures and styles together",
        "Figure 6, row 3: the best of five seeds by AugCLIP.",
        prompts=DETAILS,
        each=5,
        best=1,
    ),
    Row(
        "f20",
        "biggan_counterfactual",
        "what does not exist",
        "Figure 8: three of five seeds by AugCLIP.",
        prompts=COUNTERFACTUAL,
        each=5,
        best=3,
    ),
    Row(
        "f21",
        "biggan_out_of_domain",
        "what ImageNet does not show",
        "Figure 16: landmarks, art, an emoji and characters that no class shows.",
        prompts=STRANGE,
    ),
)


def fusedream_workflows() -> list[Shipped]:
    """All of them, and TR0N's row that starts as FuseDream does."""
    return [
        *map(_single, MAIN),
        *ablations(),
        *compositions(),
        _interpolation(),
        _initial_basis(),
        _upscaled(),
        _released(),
        _langevin(),
    ]


def _single(row: Row) -> Shipped:
    graph = FuseDream(row)
    condition = graph.text()
    energy = graph.energy(condition)
    latents = graph.refined(graph.started(condition, energy), energy)
    graph.curves(latents)
    shown = row.best or row.each
    if row.best:
        latents = graph.add(
            "BestLatents",
            generator=graph.generator,
            batch=latents,
            energy=energy,
            keep=row.best,
            groups=row.count,
        )
        condition = graph.text(each=row.best, title="As many rows as are shown")
    graph.finished(latents, condition, shown if shown > 1 else min(row.count, 6))
    return shipped(row, graph)


def _interpolation() -> Shipped:
    row = Row(
        "f17",
        "biggan_interpolation",
        "from one latent to another",
        "Figure 13: two texts are refined apart, and the way between their latents is straight.",
        prompts=BASES,
    )
    graph = FuseDream(row)
    ends: list[Link] = []
    for prompts in (row.prompts, COUNTERFACTUAL.rsplit("\n", 1)[0]):
        condition = graph.text(prompts)
        energy = graph.energy(condition)
        ends.append(graph.refined(graph.started(condition, energy), energy))
    graph.curves(ends[1])
    latents = graph.add("InterpolateLatents", first=ends[0], second=ends[1], frames=8)
    images = graph.add("Decode", generator=graph.generator, latents=latents)
    graph.pictured(row.file, images, 8)
    return shipped(row, graph)


def _initial_basis() -> Shipped:
    row = Row(
        "f18",
        "biggan_initial_basis",
        "the first basis",
        "Figure 14: the five samples of ten thousand that the basis begins as, a row for each "
        "text, the best first. Nothing is refined.",
        prompts=BASES,
    )
    graph = FuseDream(row)
    condition = graph.text()
    basis = graph.output(graph.started(condition, graph.energy(condition)), 1)
    many = graph.text(each=row.keep, title="As many rows as are shown")
    graph.finished(basis, many, row.keep)
    return shipped(row, graph)


def _released() -> Shipped:
    row = Row(
        "f23",
        "biggan_released_code",
        "as the released code does it",
        "BigGAN-512 and k = 5 as by default on its command line: starts are chosen by the plain "
        "CLIP score, weights are a softmax of random logits, noise of 0.01 is on the latents at "
        "every step, and the last but one point is returned.",
        generator=BIGGAN,
        prompts=DOGS,
    )
    graph = FuseDream(row)
    condition = graph.text()
    plain = graph.energy(condition, "Plain CLIP", views=0)
    energy = graph.energy(condition)
    latents = graph.refined(graph.started(condition, plain), energy)
    graph.curves(latents)
    graph.finished(latents, condition, row.count)
    return shipped(row, graph)


def _langevin() -> Shipped:
    row = Row(
        "t23",
        "biggan_fusedream_start",
        "BigGAN by text, from FuseDream's start",
        "FuseDream in table 2: the best ten of a thousand by E_CLIP as a basis with random "
        "weights, then Langevin dynamics in the place of Adam: FID 16.3, with Adam 21.9. The "
        "paper says neither the inverse temperature nor the number of steps: those of its other "
        "rows. Nor does it give the law of the weights: a softmax of N(0, 1) logits, as in "
        "FuseDream's code.",
        generator=BIGGAN,
        paper="TR0N",
    )
    graph = FuseDream(row)
    condition = graph.text()
    energy = graph.energy(condition)
    usual = inputs_of("t20", "LangevinRefine")
    latents = graph.add(
        "LangevinRefine",
        generator=graph.generator,
        start=graph.started(condition, energy, weights="softmax"),
        energy=energy,
        **{**usual, **inputs_of(row.row, "LangevinRefine")},
    )
    graph.curves(latents)
    graph.finished(latents, condition, row.count)
    return shipped(row, graph)


def _upscaled() -> Shipped:
    row = Row(
        "f22",
        "biggan_upscaled",
        "four times as large",
        "Figure 18: the images through Real-ESRGAN, by the host's own nodes for upscale models.",
        prompts=DIVING,
    )
    graph = FuseDream(row)
    condition = graph.text()
    energy = graph.energy(condition)
    latents = graph.refined(graph.started(condition, energy), energy)
    graph.curves(latents)
    images = graph.add("Decode", generator=graph.generator, latents=latents)
    graph.add("PreviewImage", "Before", images=images)
    model = graph.add("UpscaleModelLoader", model_name=UPSCALER)
    large = graph.add("ImageUpscaleWithModel", upscale_model=model, image=images)
    graph.pictured(row.file, large, row.count)
    graph.scored(images, condition)
    return shipped(row, graph)
