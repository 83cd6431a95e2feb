"""The shipped workflows on official files, which users have: TR0N's text, image and other rows."""

from dataclasses import dataclass, replace
from typing import Any

from .author_files import (
    BIGGAN,
    BLIP,
    BLIP2,
    FILES,
    LAION,
    OPENAI,
    PICTURE,
    STYLEGAN2,
    STYLEGAN_XL,
    named,
)
from .author_graph import GraphBuilder, Link, Shipped

__all__ = ["official_workflows"]

STEPS, VIEWS = 100, 50
STRIP = (15, 30, 45, 60, 75, 90, 140, 210, 280, 350, 500)
BUDGETS = (0, 10, 25, 50, 150, 250)
SCENES = "a photo of a mountain lake at dawn\na red double-decker bus\na bowl of ramen\na corgi"
FACES = "a smiling old man with glasses\na woman with curly red hair\na child with freckles"
STRANGE = (
    "a cat wearing a tie\nan armchair in the shape of an avocado\n"
    "a Van Gogh painting of a lighthouse\na robot reading a book"
)
FAILING = (
    "a sign that says hello\na crowd of people in a street\na dog on top of a horse\n"
    "a photo of a gren aple\nfive oranges on a table"
)


@dataclass(frozen=True)
class _Row:
    """A row of TR0N's text and image experiments, section 5.2, 5.3 and appendix B.

    Attributes:
        row: its number in the paper's list of setups.
        name: of the files, after `tr0n_`.
        title: of the note.
        says: what it shows.
        generator: its file.
        prompts: a line per picture.
        beta: inverse temperature.
        latent: the space that is steered.
        clip: its file.
        captioner: its file, where f is the embedding of a caption; else f is the CLIP's.
        noise: gamma, of the image embeddings that the translator is trained on.
        kind: of the translator; None for starts from the prior.
        mode: of Translator Init.
        steps: T.
    """

    row: str
    name: str
    title: str
    says: str
    generator: str = BIGGAN
    prompts: str = SCENES
    beta: float = 1e5
    latent: str = "auto"
    clip: str = OPENAI
    captioner: str | None = BLIP
    noise: float = 0.0
    kind: str | None = "mixture"
    mode: str = "basis"
    steps: int = STEPS


_FACES: dict[str, Any] = {
    "generator": STYLEGAN2,
    "prompts": FACES,
    "beta": 2000.0,
    "latent": "w",
    "captioner": None,
}
_XL: dict[str, Any] = {
    "generator": STYLEGAN_XL,
    "beta": 2000.0,
    "latent": "w",
    "clip": LAION,
    "captioner": BLIP2,
}
TEXTS = (
    _Row("t19", "biggan_text", "BigGAN by text", "f is the CLIP embedding of BLIP's caption."),
    _Row(
        "t20",
        "biggan_text_image",
        "BigGAN by text, f the image's embedding",
        "The translator is trained on image embeddings with noise (gamma 0.2) to bridge to texts.",
        captioner=None,
        noise=0.2,
    ),
    _Row(
        "t21",
        "xl_text",
        "StyleGAN-XL by text",
        "In W, with BLIP-2 and LAION's CLIP.",
        **_XL,
    ),
    _Row(
        "t22",
        "biggan_text_no_translator",
        "BigGAN by text without translator",
        "The ablation *no T*: Langevin dynamics from the prior.",
        kind=None,
    ),
    _Row(
        "t25",
        "biggan_text_mixture",
        "BigGAN by text, a sample of the mixture",
        "The translator's samples where t19 refines its means and weights (figure 8: GMM).",
        mode="sample",
    ),
    _Row(
        "t27",
        "biggan_text_deterministic",
        "BigGAN by text, deterministic translator",
        "The ablation *DT* of figure 8: one start per prompt.",
        kind="deterministic",
        mode="mean",
    ),
    _Row(
        "t29",
        "faces_text",
        "StyleGAN2 faces by text",
        "In W; the translator is trained on image embeddings with noise (gamma 0.2).",
        noise=0.2,
        **_FACES,
    ),
    _Row(
        "t36",
        "biggan_failures",
        "BigGAN by text: what fails",
        "Figure 10: writing, crowds, relations, typing errors and counting are beyond the "
        "generator or the CLIP.",
        prompts=FAILING,
    ),
    _Row(
        "t37",
        "xl_out_of_domain",
        "StyleGAN-XL by text: out of domain",
        "Figure 11: prompts that no class of ImageNet shows, uncurated.",
        prompts=STRANGE,
        **_XL,
    ),
    _Row(
        "t38",
        "biggan_laion",
        "BigGAN by text with LAION's CLIP",
        "As in the released scripts: image embeddings with noise (gamma 0.5).",
        clip=LAION,
        captioner=None,
        noise=0.5,
    ),
)


