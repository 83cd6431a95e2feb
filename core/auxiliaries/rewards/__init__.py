"""Reward models: scores of human preference, from local files without code execution."""

from typing import Any

from ...checkpoints.registry import Registry

__all__ = ["REWARD_FILES"]

REWARD_FILES: Registry[Any] = Registry(
    __name__,
    {
        "image-reward": "image_reward:IMAGE_REWARD",
        "aesthetic-head": "aesthetic:AESTHETIC",
    },
)
"""Files of rewards that are no CLIP."""
