"""Translator Init: draws of a translator."""

from ...core.charts import WeightKind
from ...core.chunking import ChunkMode
from ...core.condition import Condition
from ...core.energy import Energy
from ...core.generator import Generator
from ...core.latents import Latents
from ...core.rng import SampleRng
from ...core.starts.candidates import StartMode, from_translator
from ...core.starts.search import evaluations
from ...core.translators.translator import Translator
from ..help import Help
from ..host import io
from ..sockets import CONDITION, GENERATOR, TRANSLATOR
from ..widgets import advanced, candidates, chunk, generations, seed
from ..work import working
from .widgets import chosen_by, latents, samples_of
from .widgets import samples as samples_widget

__all__ = ["TranslatorInit"]


class TranslatorInit(io.ComfyNode):
    """Draws of a translator."""

    HELP = Help(
        about=(
            "Draws starts that already match the condition, so that refinement needs few steps. "
            "With `mode` = sample and `candidates` above 1, connect the energy that "
            "chooses. Candidates rarely match a prompt of many constraints: `generations` "
            "continue from the best tenth, drawn from the normal distribution with their "
            "means and deviations (the cross-entropy method)."
        ),
        example=(
            "`mode` = sample, `candidates` = 5, then 25 steps of Langevin Refine: the "
            "paper's best row for classes."
        ),
    )

    @classmethod
    def define_schema(cls) -> io.Schema:
        schema = io.Schema(
            node_id="LatentSteer_TranslatorInit",
            display_name="Translator Init",
            category="LatentSteer/initialise",
            description="Latents from a translator q(z given c): TR0N algorithm 2, section 3.4.",
            inputs=[
                TRANSLATOR.Input(
                    "translator", tooltip="Trained for this generator and auxiliary."
                ),
                GENERATOR.Input("generator", tooltip="The generator of the latents."),
                CONDITION.Input("condition", tooltip="What to steer to, a row per sample."),
                seed("the draws"),
                io.Combo.Input(
                    "mode",
                    options=["sample", "mean", "mode", "basis"],
                    default="sample",
                    tooltip="sample: draws, the best of the candidates. mean: the mixture's mean. "
                    "mode: the heaviest component's mean. basis: the mixture's weights and means "
                    "themselves, refined together (equation 5).",
                ),
                candidates(),
                samples_widget(" where the condition has one row; else its rows decide."),
                advanced(
                    io.Combo.Input(
                        "weights",
                        options=["linear", "softmax", "scalar"],
                        default="linear",
                        tooltip="The weights of a basis, which begin as the mixture's. linear: a "
                        "number per mean and coordinate, as in the paper (appendix B.1). softmax: "
                        "logits per mean and coordinate, as in the released code. scalar: a "
                        "number per mean.",
                    )
                ),
                chosen_by(),
                chunk(),
                generations(),
            ],
            outputs=[latents()],
        )
        schema.search_aliases = ["TR0N", "start from text", "amortised start"]
        return schema

    @classmethod
    def execute(
        cls,
        translator: Translator,
        generator: Generator,
        condition: Condition,
        seed: int,
        mode: StartMode,
        candidates: int,
        samples: int,
        weights: WeightKind,
        chunk: ChunkMode,
        energy: Energy | None = None,
        generations: int = 0,
    ) -> io.NodeOutput:
        count = samples_of(condition, samples)
        total, models = evaluations(candidates, generations), (generator, translator, energy)
        with working("Translator Init", total, *models, chunk=chunk) as work:
            start = from_translator(
                translator,
                generator,
                condition,
                SampleRng.of(seed, count, "translator"),
                mode=mode,
                energy=energy,
                candidates=candidates,
                generations=generations,
                weights=weights,
                chunking=work.chunking,
                report=work.report,
            )
        return io.NodeOutput(Latents.of(start, generator))
