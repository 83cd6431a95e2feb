"""KRR flow on official generators that need inputs: a sentence, a hole to fill, a domain."""

from collections.abc import Callable
from functools import partial

from ..files import (
    AFHQ,
    BIRDS,
    CELEBA_HQ,
    COCO,
    COMOD_FFHQ,
    COMOD_PLACES,
    REAL_AFHQ,
    REAL_BIRDS,
    REAL_CELEBA_HQ,
    REAL_COCO,
    REAL_FFHQ,
    REAL_PLACES,
    REFERENCES,
    SOURCE,
)
from ..graph import GraphBuilder, Link, Recipe
from .numbers import SIZES

__all__ = ["RECIPES"]

SAMPLES, REAL = 8, 1000
KERNEL = {"steps": 10, "eta": 8.0, "xi": 1000.0, "chunk": "fast"}
STEPS = (5, 10, 15)
"""Numbers of steps of figure 7, of which the paper gives the step sizes' range alone."""


class _Given(GraphBuilder):
    """Graph with a generator and its inputs; the kernel uses the features of its discriminator.

    Args:
        file: the generator's file.
        size: pixels a side of its images.
        latent: value of the loader's widget.
    """

    def __init__(self, file: str, size: int, latent: str = "auto") -> None:
        super().__init__({"KRRFlowRefine": KERNEL, "LoadGenerator": {"latent": latent}})
        self.load(file)
        self.size = size

    def give(self, **inputs: object) -> None:
        """Gives the generator its inputs."""
        self.models["generator"] = self.add("GiveInputs", **inputs)

    def pictures(self, title: str, folder: str, limit: int) -> Link:
        """Loads pictures of the generator's size."""
        sides = {"width": self.size, "height": self.size}
        return self.add("LoadImageSet", title, folder=folder, limit=limit, **sides)

    def hole(self) -> Link:
        """A mask whose right half is unknown."""
        size, half = self.size, self.size // 2
        known = self.add("SolidMask", "Known", value=0.0, width=size, height=size)
        unknown = self.add("SolidMask", "Hole", value=1.0, width=half, height=size)
        laid = {"x": half, "y": 0, "operation": "add"}
        return self.add("MaskComposite", destination=known, source=unknown, **laid)

    def both(self, recipe: Recipe, start: Link, real: Link, **settings: object) -> None:
        """Shows the start and the flow, one below the other."""
        energy = self.add("EnergyDiscriminator")
        targets = {"start": start, "real": real, "energy": energy, **settings}
        moved = self.add("KRRFlowRefine", **targets)
        self.curves(moved)
        self.decoded(recipe.id, self.stacked([start, moved]), SAMPLES)


def _text(recipe: Recipe, file: str, folder: str, sentence: str) -> GraphBuilder:
    graph = _Given(file, 256)
    graph.give(sentence=sentence)
    start = graph.add("PriorInit", samples=SAMPLES)
    graph.both(recipe, start, graph.pictures("Real images", folder, REAL))
    return graph


def _inpainting(recipe: Recipe, file: str, folder: str) -> GraphBuilder:
    graph = _Given(file, 512)
    graph.give(image=graph.pictures("What is filled", SOURCE, 1), mask=graph.hole())
    start = graph.add("PriorInit", samples=SAMPLES)
    graph.both(recipe, start, graph.pictures("Real images", folder, REAL))
    return graph


def _translated(file: str, domain: str) -> _Given:
    graph = _Given(file, 256, "w+")
    graph.give(image=graph.pictures("What is translated", SOURCE, 1), domain=domain)
    return graph


def _by_latents(recipe: Recipe, file: str, folder: str, domain: str) -> GraphBuilder:
    graph = _translated(file, domain)
    start = graph.add("PriorInit", samples=SAMPLES)
    graph.both(recipe, start, graph.pictures("Real images", folder, REAL))
    return graph


def _by_references(recipe: Recipe, file: str, folder: str, domain: str) -> GraphBuilder:
    graph = _translated(file, domain)
    references = graph.pictures("References", REFERENCES, SAMPLES)
    start = graph.add("ImageToLatents", "Styles of references", images=references, steps=0)
    graph.both(recipe, start, graph.pictures("Real images", folder, REAL))
    return graph


