"""Plain Latents: the weighted sum of a basis as plain latents."""

from ...core.latents import Latents
from ..help import Help
from ..host import autograd, io
from ..sockets import LATENTS

__all__ = ["PlainLatents"]


class PlainLatents(io.ComfyNode):
    """The weighted sum of a basis."""

    HELP = Help(
        about=(
            "Replaces a basis and its weights by their weighted sum. The image is the same; "
            "refiners then move the latents alone, and latents of bases of different sizes, "
            "or of none, can be stacked."
        ),
        example="Basis Init with `keep` = 5 into this node: one latent per sample, their mean.",
    )

    @classmethod
    def define_schema(cls) -> io.Schema:
        schema = io.Schema(
            node_id="LatentSteer_PlainLatents",
            display_name="Plain Latents",
            category="LatentSteer/latents",
            description="The weighted sums of a basis as the generator's own latents, so that "
            "they stack with others or are refined without over-parametrisation.",
            inputs=[
                LATENTS.Input(
                    "batch", display_name="latents", tooltip="Latents of a basis, or plain ones."
                )
            ],
            outputs=[
                LATENTS.Output(
                    "plain",
                    display_name="latents",
                    tooltip="The same samples, and the same images. Each keeps its random stream.",
                )
            ],
        )
        schema.search_aliases = ["basis", "flatten", "over-parametrisation"]
        return schema

    @classmethod
    def execute(cls, batch: Latents) -> io.NodeOutput:
        with autograd():
            return io.NodeOutput(batch.plain())
