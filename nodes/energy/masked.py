"""Energy Masked: images that are as a source where it is known, for inpainting."""

from torch import Tensor

from ...core.auxiliary import Auxiliary
from ...core.energies.masked import masked
from ...core.energy import Energy
from ..host import autograd, io, ordinary, ui
from ..images import from_host, masks_from_host
from .perceptual import backbone, backbone_changed, backbone_present, compared_by, comparer
from .widgets import added, chained, summed
from .widgets import weight as weighting

__all__ = ["NODES"]


class EnergyMasked(io.ComfyNode):
    """Distance to a source where the mask is black."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        """Name, inputs and outputs."""
        schema = io.Schema(
            node_id="LatentSteer_EnergyMasked",
            display_name="Energy Masked",
            category="LatentSteer/energy",
            description="How unlike the source an image is where the mask is black: inpainting "
            "with any generator, KRR flow's log p(c|x) of a masked image.",
            inputs=[
                io.Image.Input(
                    "images", tooltip="The sources: one for all samples, or one each. Of any size."
                ),
                io.Mask.Input(
                    "mask",
                    tooltip="Of the sources' size: 1 (white) what to paint anew, 0 (black) what "
                    "is known. One for all, or one each; grey counts as white.",
                ),
                weighting("the mean squared difference of the known pixels", "pixels", 100.0),
                weighting("the features' distance over the known region", "weight", 1.0),
                backbone(),
                comparer(),
                chained(),
            ],
            outputs=[summed()],
        )
        schema.search_aliases = ["inpaint", "outpaint", "mask", "completion", "reconstruction"]
        return schema

    @classmethod
    def validate_inputs(cls, backbone: str) -> bool | str:
        """Our own message for a missing file, on every host."""
        return backbone_present(backbone)

    @classmethod
    def fingerprint_inputs(cls, backbone: str, **others: object) -> str:
        """Runs again when the file changes. The host gives all inputs; an error counts as new."""
        return backbone_changed(backbone)

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
        """The weighted terms, added to the chain."""
        with autograd():
            features, text = compared_by(backbone, auxiliary)
            terms = masked(
                from_host(ordinary(images)),
                masks_from_host(ordinary(mask)),
                features=features,
                pixel_weight=pixels,
                perceptual_weight=weight,
            )
        return io.NodeOutput(added(terms, energy), ui=ui.PreviewText(text))


NODES = [EnergyMasked]
