"""The shipped workflows of KRR flow on official files, which users have."""

from collections.abc import Mapping

from .files import BIGGAN, CIFAR, FILES, OPENAI, PICTURE, STYLEGAN2, named
from .graph import GraphBuilder, Link, Shipped
from .krr_digits import ROWS, SWEEPS, KrrRow
from .paper.krr import SIZES
from .paper.rows import inputs_of

__all__ = ["FOLDER", "krr_official_workflows"]

FOLDER = "cifar10"
"""Of real images, in the input folder."""
SAMPLES, REAL, SIDE = 64, 1000, 32
WHOLE, TERM = "k02", "k10"
"""Rows whose step size and steps the others have: those of three terms, and of a single one."""
NEAREST = (
    " The paper's generator is SN-GAN, which does not open here: this is the official file "
    "nearest to it, unconditional, of CIFAR-10 and with its discriminator (the paper's own, in "
    "the last row of its table 1)."
)
UNKNOWN = (
    "\n\nThe paper does not tell its eta, xi, mollifier or numbers of samples: those here are "
    "what did well on the digits. Never run here: no trained weights can be reached from where "
    "this was made."
)
KERNEL: Mapping[str, object] = {
    "eta": 100.0,
    "xi": 1000.0,
    "mollifier": "feature",
    "sigma": 0.5,
    "sigma_schedule": "linear",
}


def krr_official_workflows() -> list[Shipped]:
    """All of them."""
    single = ("k10", "k11", "k12")
    return [
        *(_row(row, TERM if row.row in single else WHOLE) for row in ROWS),
        *(_sweep(row, steps) for row, steps in SWEEPS),
        _text(),
        _editing(),
    ]


class _Cifar(GraphBuilder):
    """A graph with the generator in it; the kernel looks at its discriminator's features."""

    def __init__(self) -> None:
        super().__init__()
        self.generator = self.add("LoadGenerator", file=CIFAR)
        self.start = self.add("PriorInit", generator=self.generator, samples=SAMPLES)

    def connected(self, *, real: bool, condition: bool) -> dict[str, object]:
        """What the flow goes towards."""
        found: dict[str, object] = {}
        if real:
            found["real"] = self.add(
                "LoadImageSet",
                folder=FOLDER,
                width=SIDE,
                height=SIDE,
                limit=REAL,
                order="shuffled",
            )
        if condition:
            found["energy"] = self.add("EnergyDiscriminator", generator=self.generator)
        return found

    def flowed(
        self, title: str, step_size: float, steps: int, settings: Mapping[str, object]
    ) -> Link:
        """The samples after a flow."""
        return self.add(
            "KRRFlowRefine",
            title,
            generator=self.generator,
            start=self.start,
            steps=steps,
            step_size=step_size,
            **{**KERNEL, **settings},
        )


def _row(row: KrrRow, like: str) -> Shipped:
    graph = _Cifar()
    connected = graph.connected(real=row.real, condition=row.condition)
    said = inputs_of(like, "KRRFlowRefine")
    size, steps = said["step_size"], said["steps"]
    latents = graph.flowed("", size, steps, {**row.settings, **connected})
    graph.curves(latents)
    images = graph.add("Decode", generator=graph.generator, latents=latents)
    graph.pictured(f"krr_cifar_{row.name}", images, 8)
    says = f"{row.says} Step size {size}, {steps} steps.{NEAREST}"
    return _shipped(f"cifar_{row.name}", f"CIFAR-10, {row.title}", says, row.row, graph)


def _sweep(row: str, steps: int) -> Shipped:
    graph = _Cifar()
    connected = graph.connected(real=True, condition=True)
    moved = [graph.flowed(f"Step size {size:g}", size, steps, connected) for size in SIZES]
    strip = moved[0]
    for latents in moved[1:]:
        strip = graph.add("StackLatents", first=strip, second=latents)
    graph.curves(moved[-1])
    images = graph.add("Decode", generator=graph.generator, latents=strip)
    graph.pictured(f"krr_cifar_steps_{steps}", images, SAMPLES)
    says = f"Table 6, {steps} steps: step sizes 0.1 to 2, a row each.{NEAREST}"
    return _shipped(
        f"cifar_steps_{steps}", f"CIFAR-10, {steps} steps of six sizes", says, row, graph
    )


