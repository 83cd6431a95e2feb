"""Energy Perceptual: distance to reference images."""

from torch import Tensor

from ...core.auxiliary import Auxiliary
from ...core.energies.perceptual import perceptual, pixels
from ...core.energy import Energy
from ...core.features import Features
from ..backbone import BackboneInputs, backbone, compared_by, comparer
from ..help import Help
from ..host import autograd, io, ui
from ..images import from_host
from ..widgets import advanced
from ..widgets import weight as weighting
from .widgets import added, chained, summed

__all__ = ["EnergyPerceptual"]


class EnergyPerceptual(BackboneInputs, io.ComfyNode):
    """Distance to reference images."""

    HELP = Help(
        about=(
            "With a `backbone` it is LPIPS 0.1, with the same values as the package of that "
            "name, whose weights it takes: put `vgg16-397923af.pth` "
            "or `alexnet-owt-7be5be79.pth` of torchvision into `models/latentsteer_aux`. "
            "Without one it is the distance between the feature maps of the connected CLIP, "
            "and without feature maps the mean squared difference of pixels. The text on "
            "the node names the choice."
        ),
        example=(
            "Chain it with Energy CLIP to change one thing and keep the rest: the reference "
            "here, the prompt there."
        ),
    )

    @classmethod
    def define_schema(cls) -> io.Schema:
        schema = io.Schema(
            node_id="LatentSteer_EnergyPerceptual",
            display_name="Energy Perceptual",
            category="LatentSteer/energy",
            description="Distance to reference images: LPIPS, or the distance of a CLIP's "
            "features, or of pixels. Keeps a subject while something else is "
            "steered.",
            inputs=[
                io.Image.Input(
                    "images",
                    tooltip="The references: one for all samples, or one each. Of any size; grey "
                    "and transparent ones become RGB.",
                ),
                weighting("the distance"),
                advanced(weighting("the mean squared difference of pixels", "pixels", 0.0)),
                backbone(),
                comparer(),
                chained(),
            ],
            outputs=[summed()],
        )
        schema.search_aliases = ["LPIPS", "MSE", "reference", "similarity"]
        return schema

    @classmethod
    def execute(
        cls,
        images: Tensor,
        weight: float,
        pixels: float,
        backbone: str,
        auxiliary: Auxiliary | None = None,
        energy: Energy | None = None,
    ) -> io.NodeOutput:
        with autograd():
            references = from_host(images)
            features, text = compared_by(backbone, auxiliary)
            terms = _terms(references, features, weight, pixels)
        return io.NodeOutput(added(terms, energy), ui=ui.PreviewText(text))


def _terms(
    references: Tensor, features: Features | None, weight: float, pixel_weight: float
) -> Energy:
    if features is None:
        return (weight + pixel_weight) * pixels(references)
    seen = weight * perceptual(features, references)
    return seen if pixel_weight == 0 else seen + pixel_weight * pixels(references)
