"""Latents made of others: Plain Latents and Interpolate Latents."""

from ...core.conditions.mixing import fractions
from ...core.latents import Latents
from ..host import autograd, io
from ..sockets import LATENTS

__all__ = ["NODES"]


class PlainLatents(io.ComfyNode):
    """What a basis stands for."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        """Name, inputs and outputs."""
        schema = io.Schema(
            node_id="LatentSteer_PlainLatents",
            display_name="Plain Latents",
            category="LatentSteer/latents",
            description="The generator's own latents that a basis and its weights stand for, so "
            "that they stack with others, or are refined without over-parametrisation.",
            inputs=[LATENTS.Input("batch", display_name="latents", tooltip="In any chart.")],
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
        """Writes them plainly."""
        with autograd():
            return io.NodeOutput(batch.plain())


class InterpolateLatents(io.ComfyNode):
    """From one image to another."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        """Name, inputs and outputs."""
        schema = io.Schema(
            node_id="LatentSteer_InterpolateLatents",
            display_name="Interpolate Latents",
            category="LatentSteer/latents",
            description="The straight way from one latent to another, a sample per frame: "
            "FuseDream's figure 13.",
            inputs=[
                LATENTS.Input("first", tooltip="One sample, or as many as the second has."),
                LATENTS.Input("second", tooltip="Of the same generator; in any chart."),
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
                    "themselves. Off: frames go from 0.1 to 0.9 of the way.",
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
        """The frames."""
        with autograd():
            return io.NodeOutput(first.interpolated(second, fractions(frames, ends=ends)))


NODES = [PlainLatents, InterpolateLatents]
