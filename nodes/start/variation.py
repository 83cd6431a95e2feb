"""Variation Init: latents near given ones."""

from ...core.chunking import ChunkMode
from ...core.energy import Energy
from ...core.generator import Generator
from ...core.latents import Latents
from ...core.rng import SampleRng
from ...core.starts.variation import variations
from ..help import Help
from ..host import io
from ..sockets import GENERATOR, LATENTS
from ..widgets import candidates, chunk, seed
from ..work import working
from .widgets import chosen_by, latents

__all__ = ["VariationInit"]


class VariationInit(io.ComfyNode):
    """Samples near given ones."""

    HELP = Help(
        about=(
            "Draws of the prior, mixed with what is given: small variations keep most of an "
            "image. Many candidates with an energy find variations that match a text, where "
            "a gradient alone stays near its start. `towards` helps with what is rare among "
            "them: half of the candidates then mix in latents that show it already."
        ),
        example=(
            "Image to Latents into `near`, an Energy CLIP of an Average Conditions (the "
            "image, and the text twice) into `energy`, a Prior Init with an Energy CLIP of "
            "the text alone into `towards`, `candidates` = 600; then KRR Flow Refine."
        ),
    )

    @classmethod
    def define_schema(cls) -> io.Schema:
        schema = io.Schema(
            node_id="LatentSteer_VariationInit",
            display_name="Variation Init",
            category="LatentSteer/initialise",
            description="Latents near given ones: variations of an image, among which an energy "
            "may choose the start of an edit.",
            inputs=[
                GENERATOR.Input("generator", tooltip="The generator of the latents."),
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
                    tooltip="How far from the latents (0.01 to 1); with 1 nothing of them "
                    "remains.",
                ),
                io.Float.Input(
                    "spread",
                    default=0.0,
                    min=0.0,
                    max=1.0,
                    step=0.01,
                    tooltip="Share of the variation by which candidates may be nearer (0 to 1): "
                    "each has its own variation, between this share less and the whole.",
                ),
                candidates(),
                LATENTS.Input(
                    "towards",
                    optional=True,
                    tooltip="Latents to mix in, such as the prior's best for a text: about "
                    "every second candidate is mixed with one of them instead of a draw "
                    "of the prior.",
                ),
                chosen_by(),
                chunk(),
            ],
            outputs=[latents("The variations, those of one latent consecutive.")],
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
        count = len(near) * samples_per_latent
        with working("Variation Init", candidates, generator, energy, chunk=chunk) as work:
            start = variations(
                near,
                generator,
                SampleRng.of(seed, count, "variation"),
                variation=variation,
                spread=spread,
                towards=towards,
                energy=energy,
                candidates=candidates,
                chunking=work.chunking,
                device=work.device,
                report=work.report,
            )
        return io.NodeOutput(Latents.of(start, generator))
