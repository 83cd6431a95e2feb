"""The prior as an energy: how far latents lie from where the generator was trained."""

import math

import torch
from torch import Tensor

from ..energy import Energy, Term
from ..errors import InvalidInput
from ..rng import SampleRng
from ..spaces import Space
from .example import EnergyExample, toy_generator

__all__ = ["EXAMPLE", "gaussian_prior"]


def gaussian_prior(space: Space, *, std: float = 1.0) -> Energy:
    """|z|^2 / (2 nu^2), which is -log p(z) of N(0, nu^2 I) up to a constant; TR0N appendix A.

    Args:
        space: the generator's latent space.
        std: nu > 0; the paper uses 1 for AutoGAN and 0.7 for the NVAE.

    Raises:
        InvalidInput: std is not a positive number.
    """
    if not 0 < std < math.inf:
        raise InvalidInput(f"The prior's standard deviation nu is {std}; it must exceed 0.")

    def evaluate(z: Tensor, rng: SampleRng) -> Tensor:
        return z.square().sum(dim=1) / (2 * std**2)

    # An interrupted run tells energies by their labels.
    label = "prior" if std == 1 else f"prior(nu={std})"
    return Energy.of(Term(label=label, domain=space, evaluate=evaluate))


def _example() -> EnergyExample:
    points = torch.randn(3, 6, generator=torch.Generator().manual_seed(0))
    return EnergyExample(gaussian_prior(toy_generator().source, std=0.7), points)


EXAMPLE = _example
