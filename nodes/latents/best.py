"""Best Latents: the best of many seeds."""

from ...core.chunking import ChunkMode
from ...core.energy import Energy
from ...core.generator import Generator
from ...core.latents import Latents
from ...core.starts.ranking import ranked
from ..help import Help
from ..host import io
from ..sockets import ENERGY, GENERATOR, LATENTS
from ..widgets import best_of_groups, chunk, seed
from ..work import working

__all__ = ["BestLatents"]


class BestLatents(io.ComfyNode):
    """The samples of lowest energy."""

    HELP = Help(
        about=(
            "Samples are cheap to draw and expensive to refine: make many, keep the best of "
            "every group (such as the rows of a prompt), and refine those. Random energies "
            "are drawn from each sample's own stream, so the order does not depend on the "
            "batch."
        ),
        example=(
            "Sixteen samples through ten steps of Langevin Refine, this node with `keep` = "
            "4, then fifty steps more."
        ),
    )

    @classmethod
    def define_schema(cls) -> io.Schema:
        schema = io.Schema(
            node_id="LatentSteer_BestLatents",
            display_name="Best Latents",
            category="LatentSteer/latents",
            description="The samples of lowest energy: make many seeds, keep the best, as "
            "FuseDream's users do with AugCLIP.",
            inputs=[
                GENERATOR.Input("generator", tooltip="The generator that the latents belong to."),
                LATENTS.Input("batch", display_name="latents", tooltip="The candidates."),
                ENERGY.Input("energy", tooltip="Ranks them."),
                seed("random energies", control=False),
                *best_of_groups(),
                chunk(),
            ],
            outputs=[
                LATENTS.Output(
                    "best",
                    display_name="latents",
                    tooltip="The best ones. Each keeps its random stream.",
                )
            ],
        )
        schema.search_aliases = ["best of seeds", "rank", "choose", "top-k"]
        return schema

    @classmethod
    def execute(
        cls,
        generator: Generator,
        batch: Latents,
        energy: Energy,
        seed: int,
        keep: int,
        groups: int,
        chunk: ChunkMode,
    ) -> io.NodeOutput:
        with working("Best Latents", 0, generator, energy, chunk=chunk) as work:
            found = ranked(
                batch,
                generator,
                energy,
                seed=seed,
                groups=groups,
                keep=keep,
                chunking=work.chunking,
                device=work.device,
            )
            picked = batch.picked(found.rows)
        shown = zip(found.rows, found.energies.tolist(), strict=True)
        lines = "\n".join(f"sample {row}: energy {value:.4f}" for row, value in shown)
        return io.NodeOutput(picked, ui={"text": (lines,)})
