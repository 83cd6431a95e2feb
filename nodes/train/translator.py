"""Train Translator: learns q(z given c)."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ...core.auxiliary import Auxiliary
from ...core.chunking import ChunkMode
from ...core.generator import Generator
from ...core.pairs.pairs import Pairs
from ...core.translators.translator import KINDS, Translator, TranslatorKind
from ..help import Help
from ..host import autograd, host, io, ui
from ..kinds import as_auxiliary
from ..sockets import AUXILIARY, GENERATOR, PAIRS, TRANSLATOR
from ..widgets import advanced, chunk, seed
from ..work import Work, working

if TYPE_CHECKING:
    from ...core.translators.training import Training

__all__ = ["TrainTranslator"]


class TrainTranslator(io.ComfyNode):
    """Learns q(z given c)."""

    HELP = Help(
        about=(
            "Draws latents z, makes G(z), computes the auxiliary model's output, and learns "
            "to map the output back to latents. Training is repeated only when an input "
            "changes; Save Translator keeps the result. Given pairs, it trains on those."
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
            ],
            outputs=[
                TRANSLATOR.Output(
                    "translator", display_name="translator", tooltip="The trained translator."
                )
            ],
        )
        schema.search_aliases = ["TR0N"]
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
    ) -> io.NodeOutput:
        from ...core.translators.training import Training, new_translator

        auxiliary = as_auxiliary(auxiliary)
        recipe = Training(
            epochs=epochs,
            batch_size=batch_size,
            learning_rate=learning_rate,
            condition_noise=condition_noise,
        )
        with autograd():
            translator = new_translator(
                generator,
                auxiliary,
                kind=kind,
                components=components,
                hidden=hidden,
                initial_std=initial_std,
                seed=seed,
            )
        made = _Pairs(generator, auxiliary, pairs, seed, synthesised)
        losses = _train(translator, made, recipe, chunk)
        text = f"{len(losses)} batches, loss {losses[0]:.4f} -> {losses[-1]:.4f}"
        return io.NodeOutput(translator, ui=ui.PreviewText(text))


@dataclass(frozen=True)
class _Pairs:
    """The pairs to train on: given ones, or `count` of the models."""

    generator: Generator
    auxiliary: Auxiliary
    count: int
    seed: int
    given: Pairs | None

    @property
    def models(self) -> tuple[Generator | Auxiliary, ...]:
        """What makes them."""
        return (self.generator, self.auxiliary) if self.given is None else ()

    @property
    def drawn(self) -> int:
        """How many are made."""
        return self.count if self.given is None else 0

    def __len__(self) -> int:
        return self.count if self.given is None else len(self.given)

    def made(self, work: Work) -> Pairs:
        """Returns them."""
        if self.given is not None:
            return self.given
        from ...core.pairs.synthesis import synthetic_pairs

        return synthetic_pairs(
            self.generator,
            self.auxiliary,
            self.count,
            seed=self.seed,
            chunking=work.chunking,
            device=work.device,
            report=work.report,
        )


def _train(
    translator: Translator, pairs: _Pairs, recipe: "Training", chunk: ChunkMode
) -> list[float]:
    """Makes the pairs, trains the translator in place, and returns the loss of every batch."""
    from ...core.translators.training import batches_of, fit_translator

    losses: list[float] = []
    total, size = pairs.drawn + batches_of(len(pairs), recipe), pairs.generator.image_size
    with working("Train Translator", total, *pairs.models, chunk=chunk, image_size=size) as work:

        def trained(done: int, loss: float) -> None:
            losses.append(loss)
            work.report(pairs.drawn + done)

        data = pairs.made(work)
        with host().on_device((translator,)):
            fit_translator(translator, data, recipe, seed=pairs.seed, report=trained)
    return losses
