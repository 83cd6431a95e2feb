"""Interpolate Latents: from one latent to another."""

from ...core.conditions.mixing import fractions
from ...core.latents import Latents
from ..help import Help
from ..host import autograd, io
from ..sockets import LATENTS

__all__ = ["InterpolateLatents"]


class InterpolateLatents(io.ComfyNode):
    """A straight line from one latent to another."""

    HELP = Help(
        about=(
            "Each frame is a separate latent, (1 - t) times the first plus t times the "
            "second, and may leave the region that the generator was trained on. To "
            "interpolate meanings instead use Interpolate Conditions."
        ),
        example=(
            "Two prompts refined apart, `frames` = 8, then Decode and Image Grid with 8 columns."
        ),
    )

    @classmethod
    def define_schema(cls) -> io.Schema:
        schema = io.Schema(
            node_id="LatentSteer_InterpolateLatents",
            display_name="Interpolate Latents",
            category="LatentSteer/latents",
            description="The straight line from one latent to another, a sample per frame: "
            "FuseDream's figure 13.",
            inputs=[
                LATENTS.Input("first", tooltip="One sample, or as many as the second has."),
                LATENTS.Input("second", tooltip="Of the same generator; plain or of a basis."),
                io.Int.Input(
                    "frames",
                    default=8,
                    min=1,
                    max=10000,
                    tooltip="Samples for each pair (1 to 10000), evenly spaced.",
                ),
                io.Boolean.Input(
                    "ends",
                    default=True,
                    tooltip="Whether the first and the last frame are the two latents "
                    "themselves. Off: frames go from 0.1 to 0.9 of the line.",
                ),
            ],
            outputs=[
                LATENTS.Output(
                    "latents",
                    display_name="latents",
                    tooltip="All frames of the first pair, then those of the next.",
                )
            ],
        )
        schema.search_aliases = ["morph", "blend", "lerp", "latent walk"]
        return schema

    @classmethod
    def execute(cls, first: Latents, second: Latents, frames: int, ends: bool) -> io.NodeOutput:
        with autograd():
            return io.NodeOutput(first.interpolated(second, fractions(frames, ends=ends)))
