"""The kind of auxiliary model on a socket."""

from typing import TypeAlias

from ..core.auxiliaries.rewards.aesthetic import AestheticHead
from ..core.auxiliaries.rewards.clips import CLIP_REWARDS, clip_reward, reward_kind_of
from ..core.auxiliary import AttributeJudge, Auxiliary, Classifier, Reward
from ..core.captioner import CaptionedClip, Captioner
from ..core.clip import Clip
from ..core.errors import ConditionMismatch

__all__ = [
    "Opened",
    "as_auxiliary",
    "as_captioner",
    "as_classifier",
    "as_clip",
    "as_judge",
    "as_reward",
]

Opened: TypeAlias = Auxiliary | Captioner | Reward | AestheticHead
"""What Load Aux Model opens."""
CALLED: dict[type, str] = {
    AestheticHead: "an aesthetic head",
    AttributeJudge: "a judge of attributes",
    CaptionedClip: "a CLIP that reads captions",
    Captioner: "a captioner",
    Classifier: "a classifier",
    Clip: "a CLIP",
    Reward: "a reward",
}


def as_auxiliary(auxiliary: Opened) -> Auxiliary:
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
    if isinstance(auxiliary, Reward | AestheticHead):
        raise _wrong(auxiliary, "a model with a condition space", "Use it in Energy Reward.")
    return auxiliary


def as_clip(auxiliary: Opened) -> Clip:
    """The auxiliary as a CLIP.

    Raises:
        ConditionMismatch: it is another kind of model.
    """
    if isinstance(auxiliary, Clip):
        return auxiliary
    cure = "Load a CLIP with Load Aux Model, or use the nodes for classes."
    raise _wrong(auxiliary, "a CLIP", cure)


def as_classifier(auxiliary: Opened) -> Classifier:
    """The auxiliary as a classifier.

    Raises:
        ConditionMismatch: it is another kind of model.
    """
    if isinstance(auxiliary, Classifier):
        return auxiliary
    cure = "Load a classifier with Load Aux Model, or use the nodes for text and images."
    raise _wrong(auxiliary, "a classifier", cure)


def as_captioner(auxiliary: Opened) -> Captioner:
    """The auxiliary as a captioner.

    Raises:
        ConditionMismatch: it is another kind of model.
    """
    if isinstance(auxiliary, Captioner):
        return auxiliary
    cure = "Load a BLIP folder with Load Aux Model."
    raise _wrong(auxiliary, "a captioner", cure)


def _wrong(auxiliary: Opened, wanted: str, cure: str) -> ConditionMismatch:
    called = CALLED.get(type(auxiliary), f"a {type(auxiliary).__name__}")
    return ConditionMismatch(f"{auxiliary.name!r} is {called}, not {wanted}. {cure}")


def as_judge(auxiliary: Opened) -> Classifier | AttributeJudge:
    """The auxiliary as a judge of images.

    Raises:
        ConditionMismatch: it cannot.
    """
    if isinstance(auxiliary, (Classifier, AttributeJudge)):
        return auxiliary
    cure = "Load a classifier or a judge of attributes with Load Aux Model."
    raise _wrong(auxiliary, "a judge", cure)


def as_reward(auxiliary: Opened, tower: Opened | None, kind: str) -> Reward:
    """The auxiliary as a reward.

    Args:
        auxiliary: a reward, a whole CLIP, or an aesthetic head.
        tower: the CLIP that an aesthetic head is on.
        kind: for a CLIP, which reward it is; auto: by the name of its file.

    Raises:
        ConditionMismatch: it cannot, or the CLIP of a head is missing or has another size.
        InvalidInput: see `clip_reward`.
    """
    if isinstance(auxiliary, AestheticHead):
        if tower is None:
            raise ConditionMismatch(
                f"{auxiliary.name!r} is a head on OpenAI's CLIP, which is not connected. Load "
                "that CLIP with Load Aux Model and connect it as `tower`."
            )
        return auxiliary.on(as_clip(tower))
    if isinstance(auxiliary, Reward):
        return auxiliary
    if isinstance(auxiliary, Clip):
        return clip_reward(auxiliary, kind if kind in CLIP_REWARDS else reward_kind_of(auxiliary))
    cure = "Load HPSv2.1, PickScore, ImageReward, an aesthetic head or a CLIP with Load Aux Model."
    raise _wrong(auxiliary, "a reward", cure)
