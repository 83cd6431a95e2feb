"""The rules and the refiners, each with the example that the contract tests use."""

from collections.abc import Callable
from typing import TypeAlias

from ..spaces import Space
from .cma_es import CmaEs
from .first_order import FirstOrder
from .kernel import Refiner, Rule
from .rules import Adam, ByBlock, Chain, ClipNorm, Descent, Langevin, Nesterov
from .schedule import Schedule

__all__ = ["REFINERS", "RULES", "MakeRule"]

MakeRule: TypeAlias = Callable[[Space], Rule]
"""Instance that gets near the minimum of |z|^2 / 2 from z of order 1 within 300 steps."""
LANGEVIN = Langevin(step_size=1e-3, inverse_temperature=200, momentum=0.5)
CLIPPED = Chain((ClipNorm(1), Adam(learning_rate=0.05)))


def _scheduled(space: Space) -> Rule:
    return Langevin(
        step_size=1e-3,
        inverse_temperature=200,
        momentum=0,
        step_schedule=Schedule("linear", 300, 0.5),
        noise_schedule=Schedule("cosine", 300, 0),
    )


def _adam(space: Space) -> Rule:
    return Adam(learning_rate=0.05, step_schedule=Schedule("cosine", 300, 0.01))


def _by_block(space: Space) -> Rule:
    first, *others = space.blocks
    rules: dict[str, Rule] = {first.name: LANGEVIN}
    return ByBlock(space, rules | {block.name: CLIPPED for block in others})


RULES: tuple[tuple[str, MakeRule], ...] = (
    ("langevin", lambda space: LANGEVIN),
    ("langevin-scheduled", _scheduled),
    ("adam", _adam),
    ("adam-clipped", lambda space: CLIPPED),
    ("descent", lambda space: Descent(step_size=0.1)),
    ("nesterov", lambda space: Nesterov(step_size=0.05, momentum=0.5)),
    ("by-block", _by_block),
)
REFINERS: tuple[tuple[str, Refiner], ...] = (
    ("langevin", FirstOrder(LANGEVIN, weights=Adam(learning_rate=0.05), clip_norm=1.0)),
    ("adam", FirstOrder(Adam(learning_rate=0.05))),
    ("cma-es", CmaEs(population=8)),
    ("basin-cma", CmaEs(population=8, inner_steps=2)),
)
"""Instances that halve the mean of |z|^2 / 2 from z of order 1 within 40 steps, in any chart."""
