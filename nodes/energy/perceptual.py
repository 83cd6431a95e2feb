"""Energy Perceptual: how unlike a reference image an image looks."""

from torch import Tensor

from ...core.auxiliaries.lpips import lpips_features
from ...core.auxiliary import Auxiliary
from ...core.checkpoints.checkpoint import read
from ...core.energies.perceptual import perceptual, pixels
from ...core.energy import Energy
from ...core.features import Features, clip_features
from ..host import autograd, host, io, ordinary, ui
from ..images import from_host
from ..kinds import as_clip
from ..load.files import changed, find, present
from ..sockets import AUXILIARY
from ..widgets import advanced
from .widgets import added, chained, summed
from .widgets import weight as weighting

__all__ = [
    "NODES",
    "backbone",
    "backbone_changed",
    "backbone_present",
    "compared_by",
    "comparer",
]

NO_BACKBONE = "none"
KIND = "latentsteer_aux"
SUFFIXES = (".pth", ".pt", ".bin", ".safetensors")


def backbone() -> io.Combo.Input:
    """A file for LPIPS."""
    return advanced(
        io.Combo.Input(
            "backbone",
            options=[NO_BACKBONE, *host().list_files(KIND, SUFFIXES)],
            default=NO_BACKBONE,
            tooltip="A VGG16 or an AlexNet of torchvision in the folder models/latentsteer_aux: "
            "images are then compared by LPIPS, with the weights of the lpips package. none: by "
            "the CLIP's features, or by pixels.",
        )
    )


def backbone_present(name: str) -> bool | str:
    """Whether the backbone can be loaded, or the sentence that says why not."""
    return name == NO_BACKBONE or present(KIND, name)


def backbone_changed(name: str) -> str:
    """What changes when the backbone or its file does."""
    return name if name == NO_BACKBONE else changed(KIND, name)


def comparer() -> io.Input:
    """A CLIP whose features compare."""
    return AUXILIARY.Input(
        "auxiliary",
        optional=True,
        tooltip="A CLIP by whose features images are compared where no backbone is chosen. "
        "Without either, pixels alone are.",
    )


def compared_by(chosen: str, auxiliary: Auxiliary | None) -> tuple[Features | None, str]:
    """What images are compared by, None for pixels alone, and the sentence that says so.

    Args:
        chosen: a file of the auxiliary models' folder, or none.
        auxiliary: a CLIP, if there is one.
    """
    if chosen != NO_BACKBONE:
        features = lpips_features(read(find(KIND, chosen)))
        return features, f"compared by {features.name}"
    if auxiliary is None:
        return None, "compared by pixels alone: no backbone, and no CLIP is connected"
    clip = as_clip(auxiliary)
    if clip.stages is None:
        return None, f"compared by pixels alone: {clip.name!r} has no feature maps"
    features = clip_features(clip)
    return features, f"compared by {features.name}"


class EnergyPerceptual(io.ComfyNode):
    """Distance to reference images."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        """Name, inputs and outputs."""
        schema = io.Schema(
            node_id="LatentSteer_EnergyPerceptual",
            display_name="Energy Perceptual",
            category="LatentSteer/energy",
            description="How unlike reference images look: LPIPS, or the distance between the "
            "features of a CLIP, or of pixels. Keeps a subject while something else is steered.",
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
        weight: float,
        pixels: float,
        backbone: str,
        auxiliary: Auxiliary | None = None,
        energy: Energy | None = None,
    ) -> io.NodeOutput:
        """The weighted terms, added to the chain."""
        with autograd():
            references = from_host(ordinary(images))
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


NODES = [EnergyPerceptual]
