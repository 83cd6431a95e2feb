"""The shipped workflows on official files, which users have: TR0N's text, image and other rows."""

from dataclasses import dataclass
from typing import Any

from .files import BLIP, BLIP2, FILES, LAION, OPENAI, PICTURE, named
from .graph import GraphBuilder, Link, Shipped
from .paper.rows import ROWS, inputs_of, sweep

__all__ = ["official_workflows"]

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


CHEAPER = (
    "A million pairs take hours on a GPU: try *pairs* 20,000 first, with *epochs* 15, "
    "*batch_size* 256, *learning_rate* 0.001 and *initial_std* 1, and keep the translator with "
    "**Save Translator**. "
)


@dataclass(frozen=True)
class _Row:
    """A row of TR0N's text and image experiments, section 5.2, 5.3 and appendix B.

    Attributes:
        row: its number in the table of the papers' numbers, which it takes them from.
        name: of the files, after `tr0n_`.
        title: of the note.
        says: what it shows.
        prompts: a line per picture.
        clip: its file.
        captioner: its file, where f is the embedding of a caption; else f is the CLIP's.
        named: how the note names the row.
        start: of Translator Init, where it is not the row's.
    """

    row: str
    name: str
    title: str
    says: str
    prompts: str = SCENES
    clip: str = OPENAI
    captioner: str | None = BLIP
    named: str = ""
    start: dict[str, str] | None = None


_FACES: dict[str, Any] = {"prompts": FACES, "captioner": None}
_XL: dict[str, Any] = {"clip": LAION, "captioner": BLIP2}
TEXTS = (
    _Row(
        "t19",
        "biggan_text",
        "BigGAN by text",
        "f is the CLIP embedding of BLIP's caption; the mixture's means and weights are refined "
        "together, from its mean (equation 5). Figure 8's *GMM* is this one.",
        named="Paper rows t19 and t25.",
    ),
    _Row(
        "t20",
        "biggan_text_image",
        "BigGAN by text, f the image's embedding",
        "The translator is trained on image embeddings with noise (gamma 0.2) to bridge to texts.",
        captioner=None,
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
        "The ablation *no T*: Langevin dynamics from the prior, in figures 5 and 8.",
        named="Paper rows t22 and t28.",
    ),
    _Row(
        "t19",
        "biggan_text_mixture",
        "BigGAN by text, a sample of the mixture",
        "Algorithm 2 with M = 1: a sample of the translator is refined by itself, where the paper "
        "refines the mixture's means and weights (the workflow *tr0n_biggan_text*). The paper has "
        "no such row.",
        named="Compare paper row t19.",
        start={"mode": "sample"},
    ),
    _Row(
        "t27",
        "biggan_text_deterministic",
        "BigGAN by text, deterministic translator",
        "The ablation *DT* of figure 8: one start per prompt.",
    ),
    _Row(
        "t29",
        "faces_text",
        "StyleGAN2 faces by text",
        "In W; the translator is trained on image embeddings with noise (gamma 0.2).",
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
    ),
)


