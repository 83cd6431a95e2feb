"""CMA-ES Refine: evolutionary search, optionally with gradient steps of each member."""

from ...core.chunking import ChunkMode
from ...core.energy import Energy
from ...core.generator import Generator
from ...core.latents import Latents
from ...core.refine.first_order import FirstOrder
from ...core.refine.rules import Adam
from ..help import Help
from ..host import io
from ..running import (
    outputs,
    preview_every,
    refined_output,
    resume_widget,
    run_refinement,
)
from ..sockets import ENERGY, GENERATOR, LATENTS
from ..widgets import advanced, chunk, seed

__all__ = ["CMAESRefine"]


def _widgets() -> list[io.Input]:
    return [
        io.Int.Input(
            "steps",
            default=30,
            min=1,
            max=100000,
            tooltip="Generations (1 to 100000).",
        ),
        io.Int.Input(
            "population",
            default=0,
            min=0,
            max=10000,
            tooltip="Members of a generation (0 to 10000): 0 for 4 + 3 log(numbers in a latent), "
            "else at least 4. Each costs an evaluation of the energy.",
        ),
        io.Float.Input(
            "sigma",
            default=0.5,
            min=1e-6,
            max=100.0,
            step=0.01,
            round=False,
            tooltip="Standard deviation of the first generation around the start, in latent units "
            "(1e-6 to 100).",
        ),
        io.Int.Input(
            "inner_steps",
            default=0,
            min=0,
            max=10000,
            tooltip="Steps of Adam that each member makes before it is evaluated (0 to 10000). "
            "0 is CMA-ES, more is BasinCMA.",
        ),
        advanced(
            io.Float.Input(
                "inner_rate",
                default=0.05,
                min=1e-9,
                max=10.0,
                step=1e-3,
                round=False,
                tooltip="Learning rate of those steps, in latent units (1e-9 to 10).",
            )
        ),
    ]


class CMAESRefine(io.ComfyNode):
    """Refinement by CMA-ES or BasinCMA."""

    HELP = Help(
        about=(
            "Each generation of a sample is drawn from a distribution adapted to the last "
            "ones, all members are evaluated in one batch, and the sample is the best of "
            "them. A step costs `population` "
            "evaluations, times one more for every inner step. All coordinates start with "
            "one `sigma`: start from Prior Init or Plain Latents, not from a basis. Above "
            "512 coordinates only variances are adapted."
        ),
        example=(
            "`inner_steps` = 30 is BasinCMA: each member descends by Adam before it is evaluated."
        ),
    )

    @classmethod
    def define_schema(cls) -> io.Schema:
        schema = io.Schema(
            node_id="LatentSteer_CMAESRefine",
            display_name="CMA-ES Refine",
            category="LatentSteer/refine",
            description="Evolution of each sample by CMA-ES, without gradients, or by BasinCMA, "
            "FuseDream's comparison (figure 17).",
            inputs=[
                GENERATOR.Input("generator", tooltip="The generator that the latents belong to."),
                LATENTS.Input(
                    "start",
                    display_name="latents",
                    tooltip="Where to start, or an interrupted run.",
                ),
                ENERGY.Input(
                    "energy", tooltip="What to lower. Without inner steps it needs no gradient."
                ),
                seed("the generations and of random energies"),
                *_widgets(),
                chunk(),
                preview_every(),
                advanced(
                    io.Boolean.Input(
                        "keep_best",
                        default=True,
                        tooltip="End each sample at its point of lowest energy. Off: "
                        "at the best of the last generation.",
                    )
                ),
                resume_widget(),
            ],
            outputs=outputs(),
        )
        schema.search_aliases = ["BasinCMA", "evolution", "gradient-free", "FuseDream"]
        return schema

    @classmethod
    def execute(
        cls,
        generator: Generator,
        start: Latents,
        energy: Energy,
        seed: int,
        steps: int,
        population: int,
        sigma: float,
        inner_steps: int,
        inner_rate: float,
        chunk: ChunkMode,
        preview_every: int,
        keep_best: bool,
        resume: bool,
    ) -> io.NodeOutput:
        from ...core.refine.cma_es import CmaEs

        inner = FirstOrder(Adam(learning_rate=inner_rate))
        found = run_refinement(
            "CMA-ES Refine",
            CmaEs(population, sigma, inner_steps, inner),
            generator=generator,
            start=start,
            energy=energy,
            seed=seed,
            steps=steps,
            clamp=True,
            keep_best=keep_best,
            chunk=chunk,
            preview_every=preview_every,
            resume=resume,
        )
        return refined_output(*found)
