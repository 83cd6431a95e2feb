"""Load Generator: a frozen generator G(z)."""

from ...core.generators import load_generator
from ...core.zoo import shipped as catalogue
from ..help import Help
from ..host import autograd, io
from ..model_files import changed, find, offered, present
from ..sockets import GENERATOR
from ..widgets import advanced

__all__ = ["LoadGenerator", "chosen_options"]

AUTO = "auto"


def _choices() -> list[io.Input]:
    """What files do not tell, or users want otherwise."""
    return [
        advanced(
            io.Combo.Input(
                "latent",
                options=[AUTO, "z", "w", "w+"],
                default=AUTO,
                optional=True,
                tooltip="For StyleGANs: the space that is steered. z and w as in the paper, w+ "
                "with a w for every layer. auto: z.",
            )
        ),
        advanced(
            io.Float.Input(
                "truncation",
                default=0.0,
                min=0.0,
                max=1.0,
                step=0.05,
                optional=True,
                tooltip="Psi (0 to 1): less is more typical and less diverse. StyleGANs pull w "
                "towards its mean; BigGANs scale z, drawn within [-2, 2]. 0: none, psi = 1.",
            )
        ),
        advanced(
            io.Int.Input(
                "cutoff",
                default=0,
                min=0,
                max=64,
                optional=True,
                tooltip="For StyleGANs: truncation in the first so many layers alone (0 to 64); "
                "0 for all.",
            )
        ),
        advanced(
            io.Combo.Input(
                "noise",
                options=[AUTO, "const", "random", "none"],
                default=AUTO,
                optional=True,
                tooltip="For StyleGAN2: the noise of every layer. const: that of the file; "
                "random: anew for every image, as in TR0N's code; none. auto: const, so that a "
                "latent is an image.",
            )
        ),
        advanced(
            io.Float.Input(
                "eps",
                default=0.0,
                min=0.0,
                max=0.1,
                step=1e-6,
                round=False,
                optional=True,
                tooltip="For BigGANs: epsilon of the batch normalisation (0 to 0.1), which no "
                "file holds. 0: 1e-4 for weights converted from TensorFlow, else 1e-5. FuseDream "
                "and TR0N ran the converted ones with 1e-5.",
            )
        ),
    ]


def chosen_options(
    latent: str = AUTO, truncation: float = 0, cutoff: int = 0, noise: str = AUTO, eps: float = 0
) -> dict[str, object]:
    """What differs from auto, by the names that the core has for it."""
    chosen: dict[str, object] = {}
    if latent != AUTO:
        chosen["latent"] = latent
    if truncation:
        chosen["psi"] = truncation
    if cutoff:
        chosen["cutoff"] = cutoff
    if noise != AUTO:
        chosen["noise"] = noise
    if eps:
        chosen["eps"] = eps
    return chosen


class LoadGenerator(io.ComfyNode):
    """Opens a generator."""

    HELP = Help(
        about=(
            "Files lie in `models/latentsteer_generators`, or in the folder that "
            "`extra_model_paths.yaml` gives for the key `latentsteer_generators`. A file "
            "that changes is read again. The options change the map of the same weights: "
            "latents and translators belong to the generator with the options that it was "
            "loaded with, and other options are refused."
        ),
        example=(
            "Take `digits (embedded)`, connect Prior Init and Decode, and see what the "
            "generator makes without steering."
        ),
    )

    @classmethod
    def define_schema(cls) -> io.Schema:
        schema = io.Schema(
            node_id="LatentSteer_LoadGenerator",
            display_name="Load Generator",
            category="LatentSteer/load",
            description="Opens a frozen generator G(z). The architecture is detected from the "
            "file.",
            inputs=[
                io.Combo.Input(
                    "file",
                    options=offered("latentsteer_generators", list(catalogue.GENERATORS)),
                    tooltip="A model shipped with LatentSteer, or a file or a folder with a "
                    "config.json in models/latentsteer_generators, as its authors published it.",
                ),
                *_choices(),
            ],
            outputs=[
                GENERATOR.Output(
                    "generator",
                    display_name="generator",
                    tooltip="The generator with its latent space and its prior; images in [0, 1].",
                )
            ],
        )
        schema.search_aliases = ["GAN", "VAE", "StyleGAN", "BigGAN"]
        return schema

    @classmethod
    def validate_inputs(cls, file: str) -> bool | str:
        """Reports a missing file before the run, in the same words on every host."""
        return present("latentsteer_generators", file)

    @classmethod
    def fingerprint_inputs(cls, file: str, **others: object) -> str:
        """Changes with the file. The host passes all inputs, and takes an error for a change."""
        return changed("latentsteer_generators", file)

    @classmethod
    def execute(
        cls,
        file: str,
        latent: str = AUTO,
        truncation: float = 0.0,
        cutoff: int = 0,
        noise: str = AUTO,
        eps: float = 0.0,
    ) -> io.NodeOutput:
        options = chosen_options(latent, truncation, cutoff, noise, eps)
        with autograd():
            return io.NodeOutput(load_generator(find("latentsteer_generators", file), options))