def _trade_off(recipe: Recipe) -> GraphBuilder:
    graph = _translated(AFHQ, "dog")
    start = graph.add("PriorInit", samples=SAMPLES)
    real = graph.pictures("Real images", REAL_AFHQ, REAL)
    energy = graph.add("EnergyDiscriminator")
    targets = {"start": start, "real": real, "energy": energy}
    moved = [
        graph.add(
            "KRRFlowRefine", f"{steps} steps of {size:g}", steps=steps, step_size=size, **targets
        )
        for steps in STEPS
        for size in SIZES[:3]
    ]
    graph.curves(moved[-1])
    graph.decoded(recipe.id, graph.stacked([start, *moved]), SAMPLES)
    return graph


def _kde(recipe: Recipe) -> GraphBuilder:
    graph = _translated(AFHQ, "dog")
    start = graph.add("PriorInit", samples=SAMPLES)
    real = graph.pictures("Real images", REAL_AFHQ, REAL)
    graph.both(recipe, start, real, estimator="kde", mollifier="none")
    return graph


TEXT, HOLE, STYLE = (
    "Draw diverse images of a sentence",
    "Complete a picture from a known part",
    "Show an image in the style of a domain",
)
MATCHED = (
    "The upper row are draws for the sentence. Below, the samples' density, that of real images "
    "and the matching-aware discriminator moved them: the discriminator with the sentence is d "
    "of the kernel and log p(c|x)."
)
FILLED = (
    "Several ways to fill a hole: draws above, moved by the flow below. What is known stays. The "
    "discriminator sees the mask. FID and P-IDS of the paper are of masks of every size: draw "
    "others instead of the half."
)
TRANSLATED = (
    "The style and the features of the image are moved. The discriminator of the domain is d of "
    "the kernel and log p(c|x); the authors do not distribute it, so a training's own "
    "`*_nets.ckpt` has to lie beside the file."
)


def _row(
    name: str,
    rows: tuple[str, ...],
    title: str,
    says: str,
    graph: Callable[[Recipe], GraphBuilder],
    task: str,
) -> Recipe:
    return Recipe(f"krr_{name}", rows, title, says, graph, task=task)


RECIPES = (
    _row(
        "birds_text",
        ("k16",),
        "DF-GAN's birds by a sentence",
        MATCHED,
        partial(
            _text,
            file=BIRDS,
            folder=REAL_BIRDS,
            sentence="this bird is red with white and has a very short beak",
        ),
        TEXT,
    ),
    _row(
        "coco_text",
        ("k17",),
        "DF-GAN's scenes by a sentence",
        MATCHED,
        partial(
            _text,
            file=COCO,
            folder=REAL_COCO,
            sentence="a man riding a wave on top of a surfboard",
        ),
        TEXT,
    ),
    *(
        _row(
            f"{name}_inpainting",
            (row,),
            f"{title} completed by Co-Mod-GAN",
            FILLED,
            partial(_inpainting, file=file, folder=folder),
            HOLE,
        )
        for name, row, title, file, folder in (
            ("ffhq", "k21", "faces", COMOD_FFHQ, REAL_FFHQ),
            ("places", "k22", "places", COMOD_PLACES, REAL_PLACES),
        )
    ),
    *(
        _row(
            f"{name}_by_{how}",
            (row,),
            f"StarGAN v2's {title} by {how}",
            TRANSLATED,
            partial(graph, file=file, folder=folder, domain=domain),
            STYLE,
        )
        for name, title, file, folder, domain, rows in (
            ("celeba_hq", "faces", CELEBA_HQ, REAL_CELEBA_HQ, "female", ("k23", "k24")),
            ("afhq", "animals", AFHQ, REAL_AFHQ, "dog", ("k25", "k26")),
        )
        for row, how, graph in zip(
            rows, ("latents", "references"), (_by_latents, _by_references), strict=True
        )
    ),
    _row(
        "afhq_trade_off",
        ("k27",),
        "StarGAN v2's animals, steps and step sizes",
        "Figure 7: more and longer steps trade quality (FID) for diversity (LPIPS). Starts above, "
        f"then a row for each of {', '.join(map(str, STEPS))} steps and three step sizes.",
        _trade_off,
        STYLE,
    ),
    Recipe(
        "krr_afhq_kde",
        (),
        "StarGAN v2's animals, density by kernels alone",
        f"The baseline KDE of table 5. {TRANSLATED}",
        _kde,
        task=STYLE,
        like=("k25",),
    ),
)
