"""Give Inputs: a generator that needs an image, a mask or a text becomes a plain one."""

from torch import Tensor

from ...core.errors import InvalidInput
from ...core.generator import ConditionalGenerator, Generator, Given
from ..help import Help
from ..host import autograd, io
from ..images import from_host, masks_from_host
from ..sockets import GENERATOR

__all__ = ["GiveInputs"]


class GiveInputs(io.ComfyNode):
    """Gives a generator the inputs that it needs."""

    HELP = Help(
        about=(
            "Some generators make images for an input: inpainting fills the hole of an image, "
            "text to image follows a sentence, image translation takes an image, a domain and a "
            "style. Load Generator opens such a generator, and this node gives it what it needs. "
            "The result is a generator like any other. Latents and translators belong to the "
            "generator with these inputs and refuse it with others. An error names the missing "
            "inputs and the size of the images. docs/models.md lists the families that need "
            "inputs."
        ),
        example=(
            "Load Generator with an inpainting network, Load Image for an image and its mask, "
            "this node, then Prior Init and Decode: several ways to fill the hole."
        ),
    )

    @classmethod
    def define_schema(cls) -> io.Schema:
        schema = io.Schema(
            node_id="LatentSteer_GiveInputs",
            display_name="Give Inputs",
            category="LatentSteer/load",
            description="Gives a generator the inputs that it needs, such as an image and a mask "
            "to fill, or a sentence. Every other node takes the result as a generator.",
            inputs=[
                GENERATOR.Input(
                    "generator", tooltip="A generator that needs inputs, from Load Generator."
                ),
                io.Image.Input(
                    "image",
                    optional=True,
                    tooltip="One image of the generator's size, for all samples.",
                ),
                io.Mask.Input(
                    "mask",
                    optional=True,
                    tooltip="Of the image's size: 1 (white) where the generator paints, 0 (black) "
                    "where the image is known; grey counts as white.",
                ),
                io.Image.Input(
                    "style",
                    optional=True,
                    tooltip="One image of the generator's size, whose style is taken.",
                ),
                io.String.Input(
                    "sentence",
                    default="",
                    optional=True,
                    multiline=True,
                    tooltip="The text that the generator follows; empty: none is given.",
                ),
                io.String.Input(
                    "domain",
                    default="",
                    optional=True,
                    tooltip="The name of one of the generator's domains; empty: none is given.",
                ),
            ],
            outputs=[
                GENERATOR.Output(
                    "given",
                    display_name="generator",
                    tooltip="The generator of images for these inputs.",
                )
            ],
        )
        schema.search_aliases = [
            *("conditional generator", "image completion", "inpainting", "sentence"),
            *("style", "style transfer"),
        ]
        return schema

    @classmethod
    def execute(
        cls,
        generator: Generator | ConditionalGenerator,
        image: Tensor | None = None,
        mask: Tensor | None = None,
        style: Tensor | None = None,
        sentence: str = "",
        domain: str = "",
    ) -> io.NodeOutput:
        if isinstance(generator, Generator):
            raise InvalidInput(
                f"{generator.name} needs no inputs. Connect it to the next node directly."
            )
        with autograd():
            inputs = Given(
                image=None if image is None else from_host(image),
                mask=None if mask is None else masks_from_host(mask),
                sentence=sentence.strip() or None,
                domain=domain.strip() or None,
                style=None if style is None else from_host(style),
            )
            return io.NodeOutput(generator.given(inputs))
