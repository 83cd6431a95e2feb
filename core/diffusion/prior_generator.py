"""A generator with a diffusion prior: x_T ~ N(0, I) through the diffusion and the decoder."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from jaxtyping import Float
from torch import Tensor, nn

from ..chunking import ALL_AT_ONCE
from ..generator import Gaussian, Generator
from ..identity import ModelId
from ..rng import SampleRng
from ..spaces import Block, Space
from .ddim import checked_eta
from .prior import DiffusionPrior

__all__ = ["DiffusionDraws", "as_generator", "with_prior"]

NOISE = "noise"
"""Name of the block of x_T."""


@dataclass(frozen=True)
class DiffusionDraws:
    """Samples of a diffusion prior as the prior of a generator; without a log density.

    Attributes:
        prior: the diffusion prior.
        steps: number of calls of the denoiser.
        eta: randomness of the steps.
    """

    prior: DiffusionPrior
    steps: int
    eta: float = 0.0

    def __str__(self) -> str:
        return f"z ~ {self.prior.name} ({self.steps} steps)"

    @property
    def log_density(self) -> None:
        """None; see `DiffusionPrior`."""
        return

    def sample(self, rng: SampleRng, like: Tensor) -> Float[Tensor, "batch dim"]:
        """Draws one latent per row of rng."""
        return self.prior.sample(rng, like, steps=self.steps, eta=self.eta)


def as_generator(
    prior: DiffusionPrior, generator: Generator, *, steps: int, eta: float = 0.0
) -> Generator:
    """Returns the generator whose latents are the noise of the prior, eq. (3) of D2C.

    x_T ~ N(0, I) goes through DDIM to a latent of the generator, and through the generator to an
    image. It is differentiable, and has no encoder: the inverse of the diffusion is not computed.

    Args:
        prior: diffusion prior of the generator's latents.
        generator: the generator.
        steps: number of calls of the denoiser.
        eta: randomness of the steps; above 0 each image takes draws besides x_T.

    Raises:
        GeneratorMismatch: the prior is of another generator.
        InvalidInput: steps or eta is out of range.
    """
    _check(prior, generator, steps, eta)
    shapes = [block.shape for block in generator.source.blocks]
    shape = shapes[0] if len(shapes) == 1 else (generator.source.dim,)

    def render(parts: Mapping[str, Tensor], rng: SampleRng) -> Tensor:
        noise = parts[NOISE].flatten(1)
        z = prior.push(noise, rng, steps=steps, eta=eta, chunking=ALL_AT_ONCE)
        return generator(z, rng)

    return Generator(
        name=f"{prior.name} of {generator.name}",
        id=ModelId(prior.id, {"steps": steps, "eta": eta}),
        architecture="diffusion-prior",
        module=nn.ModuleList([*prior.modules, generator.module]),
        source=Space((Block(NOISE, shape),)),
        prior=Gaussian(generator.source.dim),
        image_size=generator.image_size,
        render=render,
        licence=_licence(prior, generator),
    )


def with_prior(
    prior: DiffusionPrior, generator: Generator, *, steps: int, eta: float = 0.0
) -> Generator:
    """Returns the same generator with latents that are drawn from the diffusion prior.

    Its map, its id and its encoder are unchanged, so that latents, translators and conditions of
    the generator remain valid. The prior has no log density.

    Args:
        prior: diffusion prior of the generator's latents.
        generator: the generator.
        steps: number of calls of the denoiser.
        eta: randomness of the steps.

    Raises:
        GeneratorMismatch: the prior is of another generator.
        InvalidInput: steps or eta is out of range.
    """
    _check(prior, generator, steps, eta)
    module = nn.ModuleList([*prior.modules, generator.module])
    licence = _licence(prior, generator)
    draws = DiffusionDraws(prior, steps, eta)
    return replace(generator, prior=draws, module=module, licence=licence)


def _check(prior: DiffusionPrior, generator: Generator, steps: int, eta: float) -> None:
    prior.check(generator)
    prior.schedule.times(steps)
    checked_eta(eta)


def _licence(prior: DiffusionPrior, generator: Generator) -> str:
    if prior.licence == generator.licence:
        return generator.licence
    return f"{generator.licence}; diffusion prior: {prior.licence}"
