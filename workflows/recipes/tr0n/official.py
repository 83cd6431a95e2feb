"""TR0N's text, image and other rows on official files, which users provide."""

from functools import partial

from ..files import (
    BIGGAN,
    BLIP,
    BLIP2,
    LAION,
    NVAE_FFHQ,
    OPENAI,
    PICTURE,
    STYLEGAN2,
    STYLEGAN_XL,
)
from ..graph import GraphBuilder, Link, Recipe
from ..rows import ROWS, sweep, usual

__all__ = ["RECIPES"]

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
NAMES = {
    **{BIGGAN: "biggan", STYLEGAN2: "faces", STYLEGAN_XL: "xl", NVAE_FFHQ: "nvae_faces"},
    **{OPENAI: "clip", LAION: "laion"},
}
"""Parts of the names of the pairs, by file; workflows with the same models share their pairs."""


class _Official(GraphBuilder):
    """Graph with the models and the numbers of a row.

    Args:
        row: id in the table of the papers' numbers.
        clip: file of the CLIP. captioner: its file, if f is the embedding of a caption; otherwise
            f is the CLIP.
    """

    def __init__(self, row: str, clip: str, captioner: str) -> None:
        # Captions here are the likeliest ones.
        super().__init__({k: v for k, v in usual(row).items() if k != "CaptionAuxModel"})
        self.row, self.clip, self.captioner = row, clip, captioner
        self.load(auxiliary=clip)

    def started(self, condition: Link, **start: object) -> Link:
        """Draws by a translator that the graph trains on kept pairs, or from the prior."""
        if "PriorInit" in ROWS[self.row].nodes:
            return self.add("PriorInit", condition=condition)
        auxiliary = self.models["auxiliary"]
        if self.captioner:
            captioner = self.add("LoadAuxModel", "Load captioner", file=self.captioner)
            auxiliary = self.add("CaptionAuxModel", captioner=captioner, clip=auxiliary)
        file = str(self.usual["LoadGenerator"]["file"])
        parts = [NAMES[file], NAMES[self.clip]]
        name = "_".join([*parts, "captions"] if self.captioner else parts)
        count = self.usual["TrainTranslator"]["pairs"]
        # B.3: as many of each class of ImageNet.
        balanced = file in (BIGGAN, STYLEGAN_XL)
        pairs = self.add(
            "SynthesisePairs", auxiliary=auxiliary, count=count, name=name, balanced=balanced
        )
        translator = self.add(
            "TrainTranslator", auxiliary=auxiliary, synthesised=pairs, heads="paper"
        )
        return self.add("TranslatorInit", translator=translator, condition=condition, **start)

    def refined(self, start: Link, energy: Link, **steps: int) -> Link:
        """Refines by Langevin dynamics, with Adam on the weights of a basis."""
        title = f"{steps.get('steps') or self.usual['LangevinRefine']['steps']} steps"
        return self.add("LangevinRefine", title, start=start, energy=energy, **steps)


def _text(
    recipe: Recipe,
    *,
    prompts: str = SCENES,
    clip: str = OPENAI,
    captioner: str = BLIP,
    mode: str = "",
    stacked: bool = False,
) -> GraphBuilder:
    """Graph of images by text; `stacked` those after each of the row's numbers of steps."""
    (row,) = recipe.rows[:1] or recipe.like
    graph = _Official(row, clip, captioner)
    condition = graph.add("TextCondition", prompts=prompts)
    energy = graph.add("EnergyCLIP", condition=condition)
    if mode:  # and no other input of the start in the row
        graph.usual = {k: v for k, v in graph.usual.items() if k != "TranslatorInit"}
    start = graph.started(condition, **({"mode": mode} if mode else {}))
    if stacked:
        later = latents = start
        for steps in sweep(row, "LangevinRefine", "steps"):
            later = graph.refined(start, energy, steps=steps)
            latents = graph.add("StackLatents", first=latents, second=later)
    else:
        later = latents = graph.refined(start, energy)
    graph.curves(later)
    graph.decoded(recipe.id, latents, prompts.count("\n") + 1)
    return graph


def _image(recipe: Recipe) -> GraphBuilder:
    graph = _Official(recipe.rows[0], OPENAI, "")
    given = graph.add("LoadImage", "What is given", image=PICTURE)
    condition = graph.add("ImageCondition", images=given, samples_per_image=4)
    energy = graph.add("EnergyCLIP", condition=condition)
    latents = graph.refined(graph.started(condition), energy)
    graph.curves(latents)
    graph.decoded(recipe.id, latents, 4)
    return graph


def _interpolation(recipe: Recipe) -> GraphBuilder:
    graph = _Official(recipe.rows[0], OPENAI, "")
    ends = [
        graph.add("ImageCondition", images=graph.add("LoadImage", title, image=PICTURE))
        for title in ("The first picture", "The second picture")
    ]
    condition = graph.add("InterpolateConditions", first=ends[0], second=ends[1], frames=8)
    energy = graph.add("EnergyCLIP", condition=condition)
    latents = graph.refined(graph.started(condition), energy)
    graph.curves(latents)
    graph.decoded(recipe.id, latents, 8)
    return graph


