"""Best Latents: the best of many seeds."""

from ...core.chunking import Chunking, ChunkMode
from ...core.energy import Energy
from ...core.generator import Generator
from ...core.latents import Latents
from ...core.starts.ranking import ranked
from ..host import autograd, host, io
from ..sockets import ENERGY, GENERATOR, LATENTS
from ..widgets import chunk, seed

__all__ = ["NODES"]


class BestLatents(io.ComfyNode):
    """The samples of lowest energy."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        """Name, inputs and outputs."""
        schema = io.Schema(
            node_id="LatentSteer_BestLatents",
            display_name="Best Latents",
            category="LatentSteer/latents",
            description="The samples of lowest energy: make many seeds, keep the best, as "
            "FuseDream's users do with AugCLIP.",
            inputs=[
                GENERATOR.Input("generator", tooltip="The generator that the latents belong to."),
                LATENTS.Input("batch", display_name="latents", tooltip="The candidates."),
                ENERGY.Input("energy", tooltip="What they are judged by."),
                seed("random energies", control=False),
                io.Int.Input(
                    "keep",
                    default=1,
                    min=1,
                    max=100000,
                    tooltip="How many to keep of every group (1 to 100000), the best first.",
                ),
                io.Int.Input(
                    "groups",
                    default=1,
                    min=1,
                    max=100000,
                    tooltip="Equal parts of the batch, side by side, such as the prompts (1 to "
                    "100000); each keeps its own best.",
                ),
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
        """Judges all and picks."""
        with autograd(), host().on_device((*generator.modules, *energy.modules)):
            found = ranked(
                batch,
                generator,
                energy,
                seed=seed,
                groups=groups,
                keep=keep,
                chunking=Chunking.of(chunk, generator.image_size),
                device=host().device(),
            )
            picked = batch.picked(found.rows)
        shown = zip(found.rows, found.energies.tolist(), strict=True)
        lines = "\n".join(f"sample {row}: energy {value:.4f}" for row, value in shown)
        return io.NodeOutput(picked, ui={"text": (lines,)})


NODES = [BestLatents]