class _Official(GraphBuilder):
    """A graph with the models of a row in it."""

    def __init__(self, row: _Row) -> None:
        super().__init__()
        self.row = row
        self.generator = self.add("LoadGenerator", file=row.generator, latent=row.latent)
        self.clip = self.add("LoadAuxModel", "Load CLIP", file=row.clip)

    def energy(self, condition: Link) -> Link:
        """AugCLIP, with the papers' views."""
        return self.add("EnergyCLIP", auxiliary=self.clip, condition=condition, views=VIEWS)

    def started(self, condition: Link) -> Link:
        """By a translator that is trained on the spot, or from the prior."""
        row = self.row
        if row.kind is None:
            return self.add("PriorInit", generator=self.generator, condition=condition)
        auxiliary = self.clip
        if row.captioner is not None:
            captioner = self.add("LoadAuxModel", "Load captioner", file=row.captioner)
            auxiliary = self.add("CaptionAuxModel", captioner=captioner, clip=self.clip)
        translator = self.add(
            "TrainTranslator",
            generator=self.generator,
            auxiliary=auxiliary,
            pairs=1_000_000,
            epochs=10,
            batch_size=16,
            kind=row.kind,
            condition_noise=row.noise,
        )
        return self.add(
            "TranslatorInit",
            translator=translator,
            generator=self.generator,
            condition=condition,
            mode=row.mode,
        )

    def refined(self, start: Link, energy: Link, steps: int) -> Link:
        """By Langevin dynamics; Adam on the weights of a basis."""
        return self.add(
            "LangevinRefine",
            f"{steps} steps",
            generator=self.generator,
            start=start,
            energy=energy,
            steps=steps,
            inverse_temperature=self.row.beta,
        )

    def finished(self, latents: Link, columns: int) -> None:
        """Decoded and saved; what the CLIP finds is in the curves, and there is no judge here."""
        images = self.add("Decode", generator=self.generator, latents=latents)
        self.pictured(f"tr0n_{self.row.name}", images, columns)


def official_workflows() -> list[Shipped]:
    """All of them."""
    return [*map(_text, TEXTS), *_by_image(), *_interpolations(), _evolution(), _budgets()]


def _text(row: _Row) -> Shipped:
    graph = _Official(row)
    condition = graph.add("TextCondition", auxiliary=graph.clip, prompts=row.prompts)
    energy = graph.energy(condition)
    latents = graph.refined(graph.started(condition), energy, row.steps)
    graph.curves(latents)
    graph.finished(latents, row.prompts.count("\n") + 1)
    return _shipped(row, graph)


def _by_image() -> list[Shipped]:
    says = "New pictures that mean to CLIP what a given one means: c = f(x'), figures 7 and 14."
    rows = (
        _Row("t31", "biggan_image", "BigGAN by an image's meaning", says, captioner=None),
        _Row("t32", "faces_image", "StyleGAN2 faces by an image's meaning", says, **_FACES),
    )
    made: list[Shipped] = []
    for row in rows:
        graph = _Official(row)
        given = graph.add("LoadImage", "What is given", image=PICTURE)
        condition = graph.add(
            "ImageCondition", auxiliary=graph.clip, images=given, samples_per_image=4
        )
        energy = graph.energy(condition)
        graph.row = _changed(row, mode="sample")
        latents = graph.refined(graph.started(condition), energy, row.steps)
        graph.curves(latents)
        graph.finished(latents, 4)
        made.append(_shipped(row, graph))
    return made


def _interpolations() -> list[Shipped]:
    says = "Eight steps from one meaning to another in CLIP's space (slerp), from the mode."
    rows = (
        _Row("t33", "faces_interpolation", "StyleGAN2 faces between two texts", says, **_FACES),
        _Row("t34", "biggan_interpolation", "BigGAN between two texts", says, captioner=None),
    )
    made: list[Shipped] = []
    for row in rows:
        graph = _Official(_changed(row, mode="mode"))
        ends = [
            graph.add("TextCondition", auxiliary=graph.clip, prompts=text)
            for text in row.prompts.split("\n")[:2]
        ]
        condition = graph.add("InterpolateConditions", first=ends[0], second=ends[1], frames=8)
        energy = graph.energy(condition)
        latents = graph.refined(graph.started(condition), energy, row.steps)
        graph.curves(latents)
        graph.finished(latents, 8)
        made.append(_shipped(row, graph))
    return made


def _evolution() -> Shipped:
    row = _Row(
        "t35",
        "biggan_evolution",
        "BigGAN: how a sample evolves",
        "Figure 9: the same samples after 0 to 500 steps, a row each.",
    )
    return _stacked(row, STRIP)


def _budgets() -> Shipped:
    row = _Row(
        "t24",
        "biggan_budget",
        "BigGAN by text: the budget",
        "Figure 5's sweep of the number of steps T; its times were taken on a TITAN RTX.",
    )
    return _stacked(row, BUDGETS[1:])


def _stacked(row: _Row, sweep: tuple[int, ...]) -> Shipped:
    graph = _Official(row)
    condition = graph.add("TextCondition", auxiliary=graph.clip, prompts=row.prompts)
    energy = graph.energy(condition)
    start = graph.started(condition)
    later = strip = start
    for steps in sweep:
        later = graph.refined(start, energy, steps)
        strip = graph.add("StackLatents", first=strip, second=later)
    graph.curves(later)
    graph.finished(strip, row.prompts.count("\n") + 1)
    return _shipped(row, graph)


def _changed(row: _Row, **changes: object) -> _Row:
    return replace(row, **changes)  # pyright: ignore[reportArgumentType]


def _shipped(row: _Row, graph: _Official) -> Shipped:
    needs = "".join(f"\n* `{file}`: {FILES[file]}" for file in named(graph.api))
    notes = (
        f"# TR0N: {row.title}\n\n{row.says} Paper row {row.row}; settings as in the paper.\n\n"
        "**Needs files that you have**, generators in `models/latentsteer_generators`, the others "
        f"in `models/latentsteer_aux`:{needs}\n\nA million pairs is the paper's number and takes "
        "hours on a GPU: try *pairs* 20,000 first, and keep the translator with **Save "
        "Translator**. Never run here: no trained weights can be reached from where this was made."
    )
    return Shipped(f"tr0n_{row.name}", f"TR0N: {row.title}", notes, graph.api, 1, 0, 1)
