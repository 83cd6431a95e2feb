"""Class-balanced draws from priors that draw a class."""

from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Float, Int
from torch import Tensor

from ..errors import InvalidInput
from ..generator import Generator, Prior
from ..rng import SampleRng

__all__ = ["ClassedPrior", "balanced_draws", "classed_prior"]


@runtime_checkable
class ClassedPrior(Prior, Protocol):
    """A prior that draws a class with each point, or may do so."""

    @property
    def class_count(self) -> int:
        """Number of classes; 0 if this one draws no class."""
        ...

    def sample_of(
        self, classes: Int[Tensor, " batch"], rng: SampleRng, like: Tensor
    ) -> Float[Tensor, "batch dim"]:
        """Draws the same points as `sample`, with given classes."""
        ...


def classed_prior(generator: Generator) -> ClassedPrior:
    """Returns the prior of a generator with classes.

    Raises:
        InvalidInput: its prior draws no class.
    """
    prior = generator.prior
    if isinstance(prior, ClassedPrior) and prior.class_count > 0:
        return prior
    raise InvalidInput(
        f"The prior of {generator.name!r} draws no class, so there is none to balance. Turn "
        "`balanced` off."
    )


def balanced_draws(
    prior: ClassedPrior, rng: SampleRng, like: Tensor
) -> Float[Tensor, "batch dim"]:
    """Draws one point per row of rng, of the class that is the row's name modulo their number.

    Any consecutive names as many as the classes have each class once. TR0N's code draws 1000
    pairs of each.
    """
    classes = torch.tensor([name % prior.class_count for name in rng.names])
    return prior.sample_of(classes, rng, like)
