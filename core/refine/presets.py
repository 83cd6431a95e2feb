"""The papers' refiners, built from directions and rules."""

from typing import Literal, TypeAlias

from ..charts import WEIGHTS
from ..errors import InvalidInput
from ..spaces import CLASS_BLOCKS, Map
from .kernel import Rule
from .rules import by_block, chain, clip_norm

__all__ = ["Preset", "clip_of", "over_chart"]

Preset: TypeAlias = Literal["custom", "paper", "official code"]
CLIPS = {"paper": 0.0, "official code": 1.0}
"""Where the two differ in a step: TR0N's code shortens gradients to 1, its paper says nothing."""


def clip_of(preset: Preset, custom: float) -> float:
    """The limit of a sample's gradient that a preset stands for, 0 for none.

    All else is alike in both: heavy-ball momentum without dampening, noise outside of it, weights
    by Adam without noise. The weights of a basis are any numbers in the paper and a softmax in the
    code: that is chosen where the basis is made.

    Args:
        preset: `custom` leaves the limit to the caller.
        custom: that limit.

    Raises:
        InvalidInput: an unknown preset.
    """
    if preset == "custom":
        return custom
    if preset not in CLIPS:
        raise InvalidInput(f"Preset {preset!r}; there are custom, {', '.join(CLIPS)}.")
    return CLIPS[preset]


def over_chart(chart: Map, rule: Rule, weights: Rule, *, clip: float = 0.0) -> Rule:
    """A rule for the latents of a chart: one for its points, one for weights and classes.

    TR0N appendix B.1 moves the means by Langevin dynamics, and by Adam the weights of a basis and
    the class embedding of a BigGAN.

    Args:
        chart: the latents'.
        rule: for every block but those.
        weights: for the weights of a basis and for blocks that say the class (`y`, `c`).
        clip: limit of the gradient's norm per sample and block, 0 for none (the paper; the
            released code clips to 1, the means of a basis and its weights apart).
    """
    if clip > 0:
        rule, weights = chain(clip_norm(clip), rule), chain(clip_norm(clip), weights)
    gentle = {
        block.name
        for block in chart.source.blocks
        if block.name.endswith(WEIGHTS) or block.name in CLASS_BLOCKS
    }
    if not gentle:
        return rule
    return by_block(
        chart.source,
        {block.name: weights if block.name in gentle else rule for block in chart.source.blocks},
    )
