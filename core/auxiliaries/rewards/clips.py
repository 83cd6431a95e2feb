"""Rewards that are CLIPs: HPSv2.1, PickScore, and CLIP ViT-H/14 itself."""

from collections.abc import Callable

from torch import Tensor
from torch.nn import functional

from ...auxiliary import Reward, Tower
from ...clip import Clip
from ...errors import ConditionMismatch, InvalidInput
from .pixels import reward_pixels

__all__ = ["CLIP_REWARDS", "clip_reward", "clip_tower", "reward_features", "reward_kind_of"]

CLIP_REWARDS = ("HPSv2.1", "PickScore", "CLIP")
MARKS = (("hps", "HPSv2.1"), ("pick", "PickScore"))
"""Parts of the names of the published files."""


def reward_kind_of(clip: Clip) -> str:
    """Returns which reward a CLIP is, by the name of its file: `HPS_v2.1`, `PickScore_v1`."""
    name = clip.name.lower()
    return next((kind for mark, kind in MARKS if mark in name), "CLIP")


def reward_features(clip: Clip, images: Tensor) -> Tensor:
    """Returns unit embeddings of images, with the preprocessing of rewards."""
    pixels = reward_pixels(images, clip.image_size, clip.mean, clip.std)
    return functional.normalize(clip.encode_pixels(pixels).to(images.dtype), dim=1)


def clip_tower(clip: Clip, head: Callable[[Tensor, Tensor], Tensor]) -> Tower:
    """Returns a CLIP's image tower with a head; rewards on equal CLIPs share it.

    Args:
        clip: the CLIP.
        head: maps unit embeddings and an encoded prompt to scores.
    """
    weight = next(clip.module.parameters())
    key = ("reward features", clip.id, str(weight.dtype), str(weight.device))
    return Tower(key, lambda images: reward_features(clip, images), head)


def clip_reward(clip: Clip, kind: str) -> Reward:
    """Returns a CLIP as a reward: the cosine for HPSv2.1, else the logit scale times the cosine.

    Args:
        clip: a whole CLIP.
        kind: one of `CLIP_REWARDS`.

    Raises:
        ConditionMismatch: there is no text encoder.
        InvalidInput: another kind, or a CLIP without a logit scale where it counts.
    """
    if kind not in CLIP_REWARDS:
        raise InvalidInput(f"A CLIP as {kind!r}; expected one of {', '.join(CLIP_REWARDS)}.")
    if clip.encode_texts is None:
        raise ConditionMismatch(
            f"{clip.name!r} has no text encoder, and a reward of a prompt needs one. Load the "
            "whole model."
        )
    scale = 1.0 if kind == "HPSv2.1" else clip.logit_scale
    if scale is None:
        raise InvalidInput(
            f"The file of {clip.name!r} has no usable logit scale, which {kind} multiplies by. "
            "Fetch the official file."
        )

    tower = clip_tower(clip, lambda features, said: scale * (features * said).sum(dim=1))

    def encode(prompt: str) -> tuple[Tensor, tuple[str, ...]]:
        found = clip.texts([prompt])
        return functional.normalize(found.embeddings, dim=1), found.notes

    return Reward(clip.name, clip.id, kind, clip.modules, tower.score, encode, tower)