def _text() -> Shipped:
    graph = GraphBuilder()
    generator = graph.add("LoadGenerator", file=BIGGAN)
    clip = graph.add("LoadAuxModel", "Load CLIP", file=OPENAI)
    condition = graph.add(
        "TextCondition", auxiliary=clip, prompts="corgi in the forest", samples_per_prompt=8
    )
    energy = graph.add(
        "EnergyCLIP", auxiliary=clip, condition=condition, views=0, scale="logit scale"
    )
    start = graph.add("PriorInit", generator=generator, condition=condition)
    moved = [
        graph.add(
            "KRRFlowRefine",
            title,
            generator=generator,
            start=start,
            auxiliary=clip,
            energy=energy,
            steps=50,
            step_size=0.05,
            eta=8.0,
            lambda_generated=weight,
        )
        for title, weight in (("Condition alone", 0.0), ("With the density", 10.0))
    ]
    graph.curves(moved[1])
    strip = graph.add("StackLatents", first=moved[0], second=moved[1])
    images = graph.add("Decode", generator=generator, latents=strip)
    graph.pictured("krr_biggan_text", images, 8)
    says = (
        "Figure 2: the CLIP's likelihood alone above, with the samples' density below, from the "
        "same starts; the kernel looks at the CLIP's embeddings."
    )
    return _shipped("biggan_text", "BigGAN by text, diverse", says, "k18", graph)


def _editing() -> Shipped:
    graph = GraphBuilder()
    generator = graph.add("LoadGenerator", file=STYLEGAN2, latent="w")
    clip = graph.add("LoadAuxModel", "Load CLIP", file=OPENAI)
    source = graph.add("LoadImage", "What is edited", image=PICTURE)
    latents = graph.add("ImageToLatents", generator=generator, images=source, auxiliary=clip)
    start = graph.add("VariationInit", generator=generator, near=latents, variation=0.3)
    wanted, neutral = (
        graph.add("TextCondition", auxiliary=clip, prompts=text)
        for text in ("a smiling face", "a face")
    )
    energy = graph.add(
        "EnergyDirection",
        auxiliary=clip,
        condition=wanted,
        neutral=neutral,
        kind="global",
        generator=generator,
    )
    flowed = graph.add(
        "KRRFlowRefine",
        generator=generator,
        start=start,
        auxiliary=clip,
        energy=energy,
        steps=15,
        eta=4.0,
    )
    graph.curves(flowed)
    images = graph.add("Decode", generator=generator, latents=flowed)
    graph.pictured("krr_faces_editing", images, 4)
    says = (
        "Figures 3 and 8: StyleCLIP's global direction is the gradient of log p(c|x), the "
        "samples' density makes the edits differ. The direction is found in W, where StyleCLIP's "
        "is in the style channels."
    )
    return _shipped("faces_editing", "StyleGAN2 faces edited by text", says, "k28", graph)


def _shipped(name: str, title: str, says: str, row: str, graph: GraphBuilder) -> Shipped:
    title = f"KRR flow: {title}"
    files = "".join(f"\n* `{file}`: {FILES[file]}" for file in named(graph.api))
    folder = ""
    if any(node["inputs"].get("folder") == FOLDER for node in graph.api.values()):
        folder = f"\n* `{FOLDER}`, a folder of CIFAR-10's training images, in the input folder"
    notes = (
        f"# {title}\n\n{says} Paper row {row}.\n\n**Needs files that you have**, generators in "
        f"`models/latentsteer_generators`, the others in `models/latentsteer_aux`:{files}{folder}"
        f"{UNKNOWN}"
    )
    return Shipped(f"krr_{name}", title, notes, graph.api, 1, 0, 1)
