"""The energy whose Boltzmann distribution is the posterior of the latents given a class."""

import math

import torch

from ..auxiliary import Classifier
from ..condition import Condition
from ..energy import Energy
from ..errors import InvalidInput
from ..generator import Generator
from .classification import classification
from .example import EnergyExample, toy_classifier, toy_generator
from .prior import NoDensity, prior_energy

__all__ = ["EXAMPLE", "bayes"]


def bayes(
    generator: Generator,
    classifier: Classifier,
    condition: Condition,
    *,
    prior_weight: float = 1.0,
    likelihood_weight: float = 1.0,
    std: float = 1.0,
    no_density: NoDensity = "refuse",
) -> Energy:
    """E'_Bayes = -beta1 log p(z) - beta2 log p(c given G(z)), TR0N eq. (7).

    The weights include the temperature: refine with inverse temperature 1. Weights (1, 1) give the
    posterior, eq. (6), up to a constant, where std is 1 and the prior has a density (see
    `core.energies.prior`); (0, 20) gives eq. (2) at inverse temperature 20, for any prior.

    Args:
        generator: generator of the latents z.
        classifier: classifier p(c given x).
        condition: target classes.
        prior_weight: beta1, at least 0.
        likelihood_weight: beta2, at least 0.
        std: nu > 0, factor on the standard deviations of the prior of the generator.
        no_density: how to treat a prior without a density where beta1 is above 0.

    Raises:
        InvalidInput: a number outside its range, both weights 0, or a prior without a density.
        ConditionMismatch: the condition belongs to another auxiliary.
    """
    for name, value in (("beta1", prior_weight), ("beta2", likelihood_weight)):
        if not 0 <= value < math.inf:
            raise InvalidInput(f"{name} is {value}; expected a number of at least 0.")
    if prior_weight == likelihood_weight == 0:
        raise InvalidInput("beta1 and beta2 are both 0: no term is left. Set one above 0.")
    # A term of weight 0 would waste a forward pass of G and f.
    energy = Energy(())
    if prior_weight > 0:
        energy = prior_weight * prior_energy(generator, std=std, no_density=no_density)
    if likelihood_weight > 0:
        energy = energy + likelihood_weight * classification(classifier, condition)
    return energy


def _example() -> EnergyExample:
    generator, classifier = toy_generator(), toy_classifier()
    energy = bayes(generator, classifier, classifier.condition([1]), likelihood_weight=20, std=0.7)
    points = torch.randn(3, 6, generator=torch.Generator().manual_seed(0))
    return EnergyExample(energy.pullback(generator), points)


EXAMPLE = _example
