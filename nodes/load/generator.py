"""Load Generator: a frozen generator G(z)."""

from ...core.checkpoints.options import ChoiceOption, RealOption, WholeOption
from ...core.generators import ARCHITECTURES, OPTIONS, open_generator
from ...core.zoo import shipped as catalogue
from ..help import Help
from ..host import autograd, io
from ..model_files import find, offered
from ..sockets import GENERATOR
from ..widgets import advanced
from .file_loader import FileLoader

__all__ = ["LoadGenerator", "chosen_options"]


def _widget(option: ChoiceOption | RealOption | WholeOption) -> io.Input:
    if isinstance(option, ChoiceOption):
        return io.Combo.Input(
            option.widget,
            options=[option.default, *option.choices],
            default=option.default,
            optional=True,
            tooltip=option.tooltip,
        )
    if isinstance(option, RealOption):
        return io.Float.Input(
            option.widget,
            default=option.default,
            min=option.low,
            max=option.high,
            step=option.step,
            round=False if option.exact else None,  # pyright: ignore[reportArgumentType]
            optional=True,
            tooltip=option.tooltip,
        )
    return io.Int.Input(
        option.widget,
        default=option.default,
        min=option.low,
        max=option.high,
        optional=True,
        tooltip=option.tooltip,
    )


def chosen_options(**values: object) -> dict[str, object]:
    """The options that differ from their defaults, by the core's names.

    Args:
        **values: of the widgets, by the widgets' names.
    """
    given = {option: values.get(option.widget, option.default) for option in OPTIONS}
    return {
        option.name: value
        for option, value in given.items()
        if value not in (None, option.default)
    }


class LoadGenerator(FileLoader, io.ComfyNode):
    """Opens a generator."""

    KIND = "latentsteer_generators"
    HELP = Help(
        about=(
            "Files are in `models/latentsteer_generators`, or in the folder that "
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
                    options=offered(cls.KIND, list(catalogue.GENERATORS)),
                    tooltip="A model shipped with LatentSteer, or a file or a folder with a "
                    "config.json in models/latentsteer_generators, as its authors published it.",
                ),
                *(advanced(_widget(option)) for option in OPTIONS),
            ],
            outputs=[
                GENERATOR.Output(
                    "generator",
                    display_name="generator",
                    tooltip="The generator with its latent space and its prior; images in [0, 1].",
                )
            ],
        )
        schema.search_aliases = ["load GAN", "GAN", "VAE", "StyleGAN", *ARCHITECTURES.ids]
        return schema

    @classmethod
    def execute(cls, file: str, **values: object) -> io.NodeOutput:
        options = chosen_options(**values)
        with autograd():
            return io.NodeOutput(open_generator(find(cls.KIND, file), options))
