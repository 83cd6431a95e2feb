"""The embedded avatar models of the studies: generator, CLIP and an independent judge."""

from typing import NamedTuple

import torch

from ...core.auxiliaries import load_auxiliary
from ...core.auxiliary import AttributeJudge
from ...core.clip import Clip
from ...core.generator import Generator
from ...core.generators import load_generator
from ...core.zoo import shipped as catalogue
from .session import moved

__all__ = ["AvatarsModels", "avatars_models"]


class AvatarsModels(NamedTuple):
    """The three models, on one device."""

    generator: Generator
    clip: Clip
    judge: AttributeJudge


def avatars_models(device: torch.device) -> AvatarsModels:
    """Opens the three models."""
    path = catalogue.embedded
    clip = load_auxiliary(path("avatars CLIP (embedded)"))
    judge = load_auxiliary(path("avatars judge (embedded)"))
    assert isinstance(clip, Clip)
    assert isinstance(judge, AttributeJudge)
    generator = load_generator(path("avatars (embedded)"))
    return AvatarsModels(moved(generator, device), moved(clip, device), moved(judge, device))
