"""Snap to Codes: latents of a discrete VAE as the nearest codes."""

from ...core.energies.codebook import nearest_codes
from ...core.generator import Generator
from ...core.latents import Latents
from ..help import Help
from ..host import autograd, io
from ..sockets import GENERATOR, LATENTS

__all__ = ["SnapToCodes"]


class SnapToCodes(io.ComfyNode):
    """The nearest codes."""

    HELP = Help(
        about=(
            "Refiners move the features of a discrete VAE continuously. This node replaces the "
            "feature at each place by that of the nearest code, so that the result is a latent of "
            "the VAE itself: the last step of KRR flow's two stages."
        ),
        example="KRR Flow Refine twice, all places and then by rows, into this node, into Decode.",
    )

    @classmethod
    def define_schema(cls) -> io.Schema:
        schema = io.Schema(
            node_id="LatentSteer_SnapToCodes",
            display_name="Snap to Codes",
            category="LatentSteer/latents",
            description="Replaces the features of a discrete VAE by those of the nearest codes.",
            inputs=[
                GENERATOR.Input("generator", tooltip="A discrete VAE, such as DALL-E's."),
                LATENTS.Input("batch", display_name="latents", tooltip="Its latents."),
            ],
            outputs=[
                LATENTS.Output(
                    "latents",
                    display_name="latents",
                    tooltip="The same samples at the nearest codes.",
                )
            ],
        )
        schema.search_aliases = ["quantise", "VQ", "dVAE", "DALL-E"]
        return schema

    @classmethod
    def execute(cls, generator: Generator, batch: Latents) -> io.NodeOutput:
        batch.check_generator(generator)
        with autograd():
            plain = batch.plain()
            return io.NodeOutput(plain.moved(nearest_codes(generator, plain.values)))
