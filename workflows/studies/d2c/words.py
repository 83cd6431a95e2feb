"""Words instead of labels: conditions and directions of contrasting texts over pairs."""

from functools import cache

from ....core.condition import Condition
from ....core.conditions.few_shot import FewShot
from ....core.conditions.prompts import text_condition
from ....core.d2c.words import from_words
from ....core.pairs.contrast import sharpness
from ....core.pairs.directions import LatentDirection, contrast_direction
from ....core.pairs.pairs import Pairs
from ....core.pairs.stored import StoredPairs
from ....core.zoo import shipped as catalogue
from ....core.zoo.avatar_edits import AvatarEdit
from .models import D2CStudy

__all__ = ["condition_of_words", "direction_of_words"]

KEEP = 3.0
"""Weight of keeping the rest in moves of single samples, as in `reproduce edits`."""


def condition_of_words(study: D2CStudy, wanted: AvatarEdit) -> FewShot:
    """Returns the few-shot condition of a contrast of texts over the shipped pairs."""
    return from_words(
        shipped_pairs(),
        _texts(study, wanted.wanted),
        _texts(study, *wanted.instead) if wanted.instead else None,
        study.generator,
        scale=sharpness(study.clip),
        coordinates=study.coordinates,
    )


def direction_of_words(study: D2CStudy, wanted: AvatarEdit) -> LatentDirection:
    """Returns the edit direction of a contrast of texts over the shipped pairs."""
    return contrast_direction(
        shipped_pairs(),
        study.generator,
        _texts(study, wanted.wanted),
        _texts(study, *wanted.instead) if wanted.instead else None,
        context=_texts(study, wanted.context) if wanted.context else None,
        scale=sharpness(study.clip),
        keep=KEEP,
    )


@cache
def shipped_pairs() -> Pairs:
    """Returns the shipped pairs of the avatars, in memory."""
    return StoredPairs(catalogue.embedded("avatars pairs (embedded)")).loaded()


def _texts(study: D2CStudy, *texts: str) -> Condition:
    return text_condition(study.clip, "\n".join(texts)).condition
