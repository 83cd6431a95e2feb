"""Prior Init: draws of the generator's prior."""

from ...core.chunking import ChunkMode
from ...core.condition import Condition
from ...core.energy import Energy
from ...core.generator import Generator
from ...core.latents import Latents
from ...core.rng import SampleRng
from ...core.starts.candidates import from_prior
from ...core.starts.search import evaluations
from ..help import Help
from ..host import io
from ..sockets import CONDITION, GENERATOR
from ..widgets import candidates, chunk, generations, seed
from ..work import working
from .widgets import chosen_by, latents, samples_of
from .widgets import samples as samples_widget

__all__ = ["PriorInit"]


class PriorInit(io.ComfyNode):
    """Draws of the prior."""

    HELP = Help(
        about=(
            "These are latents as the generator was trained on. As a start for refinement it is "
            "TR0N's ablation without translator; with Decode alone it shows what the "
            "generator makes unsteered. Without a condition `samples` is their number. With "
            "`generations` the next candidates are drawn around the best tenth of the last, "
            "and so on."
        ),
        example="`candidates` = 5 with an energy: of five draws per sample the best is taken.",
    )

    @classmethod
    def define_schema(cls) -> io.Schema:
        schema = io.Schema(
            node_id="LatentSteer_PriorInit",
            display_name="Prior Init",
            category="LatentSteer/initialise",
            description="Latents drawn from the generator's prior: what it makes without "
            "steering.",
            inputs=[
                GENERATOR.Input("generator", tooltip="The generator whose latents to draw."),
                seed("the draws"),
                samples_widget("; a condition with several rows decides instead."),
                candidates(),
                CONDITION.Input(
                    "condition", optional=True, tooltip="Draws one latent for each of its rows."
                ),
                chosen_by(),
                chunk(),
                generations(),
            ],
            outputs=[latents()],
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
        count = samples_of(condition, samples)
        total = evaluations(candidates, generations)
        with working("Prior Init", total, generator, energy, chunk=chunk) as work:
            start = from_prior(
                generator,
                SampleRng.of(seed, count, "prior"),
                energy=energy,
                candidates=candidates,
                generations=generations,
                chunking=work.chunking,
                device=work.device,
                report=work.report,
            )
        return io.NodeOutput(Latents.of(start, generator))
