"""Train Translator: learns q(z given c)."""

from collections.abc import Mapping
from dataclasses import replace
from typing import get_args

from ...core.auxiliary import Auxiliary
from ...core.chunking import ChunkMode
from ...core.generator import Generator
from ...core.pairs.pairs import Pairs
from ...core.translators.coordinates import Heads
from ...core.translators.noise import NoiseKind
from ...core.translators.recipes import RECIPES, Training
from ...core.translators.translator import KINDS, TranslatorKind
from ..help import Help
from ..host import autograd, io, ui
from ..kinds import as_auxiliary
from ..sockets import AUXILIARY, GENERATOR, PAIRS, TRANSLATOR
from ..widgets import advanced, chunk, seed
from .fitting import GivenOrDrawn, numbers_of, trained

__all__ = ["TrainTranslator"]

CUSTOM = "custom"
"""The recipe that the widgets state."""
PAPER, FAST = (numbers_of(RECIPES[name]) for name in ("paper", "fast"))


class TrainTranslator(io.ComfyNode):
    """Learns q(z given c)."""

    HELP = Help(
        about=(
            "Draws latents z, makes G(z), computes the auxiliary model's output, and learns "
            "to map the output back to latents. Training is repeated only when an input "
            "changes; Save Translator keeps the result. Given pairs, it trains on those. Cancel "
            "stops within a batch and keeps the unfinished training in "
            "`output/interrupted/trainings`: the same node continues it to the same translator, "
            "also in a new session, once it has drawn its pairs again; given pairs are there at "
            "once. A killed training loses a minute at most."
        ),
        example=(
            "With the digits, the defaults take about half a minute on a CPU. For a "
            "larger generator raise `pairs` and `hidden` first."
        ),
    )

    @classmethod
    def define_schema(cls) -> io.Schema:
        schema = io.Schema(
            node_id="LatentSteer_TrainTranslator",
            display_name="Train Translator",
            category="LatentSteer/train",
            description="Trains a translator on synthetic pairs (z, f(G(z))): TR0N Algorithm 1. "
            "Needs no data.",
            inputs=[
                GENERATOR.Input("generator", tooltip="The generator whose latents it outputs."),
                AUXILIARY.Input("auxiliary", tooltip="The model whose conditions it takes."),
                io.Int.Input(
                    "pairs",
                    default=20000,
                    min=16,
                    max=100_000_000,
                    tooltip="Synthetic pairs (16 to 1e8). The paper uses a million; 20000 are "
                    "enough for small models.",
                ),
                seed("the pairs, their order and the initial weights", control=False, streams=""),
                io.Combo.Input(
                    "kind",
                    options=list(KINDS),
                    default="mixture",
                    tooltip="mixture: a distribution over latents (equation 4). deterministic: a "
                    "single latent (equation 8), the paper's ablation. flow: a normalising flow "
                    "(figure 8), for Translator Init's mode sample alone; needs `pip install "
                    "zuko`.",
                ),
                io.Int.Input(
                    "epochs",
                    default=15,
                    min=1,
                    max=10000,
                    tooltip="Passes over the pairs (1 to 10000).",
                ),
                advanced(
                    io.Int.Input(
                        "components",
                        default=10,
                        min=1,
                        max=1000,
                        tooltip="Gaussians in the mixture, K in the paper (1 to 1000).",
                    )
                ),
                advanced(
                    io.Int.Input(
                        "hidden",
                        default=100,
                        min=1,
                        max=65536,
                        tooltip="Units of each hidden layer, H (1 to 65536): in the paper 100 "
                        "for classes, 2048 for text and images; 256 are enough for a "
                        "small CLIP.",
                    )
                ),
                advanced(
                    io.Int.Input(
                        "batch_size",
                        default=256,
                        min=1,
                        max=65536,
                        tooltip="Pairs per step (1 to 65536); the paper uses 16.",
                    )
                ),
                advanced(
                    io.Float.Input(
                        "learning_rate",
                        default=1e-3,
                        min=1e-8,
                        max=1.0,
                        step=1e-5,
                        round=False,
                        tooltip="Learning rate of Adam, annealed to 0 (1e-8 to 1); the paper "
                        "uses 1e-4.",
                    )
                ),
                advanced(
                    io.Float.Input(
                        "initial_std",
                        default=1.0,
                        min=1e-4,
                        max=100.0,
                        step=0.01,
                        tooltip="The mixture's standard deviation before training (0.0001 to "
                        "100). The paper's 0.01 needs its million pairs.",
                    )
                ),
                advanced(
                    io.Float.Input(
                        "condition_noise",
                        default=0.0,
                        min=0.0,
                        max=100.0,
                        step=0.05,
                        tooltip="Standard deviation of the noise on conditions, fresh in every "
                        "batch (0 to 100): gamma of equation 12. The paper: 0.2 if "
                        "pairs come from CLIP's images and prompts are texts, else 0.",
                    )
                ),
                chunk(),
                PAIRS.Input(
                    "synthesised",
                    optional=True,
                    tooltip="Pairs of these models, from Synthesise Pairs or Load Pairs. None are "
                    "drawn here then, and `pairs` has no effect.",
                ),
                io.Combo.Input(
                    "recipe",
                    options=[CUSTOM, *RECIPES],
                    default=CUSTOM,
                    tooltip="custom: the widgets decide. The others replace `epochs`, "
                    f"`batch_size`, `learning_rate` and `initial_std`. paper: {PAPER}, the loss "
                    "times 1e-4, and no limit of the gradient, as in TR0N's appendix B.1; it "
                    "needs a million pairs. "
                    f"fast: {FAST}; for tens of thousands of pairs.",
                ),
                advanced(
                    io.Combo.Input(
                        "heads",
                        options=list(get_args(Heads)),
                        default="plain",
                        tooltip="plain: all coordinates of the latent are drawn, without bounds. "
                        "paper: class blocks are regressed and bounded blocks stay in their "
                        "bounds, as in TR0N's appendix B for BigGAN; the same as plain for "
                        "generators without either.",
                    )
                ),
                advanced(
                    io.Boolean.Input(
                        "resume",
                        default=True,
                        tooltip="Continue an interrupted training of the same models, pairs and "
                        "settings, to the same result. Off: start again.",
                    )
                ),
                advanced(
                    io.Combo.Input(
                        "noise_kind",
                        options=list(get_args(NoiseKind)),
                        default="isotropic",
                        tooltip="isotropic: the noise of `condition_noise` is equal in all "
                        "directions, as in the paper. covariance: it has the covariance of the "
                        "pairs' conditions, an option of TR0N's code, and `condition_noise` is "
                        "relative to their spread.",
                    )
                ),
            ],
            outputs=[
                TRANSLATOR.Output(
                    "translator", display_name="translator", tooltip="The trained translator."
                )
            ],
        )
        schema.search_aliases = ["TR0N", "train network", "mixture density network"]
        return schema

    @classmethod
    def execute(
        cls,
        generator: Generator,
        auxiliary: Auxiliary,
        pairs: int,
        seed: int,
        kind: TranslatorKind,
        epochs: int,
        components: int,
        hidden: int,
        batch_size: int,
        learning_rate: float,
        initial_std: float,
        condition_noise: float,
        chunk: ChunkMode,
        synthesised: Pairs | None = None,
        recipe: str = CUSTOM,
        heads: Heads = "plain",
        resume: bool = True,
        noise_kind: NoiseKind = "isotropic",
    ) -> io.NodeOutput:
        from ...core.translators.training import new_translator

        auxiliary = as_auxiliary(auxiliary)
        own = Training(epochs=epochs, batch_size=batch_size, learning_rate=learning_rate)
        chosen: Mapping[str, Training] = {CUSTOM: own, **RECIPES}
        noise = {"condition_noise": condition_noise, "noise_kind": noise_kind}
        training = replace(chosen[recipe], **noise)
        with autograd():
            translator = new_translator(
                generator,
                auxiliary,
                kind=kind,
                components=components,
                hidden=hidden,
                initial_std=initial_std,
                heads=heads,
                seed=seed,
            )
        made = GivenOrDrawn(generator, auxiliary, pairs, seed, synthesised)
        text = trained(translator, made, training, chunk, resume=resume)
        return io.NodeOutput(translator, ui=ui.PreviewText(text))
