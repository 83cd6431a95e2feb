"""The prior as an energy: distance of latents from the training distribution."""

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Final, Literal, TypeAlias

import torch
from jaxtyping import Float
from torch import Tensor

from ..devices import placed
from ..energy import Energy
from ..errors import InvalidInput
from ..generator import Gaussian, Generator, NormalPrior, Prior
from ..rng import SampleRng
from ..spaces import Space
from ..terms import Term
from .example import EnergyExample, toy_generator

__all__ = [
    "EXAMPLE",
    "FITTED",
    "NoDensity",
    "needs_fit",
    "prior_energy",
]

NoDensity: TypeAlias = Literal["refuse", "fitted Gaussian"]
"""Treatment of a prior whose density cannot be evaluated."""
FITTED: Final = 4096
"""Number of draws of the prior that a Gaussian is fitted to."""
FIT_SEED: Final = 0
LEAST_SPREAD = 1e-3
"""Smallest standard deviation of a fit, relative to their RMS: some w are constant."""
PIECE = 256
Evaluate: TypeAlias = Callable[[Tensor], Tensor]


def prior_energy(
    generator: Generator, *, std: float = 1.0, no_density: NoDensity = "refuse"
) -> Energy:
    """The energy -log p(z) of a generator's own prior up to a constant; TR0N appendix A.

    A normal block gives |z|^2 / (2 nu^2). So does a truncated normal block within its support, and
    refiners keep it there. The class counts as constant: classes are drawn uniformly from a few
    points, so an embedding `y` is free and shares `c` are uniform on the simplex.

    The distribution of StyleGAN's w is a pushforward whose density cannot be evaluated (appendix
    B). It can be replaced by a Gaussian with the means and standard deviations of mapped draws of
    the prior, coordinate by coordinate. Correlations are ignored: with them the narrow directions
    of W would need tiny steps, and W+, whose layers are drawn equal, would have no density.

    Args:
        generator: generator of the prior and the latents.
        std: nu > 0, factor on the prior's standard deviations; 1 is the prior itself.
        no_density: `refuse`, or `fitted Gaussian` to use that Gaussian instead of the density.

    Raises:
        InvalidInput: std is not a positive number, or a prior without a density.
    """
    _check(std)
    prior = generator.prior
    if needs_fit(generator, no_density):
        label, evaluate = _fit(prior, std)
    elif isinstance(prior, NormalPrior):
        label, evaluate = _own(generator.source, prior, std)
    else:
        label, evaluate = _evaluated(generator, std)
    term = Term(label=label, domain=generator.source, evaluate=lambda z, rng: evaluate(z))
    return Energy.of(replace(term, within=_support(generator)))


def needs_fit(generator: Generator, no_density: NoDensity) -> bool:
    """Whether the energy is that of a Gaussian fitted to draws, which calls the networks."""
    return no_density == "fitted Gaussian" and generator.prior.log_density is None


def _check(std: float) -> None:
    if not 0 < std < math.inf:
        raise InvalidInput(f"The prior's standard deviation nu is {std}; it must exceed 0.")


def _label(nu: float, classes: bool) -> str:
    """Returns the label, which identifies the energy of an interrupted run."""
    what = "prior of z" if classes else "prior"
    return what if nu == 1 else f"{what}(nu={nu})"


def _own(space: Space, prior: NormalPrior, std: float) -> tuple[str, Evaluate]:
    own = prior.std if isinstance(prior, Gaussian) else 1.0
    classes = any(block.role == "class" for block in space.blocks)
    return _label(own * std, classes), lambda z: prior.potential(z, std)


def _evaluated(generator: Generator, std: float) -> tuple[str, Evaluate]:
    density = generator.prior.log_density
    if density is None:
        raise InvalidInput(
            f"The prior of {generator.name!r}, latents {generator.source}, has no density that "
            f"can be evaluated: it is {generator.prior}. Load the generator with latent z, whose "
            "prior is known, or choose 'fitted Gaussian' (no_density) to pull towards a Gaussian "
            "fitted to mapped draws in its place."
        )
    if std != 1:
        raise InvalidInput(
            f"nu is {std}, but the prior of {generator.name!r} ({generator.prior}) is not a "
            "normal distribution that it could scale. Leave nu at 1."
        )
    return f"prior({generator.prior})", lambda z: -density(z)


def _fit(prior: Prior, std: float) -> tuple[str, Evaluate]:
    mean, spread = _moments(prior)

    def evaluate(z: Tensor) -> Tensor:
        return ((z - placed(mean, z)) / placed(spread, z)).square().sum(dim=1) / (2 * std**2)

    scaled = "" if std == 1 else f", nu={std}"
    return f"prior(Gaussian fitted to {FITTED} draws, seed {FIT_SEED}{scaled})", evaluate


@torch.no_grad()
def _moments(prior: Prior) -> tuple[Float[Tensor, " dim"], Float[Tensor, " dim"]]:
    """Returns means and standard deviations of draws, the same on every device up to rounding."""
    pieces = [
        prior.sample(SampleRng.of(FIT_SEED, range(n, n + PIECE), "prior fit"), torch.empty(0))
        for n in range(0, FITTED, PIECE)
    ]
    drawn = torch.cat(pieces).cpu().double()
    spread, mean = torch.std_mean(drawn, dim=0)
    least = LEAST_SPREAD * float(spread.square().mean().sqrt())
    if not 0 < least < math.inf:
        raise InvalidInput(
            f"No Gaussian fits the draws of {prior}: their standard deviation is "
            f"{least / LEAST_SPREAD:g}. The weights may be untrained or damaged."
        )
    return mean.float(), spread.clamp_min(least).float()


def _support(generator: Generator) -> Callable[[Tensor], Tensor] | None:
    """Returns the support of the density, if the bounds of the generator are wider."""
    limit = getattr(generator.prior, "limit", None)
    first = generator.source.blocks[0]
    if limit is None or limit >= first.high:
        return None
    tighter = replace(first, low=-limit, high=limit)
    return Space((tighter, *generator.source.blocks[1:])).clamp


def _example() -> EnergyExample:
    points = torch.randn(3, 6, generator=torch.Generator().manual_seed(0))
    return EnergyExample(prior_energy(toy_generator(), std=0.7), points)


EXAMPLE = _example
