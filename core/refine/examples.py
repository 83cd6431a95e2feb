"""The rules, each with the example that the contract tests take."""

from collections.abc import Callable
from typing import TypeAlias

from ..spaces import Space
from .kernel import Rule
from .rules import adam, by_block, chain, clip_norm, descent, langevin, schedule

__all__ = ["RULES", "MakeRule"]

MakeRule: TypeAlias = Callable[[Space], Rule]
"""An instance that gets near the minimum of |z|^2 / 2 from z of order 1 within 300 steps."""


def _langevin(space: Space) -> Rule:
    return langevin(step_size=1e-3, inverse_temperature=200, momentum=0.5)


def _scheduled(space: Space) -> Rule:
    return langevin(
        step_size=1e-3,
        inverse_temperature=200,
        momentum=0,
        step_schedule=schedule("linear", 300, 0.5),
        noise_schedule=schedule("cosine", 300, 0),
    )


def _adam(space: Space) -> Rule:
    return adam(learning_rate=0.05, step_schedule=schedule("cosine", 300, 0.01))


def _descent(space: Space) -> Rule:
    return descent(step_size=0.1)


def _clipped(space: Space) -> Rule:
    return chain(clip_norm(1), adam(learning_rate=0.05))


def _by_block(space: Space) -> Rule:
    first, *others = space.blocks
    rules = {first.name: _langevin(space)} | {block.name: _clipped(space) for block in others}
    return by_block(space, rules)


RULES: tuple[tuple[str, MakeRule], ...] = (
    ("langevin", _langevin),
    ("langevin-scheduled", _scheduled),
    ("adam", _adam),
    ("adam-clipped", _clipped),
    ("descent", _descent),
    ("by-block", _by_block),
)
