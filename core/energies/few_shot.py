"""A few-shot condition as an energy of latents: -log r(c given z) of D2C."""

import hashlib

import torch
from torch import Tensor

from ..conditions.few_shot import FewShot
from ..energy import Energy
from ..generator import Generator
from ..rng import SampleRng
from ..terms import Measure, Term
from .example import EnergyExample, toy_generator

__all__ = ["EXAMPLE", "few_shot"]

DIGITS = 8
"""Hexadecimal digits by which the numbers of a condition are known in a label."""


def few_shot(condition: FewShot, generator: Generator) -> Energy:
    """The energy -log r(c given z) on latents, with r of D2C section 5.

    With a prior's energy it is minus the log density of D2C's Algorithm 1, line 4, up to a
    constant. No image is made for it.

    Args:
        condition: the few-shot condition.
        generator: of its latents, whose space the energy lives on.

    Raises:
        GeneratorMismatch: a condition of another generator.
    """
    condition.check(generator)

    def evaluate(z: Tensor, rng: SampleRng) -> Tensor:
        return -condition.log_probability(z)

    return Energy.of(
        Term(
            label=f"few-shot({condition.name}, {_digest(condition)})",
            domain=generator.source,
            evaluate=evaluate,
            measure=Measure("r", lambda values: (-values).exp()),
        )
    )


def _digest(condition: FewShot) -> str:
    """Returns digits that identify r; the label is part of the identity of a run."""
    found = hashlib.sha256(
        repr((condition.wanted, condition.calibration, condition.shares)).encode()
    )
    found.update(repr(condition.fitted_shares).encode())
    for tensor in (condition.weight, condition.bias, condition.mean, condition.std):
        found.update(tensor.detach().cpu().double().contiguous().numpy().tobytes())
    return found.hexdigest()[:DIGITS]


def _example() -> EnergyExample:
    generator = toy_generator()
    stream = torch.Generator().manual_seed(4)
    condition = FewShot(
        classes=("rest", "wanted"),
        wanted=1,
        weight=torch.randn(1, 6, generator=stream),
        bias=torch.tensor([0.3]),
        mean=torch.zeros(6),
        std=torch.ones(6),
        calibration=(0.8, -0.1),
        shares=(0.7, 0.3),
        fitted_shares=(0.5, 0.5),
        generator=generator.id,
        generator_name=generator.name,
    )
    points = torch.randn(3, 6, generator=torch.Generator().manual_seed(0))
    return EnergyExample(few_shot(condition, generator), points)


EXAMPLE = _example
