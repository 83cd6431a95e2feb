"""The kind of auxiliary model on a socket."""

from ..core.auxiliary import AttributeJudge, Auxiliary, Classifier
from ..core.captioner import CaptionedClip, Captioner
from ..core.clip import Clip
from ..core.errors import ConditionMismatch

__all__ = ["as_auxiliary", "as_captioner", "as_classifier", "as_clip", "as_judge"]

CALLED: dict[type, str] = {
    AttributeJudge: "a judge of attributes",
    CaptionedClip: "a CLIP that reads captions",
    Captioner: "a captioner",
    Classifier: "a classifier",
    Clip: "a CLIP",
}


def as_auxiliary(auxiliary: Auxiliary | Captioner) -> Auxiliary:
    """The auxiliary, if it has a condition space of its own.

    Raises:
        ConditionMismatch: a captioner.
    """
    if isinstance(auxiliary, Captioner):
        raise _wrong(
            auxiliary,
            "a model with a condition space",
            "Join it with a CLIP by Caption Aux Model.",
        )
    return auxiliary


def as_clip(auxiliary: Auxiliary | Captioner) -> Clip:
    """The auxiliary as a CLIP.

    Raises:
        ConditionMismatch: it is another kind of model.
    """
    if isinstance(auxiliary, Clip):
        return auxiliary
    cure = "Load a CLIP with Load Aux Model, or use the nodes for classes."
    raise _wrong(auxiliary, "a CLIP", cure)


def as_classifier(auxiliary: Auxiliary | Captioner) -> Classifier:
    """The auxiliary as a classifier.

    Raises:
        ConditionMismatch: it is another kind of model.
    """
    if isinstance(auxiliary, Classifier):
        return auxiliary
    cure = "Load a classifier with Load Aux Model, or use the nodes for text and images."
    raise _wrong(auxiliary, "a classifier", cure)


def as_captioner(auxiliary: Auxiliary | Captioner) -> Captioner:
    """The auxiliary as a captioner.

    Raises:
        ConditionMismatch: it is another kind of model.
    """
    if isinstance(auxiliary, Captioner):
        return auxiliary
    cure = "Load a BLIP folder with Load Aux Model."
    raise _wrong(auxiliary, "a captioner", cure)


def _wrong(auxiliary: Auxiliary | Captioner, wanted: str, cure: str) -> ConditionMismatch:
    called = CALLED.get(type(auxiliary), f"a {type(auxiliary).__name__}")
    return ConditionMismatch(f"{auxiliary.name!r} is {called}, not {wanted}. {cure}")


def as_judge(auxiliary: Auxiliary | Captioner) -> Classifier | AttributeJudge:
    """The auxiliary as a judge of images.

    Raises:
        ConditionMismatch: it cannot.
    """
    if isinstance(auxiliary, (Classifier, AttributeJudge)):
        return auxiliary
    cure = "Load a classifier or a judge of attributes with Load Aux Model."
    raise _wrong(auxiliary, "a judge", cure)
