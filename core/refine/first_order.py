"""The refiner that follows a direction by a rule, on the blocks of any chart."""

from dataclasses import dataclass
from typing import Literal, TypeAlias

from ..chunking import Chunking
from ..energy import Energy
from ..errors import InvalidInput
from ..spaces import Map, Space
from .kernel import Direction, Gradient, Kernel, Projection, Rule, descend
from .rules import ByBlock, Chain, ClipNorm

__all__ = ["FirstOrder", "Preset", "clip_of"]

Preset: TypeAlias = Literal["custom", "paper", "official code"]
CLIPS = {"paper": 0.0, "official code": 1.0}
"""Presets of a step: TR0N's code clips gradients to norm 1, its paper does not."""


GRADIENT = Gradient()


@dataclass(frozen=True)
class FirstOrder:
    """Steps along a direction by a rule, optionally with a separate rule for weights and classes.

    TR0N appendix B.1 moves the means by Langevin dynamics, and the weights of a basis and the
    class embedding of a BigGAN by Adam.

    Attributes:
        rule: rule that moves the latents.
        weights: rule that moves the blocks of the roles `weights` and `class`; None for the same
            rule.
        clip_norm: limit of the direction's norm per sample and block, 0 for none (the paper; the
            released code clips to 1, the means of a basis and its weights apart).
        direction: direction that the rules follow.

    Raises:
        InvalidInput: a negative limit.
    """

    rule: Rule
    weights: Rule | None = None
    clip_norm: float = 0.0
    direction: Direction = GRADIENT

    def __post_init__(self) -> None:
        if self.clip_norm != 0:
            ClipNorm(self.clip_norm)

    def bind(
        self, energy: Energy, chart: Map, chunking: Chunking, project: Projection | None = None
    ) -> Kernel:
        """Returns the kernel that follows the direction of an energy; see `Refiner`."""
        field = self.direction.field(energy, chunking)
        return descend(field, self.on(chart.source), project=project)

    def on(self, space: Space) -> Rule:
        """Returns the rule for all blocks of a space together."""
        rule, weights = (
            self._clipped(self.rule),
            self._clipped(self.rule if self.weights is None else self.weights),
        )
        if all(block.role == "latent" for block in space.blocks):
            return rule
        return ByBlock(
            space,
            {block.name: rule if block.role == "latent" else weights for block in space.blocks},
        )

    def _clipped(self, rule: Rule) -> Rule:
        return Chain((ClipNorm(self.clip_norm), rule)) if self.clip_norm else rule


def clip_of(preset: Preset, custom: float) -> float:
    """Returns the limit of the gradient norm of a sample that a preset stands for, 0 for none.

    Both presets share everything else: heavy-ball momentum without dampening, noise outside of the
    momentum, weights by Adam without noise. The weights of a basis are unconstrained in the paper
    and a softmax in the code: that is chosen where the basis is made.

    Args:
        preset: name of the preset; `custom` uses the limit given by the caller.
        custom: limit for `custom`.

    Raises:
        InvalidInput: an unknown preset.
    """
    if preset == "custom":
        return custom
    if preset not in CLIPS:
        raise InvalidInput(f"Preset {preset!r}; expected one of custom, {', '.join(CLIPS)}.")
    return CLIPS[preset]
