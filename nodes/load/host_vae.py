"""Generator from VAE: ComfyUI's VAE as a generator."""

from typing import Any

from ...core.generators.host import host_generator
from ..help import Help
from ..host import autograd, io
from ..host_memory import Saving
from ..host_models import FORMATS, vae_pipeline
from ..host_widgets import height, memory_widget, width
from ..sockets import GENERATOR, VAE
from ..widgets import advanced

__all__ = ["GeneratorFromVAE"]


class GeneratorFromVAE(io.ComfyNode):
    """The decoder of a VAE alone."""

    HELP = Help(
        about=(
            "z is the VAE's latent in units of about its standard deviation, and N(0, I) is only "
            "a nominal prior: draws of it look like noise. Start from a picture by Image to "
            "Latents, whose encoder is the VAE's, and move it by an energy: an edit of the "
            "picture without any diffusion. Needs ComfyUI."
        ),
        example="A picture by Image to Latents with Energy CLIP and Adam Refine, 50 steps.",
    )

    @classmethod
    def define_schema(cls) -> io.Schema:
        schema = io.Schema(
            node_id="LatentSteer_GeneratorFromVAE",
            display_name="Generator from VAE",
            category="LatentSteer/load",
            description="ComfyUI's VAE as a frozen generator, whose latents are the VAE's; its "
            "encoder gives the latents of a picture.",
            inputs=[
                VAE.Input("vae", tooltip="A VAE of images."),
                width(),
                height(),
                advanced(
                    io.Combo.Input(
                        "scale",
                        options=["auto", *FORMATS],
                        default="auto",
                        tooltip="The models that the VAE is of, which set the scale of its "
                        "latents. auto: SD 1 and 2 for 4 channels, Flux for 16.",
                    )
                ),
                advanced(memory_widget()),
            ],
            outputs=[
                GENERATOR.Output(
                    "generator",
                    display_name="generator",
                    tooltip="G(z): latents of the VAE to images in [0, 1].",
                )
            ],
        )
        schema.search_aliases = ["VAE", "TAESD", "autoencoder", "VAE Encode"]
        return schema

    @classmethod
    def execute(
        cls,
        vae: Any,  # noqa: ANN401
        width: int,
        height: int,
        scale: str,
        memory: Saving,
    ) -> io.NodeOutput:
        with autograd():
            pipeline = vae_pipeline(vae, size=(height, width), scale=scale, memory=memory)
            return io.NodeOutput(host_generator(pipeline))