class _Official(GraphBuilder):
    """A graph with the models of a row in it."""

    def __init__(self, row: _Row) -> None:
        super().__init__()
        self.row = row
        self.generator = self.add("LoadGenerator", **inputs_of(row.row, "LoadGenerator"))
        self.clip = self.add("LoadAuxModel", "Load CLIP", file=row.clip)

    def energy(self, condition: Link) -> Link:
        """AugCLIP, with the papers' views."""
        said = inputs_of(self.row.row, "EnergyCLIP")
        return self.add("EnergyCLIP", auxiliary=self.clip, condition=condition, **said)

    def started(self, condition: Link) -> Link:
        """By a translator that is trained on the spot, or from the prior."""
        row = self.row
        if "PriorInit" in ROWS[row.row].nodes:
            said = inputs_of(row.row, "PriorInit")
            return self.add("PriorInit", generator=self.generator, condition=condition, **said)
        auxiliary = self.clip
        if row.captioner is not None:
            captioner = self.add("LoadAuxModel", "Load captioner", file=row.captioner)
            auxiliary = self.add("CaptionAuxModel", captioner=captioner, clip=self.clip)
        translator = self.add(
            "TrainTranslator",
            generator=self.generator,
            auxiliary=auxiliary,
            **inputs_of(row.row, "TrainTranslator"),
        )
        start = inputs_of(row.row, "TranslatorInit") if row.start is None else row.start
        return self.add(
            "TranslatorInit",
            translator=translator,
            generator=self.generator,
            condition=condition,
            **start,
        )

    def refined(self, start: Link, energy: Link, **steps: int) -> Link:
        """By Langevin dynamics; Adam on the weights of a basis."""
        said = inputs_of(self.row.row, "LangevinRefine") | steps
        return self.add(
            "LangevinRefine",
            f"{said['steps']} steps",
            generator=self.generator,
            start=start,
            energy=energy,
            **said,
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
    latents = graph.refined(graph.started(condition), energy)
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
        latents = graph.refined(graph.started(condition), energy)
        graph.curves(latents)
        graph.finished(latents, 4)
        made.append(_shipped(row, graph))
    return made


def _interpolations() -> list[Shipped]:
    says = (
        "Eight steps from one picture's meaning to another's in CLIP's space (slerp), from the "
        "mode. Choose two pictures; a **Text Condition** in the place of either serves as well."
    )
    rows = (
        _Row("t33", "faces_interpolation", "StyleGAN2 faces between two meanings", says, **_FACES),
        _Row("t34", "biggan_interpolation", "BigGAN between two meanings", says, captioner=None),
    )
    made: list[Shipped] = []
    for row in rows:
        graph = _Official(row)
        ends = [
            graph.add(
                "ImageCondition",
                auxiliary=graph.clip,
                images=graph.add("LoadImage", title, image=PICTURE),
            )
            for title in ("The first picture", "The second picture")
        ]
        condition = graph.add(
            "InterpolateConditions",
            first=ends[0],
            second=ends[1],
            frames=8,
            **inputs_of(row.row, "InterpolateConditions"),
        )
        energy = graph.energy(condition)
        latents = graph.refined(graph.started(condition), energy)
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
    return _stacked(row)


def _budgets() -> Shipped:
    row = _Row(
        "t24",
        "biggan_budget",
        "BigGAN by text: the budget",
        "Figure 5's sweep of the number of steps T, from 0 to 500, a row each, with f of a "
        "caption (figure 5 has f of the image as well); its times were taken on a TITAN RTX.",
    )
    return _stacked(row)


def _stacked(row: _Row) -> Shipped:
    graph = _Official(row)
    condition = graph.add("TextCondition", auxiliary=graph.clip, prompts=row.prompts)
    energy = graph.energy(condition)
    start = graph.started(condition)
    later = strip = start
    for steps in sweep(row.row, "LangevinRefine", "steps"):
        later = graph.refined(start, energy, steps=steps)
        strip = graph.add("StackLatents", first=strip, second=later)
    graph.curves(later)
    graph.finished(strip, row.prompts.count("\n") + 1)
    return _shipped(row, graph)


def _shipped(row: _Row, graph: _Official) -> Shipped:
    needs = "".join(f"\n* `{file}`: {FILES[file]}" for file in named(graph.api))
    trained = "TrainTranslator" in ROWS[row.row].nodes
    notes = (
        f"# TR0N: {row.title}\n\n{row.says} {row.named or f'Paper row {row.row}.'}\n\n"
        "**Needs files that you have**, generators in `models/latentsteer_generators`, the others "
        f"in `models/latentsteer_aux`:{needs}\n\n{CHEAPER if trained else ''}Never run here: no "
        "trained weights can be reached from where this was made."
    )
    return Shipped(f"tr0n_{row.name}", f"TR0N: {row.title}", notes, graph.api, 1, 0, 1)
