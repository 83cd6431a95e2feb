"""Features for comparing images: the widgets that choose them, and loading them."""

from ..core.auxiliary import Auxiliary
from ..core.features import Features, clip_features
from .host import host, io
from .kinds import as_clip
from .model_files import changed, find, present
from .sockets import AUXILIARY
from .widgets import advanced

__all__ = ["BackboneInputs", "backbone", "compared_by", "comparer"]

NO_BACKBONE = "none"
KIND = "latentsteer_aux"
SUFFIXES = (".pth", ".pt", ".bin", ".safetensors")


def backbone() -> io.Combo.Input:
    """Widget: the backbone file for LPIPS."""
    return advanced(
        io.Combo.Input(
            "backbone",
            options=[NO_BACKBONE, *host().list_files(KIND, SUFFIXES)],
            default=NO_BACKBONE,
            tooltip="A VGG16 or an AlexNet of torchvision in the folder models/latentsteer_aux: "
            "LPIPS then compares the images, with the weights of the lpips package. "
            "none: the CLIP's features or the pixels are compared.",
        )
    )


class BackboneInputs:
    """What nodes with a widget `backbone` share."""

    @classmethod
    def validate_inputs(cls, backbone: str) -> bool | str:
        """Reports a missing file before the run, in the same words on every host."""
        return backbone == NO_BACKBONE or present(KIND, backbone)

    @classmethod
    def fingerprint_inputs(cls, backbone: str, **others: object) -> str:
        """Changes with the file. The host passes all inputs, and takes an error for a change."""
        return backbone if backbone == NO_BACKBONE else changed(KIND, backbone)


def comparer() -> io.Input:
    """Socket: a CLIP whose features compare images."""
    return AUXILIARY.Input(
        "auxiliary",
        optional=True,
        tooltip="A CLIP whose features compare the images if no backbone is chosen. Without "
        "either, only pixels are compared.",
    )


def compared_by(chosen: str, auxiliary: Auxiliary | None) -> tuple[Features | None, str]:
    """The features to compare images by, None for pixels, and a text that names them.

    Args:
        chosen: a file in the auxiliary models' folder, or none.
        auxiliary: a CLIP, if one is connected.
    """
    if chosen != NO_BACKBONE:
        from ..core.auxiliaries.lpips import lpips_features
        from ..core.checkpoints.checkpoint import read

        features = lpips_features(read(find(KIND, chosen)))
        return features, f"compared by {features.name}"
    if auxiliary is None:
        return None, "compared by pixels alone: no backbone, and no CLIP is connected"
    clip = as_clip(auxiliary)
    if clip.stages is None:
        return None, f"compared by pixels alone: {clip.name!r} has no feature maps"
    features = clip_features(clip)
    return features, f"compared by {features.name}"
