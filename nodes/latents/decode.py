"""Decode: latents to images."""

from ...core.chunking import ChunkMode
from ...core.devices import threads_of
from ...core.generator import Generator
from ...core.latents import Latents, decode
from ..help import Help
from ..host import io
from ..images import to_host
from ..sockets import GENERATOR, LATENTS
from ..widgets import chunk
from ..work import working

__all__ = ["Decode"]


class Decode(io.ComfyNode):
    """Images of latents."""

    HELP = Help(
        about=(
            "Makes images for any node of the host, such as Save Image. Grey images get "
            "three equal channels."
        ),
        example="Langevin Refine into Decode into Image Grid into Save Image.",
    )

    @classmethod
    def define_schema(cls) -> io.Schema:
        schema = io.Schema(
            node_id="LatentSteer_Decode",
            display_name="Decode",
            category="LatentSteer/latents",
            description="The images of latents, G(z).",
            inputs=[
                GENERATOR.Input("generator", tooltip="The generator that the latents belong to."),
                LATENTS.Input("latents", tooltip="What to show."),
                chunk(),
            ],
            outputs=[
                io.Image.Output(
                    "images", display_name="images", tooltip="One image per sample, in [0, 1]."
                )
            ],
        )
        schema.search_aliases = ["decode latents", "latents to images", "generate"]
        return schema

    @classmethod
    def execute(cls, generator: Generator, latents: Latents, chunk: ChunkMode) -> io.NodeOutput:
        latents.check_generator(generator)
        with working("Decode", len(latents), generator, chunk=chunk) as work:
            threads = threads_of(generator, None, work.chunking, work.device)
            with threads:
                images = decode(latents, generator, work.chunking, work.device, report=work.report)
            return io.NodeOutput(to_host(images))
