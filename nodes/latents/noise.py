"""Latents from Noise and Latents to Noise: bridges to ComfyUI's NOISE."""

from typing import Any

import torch

from ...core.errors import InvalidInput
from ...core.generator import Generator
from ...core.generators.host import noise_of, noise_start
from ...core.latents import Latents
from ..help import Help
from ..host import autograd, io
from ..sockets import GENERATOR, LATENTS, NOISE

__all__ = ["LatentsFromNoise", "LatentsToNoise", "SteeredNoise"]


class SteeredNoise:
    """A NOISE of ComfyUI that is given, not drawn.

    Attributes:
        seed: what ComfyUI's samplers ask for; draws of noise on the way use it.
        values: noise of each sample.
    """

    def __init__(self, values: torch.Tensor, seed: int = 0) -> None:
        self.values, self.seed = values, seed

    def generate_noise(self, input_latent: dict[str, Any]) -> torch.Tensor:
        """Returns the noise for ComfyUI's latents, a row for each.

        Raises:
            InvalidInput: latents of another size or number.
        """
        wanted = tuple(input_latent["samples"].shape)
        own = tuple(self.values.shape)
        if wanted != own:
            raise InvalidInput(
                f"The noise is of {own[0]} latents of {list(own[1:])}; the sampler asks for "
                f"{wanted[0]} of {list(wanted[1:])}. Give it an empty latent of the generator's "
                f"size with batch_size {own[0]}."
            )
        return self.values.clone()


class LatentsToNoise(io.ComfyNode):
    """Refined noise for ComfyUI's own samplers."""

    HELP = Help(
        about=(
            "Refine the noise with one step, then render it with SamplerCustomAdvanced: any "
            "sampler, any number of steps, another model of the family, a second pass. The empty "
            "latent there has the size of the generator, and its batch_size is the number of "
            "latents. With the settings of the generator the image is that of Decode."
        ),
        example="SD-Turbo refined at 1 step, then rendered with 4 steps of SamplerCustomAdvanced.",
    )

    @classmethod
    def define_schema(cls) -> io.Schema:
        schema = io.Schema(
            node_id="LatentSteer_LatentsToNoise",
            display_name="Latents to Noise",
            category="LatentSteer/latents",
            description="Latents of Generator from Model as the NOISE of ComfyUI's custom "
            "samplers.",
            inputs=[
                GENERATOR.Input("generator", tooltip="The generator that the latents belong to."),
                LATENTS.Input("batch", display_name="latents", tooltip="The noise."),
            ],
            outputs=[
                NOISE.Output(
                    "noise",
                    display_name="noise",
                    tooltip="For SamplerCustomAdvanced, a row for each.",
                )
            ],
        )
        schema.search_aliases = ["NOISE", "multi_apply", "SamplerCustomAdvanced"]
        return schema

    @classmethod
    def execute(cls, generator: Generator, batch: Latents) -> io.NodeOutput:
        with autograd():
            batch.check_generator(generator)
            values = batch.plain().values
            return io.NodeOutput(SteeredNoise(noise_of(generator, values)))


class LatentsFromNoise(io.ComfyNode):
    """ComfyUI's noise as a start."""

    HELP = Help(
        about=(
            "Takes the NOISE of RandomNoise, whose seed is that of KSampler: steering then starts "
            "from an image that is already there. ComfyUI draws a batch from one stream, so a "
            "sample depends on the size of its batch."
        ),
        example="RandomNoise with the seed of a KSampler image, into Nesterov Refine.",
    )

    @classmethod
    def define_schema(cls) -> io.Schema:
        schema = io.Schema(
            node_id="LatentSteer_LatentsFromNoise",
            display_name="Latents from Noise",
            category="LatentSteer/latents",
            description="ComfyUI's NOISE as latents of Generator from Model: the images of "
            "KSampler with that seed, to be refined.",
            inputs=[
                GENERATOR.Input("generator", tooltip="Generator from Model."),
                NOISE.Input("noise", tooltip="RandomNoise, or any other NOISE."),
                io.Int.Input(
                    "samples",
                    default=1,
                    min=1,
                    max=10000,
                    tooltip="Size of the batch that the noise is drawn for (1 to 10000).",
                ),
            ],
            outputs=[
                LATENTS.Output("latents", display_name="latents", tooltip="The noise as latents.")
            ],
        )
        schema.search_aliases = ["NOISE", "RandomNoise", "seed"]
        return schema

    @classmethod
    def execute(cls, generator: Generator, noise: Any, samples: int) -> io.NodeOutput:  # noqa: ANN401
        with autograd():
            shape = generator.source.blocks[0].shape
            drawn = noise.generate_noise({"samples": torch.zeros(samples, *shape)})
            return io.NodeOutput(Latents.of(noise_start(generator, drawn.clone()), generator))
