"""What images are compared by: the widgets of a backbone and a CLIP, and the features."""

from ..core.auxiliary import Auxiliary
from ..core.checkpoints.checkpoint import read
from ..core.perceptual import Features, clip_features, lpips_features
from .host import host, io
from .kinds import as_clip
from .model_files import changed, find, present
from .sockets import AUXILIARY
from .widgets import advanced

__all__ = ["backbone", "backbone_changed", "backbone_present", "compared_by", "comparer"]

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
