"""Generator Prior: the diffusion prior that a generator has in its own file."""

from ...core.generator import Generator
from ..help import Help
from ..host import autograd, io, ui
from ..sockets import GENERATOR, PRIOR

__all__ = ["GeneratorPrior"]


class GeneratorPrior(io.ComfyNode):
    """The diffusion prior of a D2C model."""

    HELP = Help(
        about=(
            "An official D2C file has an autoencoder and a diffusion of its latents. Load it with "
            "`latent` clean: the generator is the autoencoder, and this node returns the "
            "diffusion, for Guided Sample, Rejection Sample and Edit by Condition. It also "
            "returns the prior of a generator that Prior Generator made with clean latents."
        ),
        example=(
            "Load Generator of a D2C file with latent clean, then this node and the generator in "
            "Edit by Condition: edits are corrected as in the released code."
        ),
    )

    @classmethod
    def define_schema(cls) -> io.Schema:
        schema = io.Schema(
            node_id="LatentSteer_GeneratorPrior",
            display_name="Generator Prior",
            category="LatentSteer/load",
            description="The diffusion prior that a D2C model has of its own latents.",
            inputs=[
                GENERATOR.Input(
                    "generator", tooltip="A D2C model that was loaded with latent clean."
                )
            ],
            outputs=[
                PRIOR.Output(
                    "prior", display_name="prior", tooltip="The diffusion of its latents."
                )
            ],
        )
        schema.search_aliases = ["D2C", "DDIM", "diffusion prior"]
        return schema

    @classmethod
    def execute(cls, generator: Generator) -> io.NodeOutput:
        from ...core.generators.d2c.official import diffusion_prior

        with autograd():
            prior = diffusion_prior(generator)
        count = sum(weight.numel() for weight in prior.network.parameters())
        text = f"{count / 1e6:.1f} million weights, {len(prior.schedule)} noise levels"
        return io.NodeOutput(prior, ui=ui.PreviewText(text))
