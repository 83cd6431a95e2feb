"""Stack Latents: two batches as one."""

from ...core.latents import Latents
from ..help import Help
from ..host import autograd, io
from ..sockets import LATENTS

__all__ = ["StackLatents"]


class StackLatents(io.ComfyNode):
    """Two batches as one."""

    HELP = Help(
        about=(
            "Both batches must be of one generator and in one form: latents of a basis do "
            "not mix with plain ones; Plain Latents makes plain ones of them. The samples of "
            "the second are numbered after those of the first."
        ),
        example=(
            "Latents after 0, 10 and 50 steps, stacked: Decode and Image Grid show how they "
            "evolve."
        ),
    )

    @classmethod
    def define_schema(cls) -> io.Schema:
        schema = io.Schema(
            node_id="LatentSteer_StackLatents",
            display_name="Stack Latents",
            category="LatentSteer/latents",
            description="Two batches of one generator as one, so that they are decoded "
            "together, for example as a strip of how samples evolve.",
            inputs=[
                LATENTS.Input("first", tooltip="The samples that come first."),
                LATENTS.Input(
                    "second",
                    tooltip="The samples that follow, in the same form. Their numbers, and so "
                    "their random streams, continue the first's.",
                ),
            ],
            outputs=[LATENTS.Output("latents", display_name="latents", tooltip="All of them.")],
        )
        schema.search_aliases = ["join", "concatenate", "batch", "evolution"]
        return schema

    @classmethod
    def execute(cls, first: Latents, second: Latents) -> io.NodeOutput:
        with autograd():
            return io.NodeOutput(first.stacked(second))
