"""Energy Masked: distance to a source in its known region, for inpainting."""

from torch import Tensor

from ...core.auxiliary import Auxiliary
from ...core.energies.masked import masked
from ...core.energy import Energy
from ..backbone import BackboneInputs, backbone, compared_by, comparer
from ..help import Help
from ..host import autograd, io, ui
from ..images import from_host, masks_from_host
from ..widgets import weight as weighting
from .widgets import added, chained, summed

__all__ = ["EnergyMasked"]


class EnergyMasked(BackboneInputs, io.ComfyNode):
    """Distance to a source where the mask is black."""

    HELP = Help(
        about=(
            "White is inpainted, as in ComfyUI; mask and image must be of one size. Pixels "
            "count by the mean squared difference over the known region alone, so their "
            "weight does not depend on the mask's size: the reported error is its root, of "
            "channels in [0, 1]. For the features the hole is grey. Afterwards Image "
            "Composite Masked restores the known pixels: the generated images as "
            "destination, the source as source, the inverted mask."
        ),
        example=(
            "Load Image with a painted mask, this node with `pixels` = 1000, KRR Flow Refine "
            "with 4 samples: four completions that differ in the hole."
        ),
    )

    @classmethod
    def define_schema(cls) -> io.Schema:
        schema = io.Schema(
            node_id="LatentSteer_EnergyMasked",
            display_name="Energy Masked",
            category="LatentSteer/energy",
            description="Distance to the source where the mask is black: inpainting with any "
            "generator, KRR flow's log p(c given x) of a masked image.",
            inputs=[
                io.Image.Input(
                    "images", tooltip="The sources: one for all samples, or one each. Of any size."
                ),
                io.Mask.Input(
                    "mask",
                    tooltip="Of the sources' size: 1 (white) is inpainted, 0 (black) is known. "
                    "One for all, or one each; grey counts as white.",
                ),
                weighting("the mean squared difference of the known pixels", "pixels", 100.0),
                weighting("the features' distance over the known region", "weight", 1.0),
                backbone(),
                comparer(),
                chained(),
            ],
            outputs=[summed()],
        )
        schema.search_aliases = [
            *("inpaint", "inpainting", "outpaint", "mask", "upscale", "reconstruction"),
        ]
        return schema

    @classmethod
    def execute(
        cls,
        images: Tensor,
        mask: Tensor,
        pixels: float,
        weight: float,
        backbone: str,
        auxiliary: Auxiliary | None = None,
        energy: Energy | None = None,
    ) -> io.NodeOutput:
        with autograd():
            features, text = compared_by(backbone, auxiliary)
            terms = masked(
                from_host(images),
                masks_from_host(mask),
                features=features,
                pixel_weight=pixels,
                perceptual_weight=weight,
            )
        return io.NodeOutput(added(terms, energy), ui=ui.PreviewText(text))
