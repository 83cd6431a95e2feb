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
"""Where the two differ in a step: TR0N's code shortens gradients to 1, its paper says nothing."""


GRADIENT = Gradient()


@dataclass(frozen=True)
class FirstOrder:
    """Steps along a direction by a rule, with a rule of their own for weights and classes.

    TR0N appendix B.1 moves the means by Langevin dynamics, and by Adam the weights of a basis and
    the class embedding of a BigGAN.

    Attributes:
        rule: how latents move.
        weights: how the blocks of the roles `weights` and `class` move; None for the same rule.
        clip_norm: limit of the direction's norm per sample and block, 0 for none (the paper; the
            released code clips to 1, the means of a basis and its weights apart).
        direction: what the rules follow.

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
        """The kernel that follows the direction of an energy; see `Refiner`."""
        field = self.direction.field(energy, chunking)
        return descend(field, self.on(chart.source), project=project)

    def on(self, space: Space) -> Rule:
        """The rule for all blocks of a space together."""
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
    """The limit of a sample's gradient that a preset stands for, 0 for none.

    Both presets share everything else: heavy-ball momentum without dampening, noise outside of it,
    weights by Adam without noise. The weights of a basis are any numbers in the paper and a
    softmax in the code: that is chosen where the basis is made.

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
