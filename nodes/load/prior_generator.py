"""Prior Generator: a generator that draws its latents from a diffusion prior."""

from ...core.diffusion.prior import DiffusionPrior
from ...core.generator import Generator
from ..help import Help
from ..host import autograd, io
from ..sockets import GENERATOR, PRIOR
from ..widgets import advanced

__all__ = ["PriorGenerator"]

LATENTS = ("noise", "clean")


class PriorGenerator(io.ComfyNode):
    """A generator with a diffusion prior."""

    HELP = Help(
        about=(
            "Makes D2C's generator from a generator and a diffusion prior. With latents `noise` "
            "its latents are standard normal noise, which the diffusion turns into latents of "
            "the generator: refiners and energies go through the whole diffusion, and it has no "
            "encoder. With `clean` it is the same generator, whose starts are drawn by the "
            "diffusion: its encoder, saved latents, translators and conditions still fit."
        ),
        example="With Prior Init and Decode: what D2C makes without a condition.",
    )

    @classmethod
    def define_schema(cls) -> io.Schema:
        schema = io.Schema(
            node_id="LatentSteer_PriorGenerator",
            display_name="Prior Generator",
            category="LatentSteer/load",
            description="A generator that draws its latents from a diffusion prior (D2C).",
            inputs=[
                GENERATOR.Input("generator", tooltip="The generator, D2C's decoder."),
                PRIOR.Input("prior", tooltip="A diffusion prior of its latents."),
                io.Int.Input(
                    "steps",
                    default=50,
                    min=1,
                    max=1000,
                    tooltip="Calls of the denoiser for a latent (1 to 1000); the paper uses 100.",
                ),
                io.Combo.Input(
                    "latents",
                    options=list(LATENTS),
                    default=LATENTS[0],
                    tooltip="noise: a latent is the noise that the diffusion starts from. clean: "
                    "a latent is the generator's own; only its draws come from the diffusion.",
                ),
                advanced(
                    io.Float.Input(
                        "eta",
                        default=0.0,
                        min=0.0,
                        max=1.0,
                        step=0.1,
                        tooltip="Randomness of the steps (0 to 1): 0 is deterministic, as in the "
                        "paper; 1 with as many steps as times is the ancestral sampling of DDPM.",
                    )
                ),
            ],
            outputs=[
                GENERATOR.Output(
                    "with_prior", display_name="generator", tooltip="The generator with the prior."
                )
            ],
        )
        schema.search_aliases = ["D2C", "DDIM", "latent diffusion"]
        return schema

    @classmethod
    def execute(
        cls,
        generator: Generator,
        prior: DiffusionPrior,
        steps: int,
        latents: str,
        eta: float,
    ) -> io.NodeOutput:
        from ...core.diffusion.prior_generator import as_generator, with_prior

        made = as_generator if latents == "noise" else with_prior
        with autograd():
            return io.NodeOutput(made(prior, generator, steps=steps, eta=eta))