MEANT = "New pictures with the same meaning for CLIP as a given one: c = f(x'), figures 7 and 14."
BETWEEN = (
    "Eight steps from the meaning of one picture to that of another in CLIP's space (slerp), "
    "from the mode. Choose two pictures; a **Text Condition** can replace either."
)
_biggan = partial(Recipe, task="Draw ImageNet's things by text with a trained translator")
_xl = partial(Recipe, task="Draw ImageNet's things by text with StyleGAN-XL")
_by_xl = partial(_text, clip=LAION, captioner=BLIP2)
RECIPES = (
    _biggan(
        "tr0n_biggan_text",
        ("t19", "t25"),
        "BigGAN by text",
        "Pictures of what a text says. f is the CLIP embedding of BLIP's caption; the mixture's "
        "means and weights are refined together, from its mean (equation 5). It is *GMM* of "
        "figure 8.",
        _text,
    ),
    _biggan(
        "tr0n_biggan_text_image",
        ("t20",),
        "BigGAN by text, f the image's embedding",
        "The translator is trained on image embeddings with noise (gamma 0.2) to bridge the gap "
        "to texts.",
        partial(_text, captioner=""),
    ),
    _xl(
        "tr0n_xl_text",
        ("t21",),
        "StyleGAN-XL by text",
        "Steers w, in StyleGAN-XL's space W, with BLIP-2 and LAION's CLIP.",
        _by_xl,
    ),
    _biggan(
        "tr0n_biggan_text_no_translator",
        ("t22", "t28"),
        "BigGAN by text without translator",
        "The ablation *no T* (no translator): Langevin dynamics from the prior, in figures 5 and "
        "8.",
        _text,
    ),
    _biggan(
        "tr0n_biggan_text_mixture",
        (),
        "BigGAN by text, a sample of the mixture",
        "Algorithm 2 with M = 1: a sample of the translator is refined directly, whereas the "
        "paper refines the mixture's means and weights (the workflow *tr0n_biggan_text*). The "
        "paper has no such setup.",
        partial(_text, mode="sample"),
        like=("t19",),
    ),
    _biggan(
        "tr0n_biggan_text_flow",
        ("t26",),
        "BigGAN by text, a flow as translator",
        "The ablation *NF* (normalising flow) of figure 8: a sample of the flow is refined. The "
        "paper does not state the flow's transforms; three of rational-quadratic splines with 8 "
        "bins are used here. Needs `pip install zuko`.",
        _text,
    ),
    _biggan(
        "tr0n_biggan_text_deterministic",
        ("t27",),
        "BigGAN by text, deterministic translator",
        "The ablation *DT* (deterministic translator) of figure 8: one start per prompt.",
        _text,
    ),
    Recipe(
        "tr0n_faces_text",
        ("t29",),
        "StyleGAN2 faces by text",
        "Faces that match a text. w is steered, in StyleGAN2's space W; the translator is trained "
        "on image embeddings with noise (gamma 0.2), to bridge the gap to texts.",
        partial(_text, prompts=FACES, captioner=""),
        task="Draw faces by text with a trained translator",
    ),
    Recipe(
        "tr0n_nvae_faces_text",
        ("t30",),
        "NVAE faces by text",
        "Faces that match a text, of a variational autoencoder. The first group of its latents is "
        "steered; the next seven take their means, and the rest are drawn for every image, so "
        "that the energy is of one draw in each step, as in the paper.",
        partial(_text, prompts=FACES, captioner=""),
        task="Draw faces by text with a trained translator",
    ),
    _biggan(
        "tr0n_biggan_failures",
        ("t36",),
        "BigGAN by text: failures",
        "Figure 10: writing, crowds, relations, typing errors and counting are beyond the "
        "generator or the CLIP.",
        partial(_text, prompts=FAILING),
    ),
    _xl(
        "tr0n_xl_out_of_domain",
        ("t37",),
        "StyleGAN-XL by text: out of domain",
        "Figure 11: prompts that no class of ImageNet shows, uncurated.",
        partial(_by_xl, prompts=STRANGE),
    ),
    _biggan(
        "tr0n_biggan_laion",
        ("t38",),
        "BigGAN by text with LAION's CLIP",
        "As in the released scripts: image embeddings with noise (gamma 0.5).",
        partial(_text, clip=LAION, captioner=""),
    ),
    Recipe(
        "tr0n_biggan_image",
        ("t31",),
        "BigGAN by an image's meaning",
        MEANT,
        _image,
        task="Draw new pictures with the meaning of a picture",
    ),
    Recipe(
        "tr0n_faces_image",
        ("t32",),
        "StyleGAN2 faces by an image's meaning",
        MEANT,
        _image,
        task="Draw new faces with the meaning of a picture",
    ),
    Recipe(
        "tr0n_faces_interpolation",
        ("t33",),
        "StyleGAN2 faces between two meanings",
        BETWEEN,
        _interpolation,
        task="Interpolate between what two pictures mean",
    ),
    Recipe(
        "tr0n_biggan_interpolation",
        ("t34",),
        "BigGAN between two meanings",
        BETWEEN,
        _interpolation,
        task="Interpolate between what two pictures mean",
    ),
    _biggan(
        "tr0n_biggan_evolution",
        ("t35",),
        "BigGAN: how a sample evolves",
        "Figure 9: the same samples after 0 to 500 steps, a row each.",
        partial(_text, stacked=True),
    ),
    _biggan(
        "tr0n_biggan_budget",
        ("t24",),
        "BigGAN by text: the budget",
        "Figure 5's sweep of the number of steps T, from 0 to 500, a row each, with f of a "
        "caption (figure 5 has f of the image as well); its times were taken on a TITAN RTX.",
        partial(_text, stacked=True),
    ),
)
