"""Where refinement starts: Prior Init, Variation Init and Translator Init."""

from ...core.charts import WeightKind
from ...core.chunking import Chunking, ChunkMode
from ...core.condition import Condition
from ...core.energy import Energy
from ...core.generator import Generator
from ...core.latents import Latents
from ...core.rng import SampleRng
from ...core.starts.candidates import StartMode, from_prior, from_translator
from ...core.starts.search import evaluations
from ...core.starts.variation import variations
from ...core.translators.translator import Translator
from ..host import autograd, host, io, running
from ..sockets import CONDITION, ENERGY, GENERATOR, LATENTS, TRANSLATOR
from ..widgets import advanced, candidates, chunk, generations, seed

__all__ = ["NODES"]


def _samples(text: str) -> io.Int.Input:
    return io.Int.Input(
        "samples",
        default=8,
        min=1,
        max=100000,
        tooltip=f"How many samples (1 to 100000){text}",
    )


def _energy() -> io.Input:
    return ENERGY.Input(
        "energy",
        optional=True,
        tooltip="What the best candidate is chosen by; needed when there are several.",
    )


class PriorInit(io.ComfyNode):
    """Samples of the prior."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        """Name, inputs and outputs."""
        schema = io.Schema(
            node_id="LatentSteer_PriorInit",
            display_name="Prior Init",
            category="LatentSteer/initialise",
            description="Latents drawn from the generator's prior: what it makes by itself.",
            inputs=[
                GENERATOR.Input("generator", tooltip="Whose latents to draw."),
                seed("the draws"),
                _samples("; a condition with several rows decides instead."),
                candidates(),
                CONDITION.Input(
                    "condition", optional=True, tooltip="Draws one latent for each of its rows."
                ),
                _energy(),
                chunk(),
                generations(),
            ],
            outputs=[
                LATENTS.Output(
                    "latents", display_name="latents", tooltip="The latents, one per sample."
                )
            ],
        )
        schema.search_aliases = ["random", "sample"]
        return schema

    @classmethod
    def execute(
        cls,
        generator: Generator,
        seed: int,
        samples: int,
        candidates: int,
        chunk: ChunkMode,
        condition: Condition | None = None,
        energy: Energy | None = None,
        generations: int = 0,
    ) -> io.NodeOutput:
        """The best of the candidates."""
        count = len(condition) if condition is not None and len(condition) > 1 else samples
        modules = energy.modules if energy is not None else ()
        devices = host().on_device((*generator.modules, *modules))
        judged = evaluations(candidates, generations)
        with autograd(), devices, running(judged, "Prior Init") as bar:
            start = from_prior(
                generator,
                SampleRng.of(seed, count, "prior"),
                energy=energy,
                candidates=candidates,
                generations=generations,
                chunking=Chunking.of(chunk, generator.image_size),
                device=host().device(),
                report=bar.update,
            )
        return io.NodeOutput(Latents.of(start, generator))


class VariationInit(io.ComfyNode):
    """Samples about given ones."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        """Name, inputs and outputs."""
        schema = io.Schema(
            node_id="LatentSteer_VariationInit",
            display_name="Variation Init",
            category="LatentSteer/initialise",
            description="Latents about given ones: variations of an image, of which an energy may "
            "choose those that an edit begins from.",
            inputs=[
                GENERATOR.Input("generator", tooltip="Whose latents they are."),
                LATENTS.Input("near", tooltip="The latents to vary, such as Image to Latents'."),
                seed("the draws"),
                io.Int.Input(
                    "samples_per_latent",
                    default=4,
                    min=1,
                    max=1000,
                    tooltip="Variations of each of the latents (1 to 1000).",
                ),
                io.Float.Input(
                    "variation",
                    default=0.6,
                    min=0.01,
                    max=1.0,
                    step=0.01,
                    tooltip="How far from the latents (0.01 to 1); with 1 none of them is left.",
                ),
                io.Float.Input(
                    "spread",
                    default=0.0,
                    min=0.0,
                    max=1.0,
                    step=0.01,
                    tooltip="By what share of the variation candidates may be nearer (0 to 1): "
                    "each has its own, between the variation less this share and the whole.",
                ),
                candidates(),
                LATENTS.Input(
                    "towards",
                    optional=True,
                    tooltip="Latents to mix in, such as the prior's best for a text: every second "
                    "candidate or so goes towards one of them, not towards a draw of the prior.",
                ),
                _energy(),
                chunk(),
            ],
            outputs=[
                LATENTS.Output(
                    "latents",
                    display_name="latents",
                    tooltip="The variations, those of one latent side by side.",
                )
            ],
        )
        schema.search_aliases = ["edit", "neighbours", "perturb", "seeds"]
        return schema

    @classmethod
    def execute(
        cls,
        generator: Generator,
        near: Latents,
        seed: int,
        samples_per_latent: int,
        variation: float,
        spread: float,
        candidates: int,
        chunk: ChunkMode,
        towards: Latents | None = None,
        energy: Energy | None = None,
    ) -> io.NodeOutput:
        """The best of the candidates."""
        count = len(near) * samples_per_latent
        modules = energy.modules if energy is not None else ()
        devices = host().on_device((*generator.modules, *modules))
        with autograd(), devices, running(candidates, "Variation Init") as bar:
            start = variations(
                near,
                generator,
                SampleRng.of(seed, count, "variation"),
                variation=variation,
                spread=spread,
                towards=towards,
                energy=energy,
                candidates=candidates,
                chunking=Chunking.of(chunk, generator.image_size),
                device=host().device(),
                report=bar.update,
            )
        return io.NodeOutput(Latents.of(start, generator))


class TranslatorInit(io.ComfyNode):
    """Samples of a translator."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        """Name, inputs and outputs."""
        schema = io.Schema(
            node_id="LatentSteer_TranslatorInit",
            display_name="Translator Init",
            category="LatentSteer/initialise",
            description="Latents from a translator q(z given c): TR0N algorithm 2, section 3.4.",
            inputs=[
                TRANSLATOR.Input(
                    "translator", tooltip="Trained for this generator and auxiliary."
                ),
                GENERATOR.Input("generator", tooltip="Whose latents they are."),
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
                _samples(" where the condition has one row; else its rows decide."),
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
                _energy(),
                chunk(),
                generations(),
            ],
            outputs=[
                LATENTS.Output(
                    "latents", display_name="latents", tooltip="The latents, one per sample."
                )
            ],
        )
        schema.search_aliases = ["TR0N"]
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
        """The start that the mode names."""
        count = len(condition) if len(condition) > 1 else samples
        modules = energy.modules if energy is not None else ()
        devices = host().on_device((*generator.modules, translator, *modules))
        judged = evaluations(candidates, generations)
        with autograd(), devices, running(judged, "Translator Init") as bar:
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
                chunking=Chunking.of(chunk, generator.image_size),
                report=bar.update,
            )
        return io.NodeOutput(Latents.of(start, generator))


NODES = [PriorInit, VariationInit, TranslatorInit]
