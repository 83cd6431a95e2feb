"""Frozen generators G from latents to images, and the priors of their latents."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from jaxtyping import Float
from torch import Tensor, nn

from .auxiliary import Discriminator
from .errors import DomainMismatch
from .rng import SampleRng
from .spaces import IMAGES, Images, Space

__all__ = ["Gaussian", "Generator", "NormalPrior", "Prior"]


@runtime_checkable
class Prior(Protocol):
    """Prior p(z) of the latents."""

    def sample(self, rng: SampleRng, like: Tensor) -> Float[Tensor, "batch dim"]:
        """Draws one point per row of rng from that row's stream, the same in any batch."""
        ...

    @property
    def log_density(self) -> Callable[[Tensor], Tensor] | None:
        """Log p(z) per row, summed over blocks; None where it cannot be evaluated (StyleGAN's W).

        A class is one of a few equally likely points. Its block counts log(1 / classes) at every
        value, so its gradient is zero.
        """
        ...


@runtime_checkable
class NormalPrior(Prior, Protocol):
    """A prior that is normal in all numbers but those of a class."""

    def potential(
        self, z: Float[Tensor, "batch dim"], scale: float = 1.0
    ) -> Float[Tensor, " batch"]:
        """-log p(z) per row minus its value at the centre, ignoring any truncation.

        Args:
            z: points to evaluate.
            scale: factor on the standard deviations.
        """
        ...


@dataclass(frozen=True)
class Gaussian:
    """Normal prior N(0, std² I), the prior of most generators.

    Attributes:
        dim: dimension of a point.
        std: standard deviation, nu in TR0N's appendix A.
    """

    dim: int
    std: float = 1.0

    def __str__(self) -> str:
        return f"z ~ N(0, {self.std**2:g} I)" if self.std != 1 else "z ~ N(0, I)"

    def sample(self, rng: SampleRng, like: Tensor) -> Float[Tensor, "batch dim"]:
        """Draws one point per row of rng."""
        return self.std * rng.normal(self.dim, like=like)

    @property
    def log_density(self) -> Callable[[Tensor], Tensor]:
        """Log p(z) per row."""

        def evaluate(z: Float[Tensor, "batch dim"]) -> Float[Tensor, " batch"]:
            constant = self.dim * (math.log(self.std) + 0.5 * math.log(2 * math.pi))
            return -self.potential(z) - constant

        return evaluate

    def potential(
        self, z: Float[Tensor, "batch dim"], scale: float = 1.0
    ) -> Float[Tensor, " batch"]:
        """|z|^2 / (2 (scale std)^2) per row."""
        return z.square().sum(dim=1) / (2 * (scale * self.std) ** 2)


@dataclass(frozen=True)
class Generator:
    """A frozen pushforward model (p(z), G) from latents to images in [0, 1].

    Attributes:
        name: display name.
        id: sha256 of the weights, combined with the options that change the map (`ModelId`) where
            the architecture has any; latents and translators record it.
        architecture: id of the architecture that loaded it.
        module: the network.
        source: the latent space.
        prior: p(z) on the latent space.
        image_size: (height, width) in pixels.
        render: function from the blocks of a latent to images in [0, 1], through the module; a
            stochastic generator draws from the streams given.
        discriminator: discriminator, where the file has one.
        encoder: network that encodes images, where the file has one.
        encode: function from images in [0, 1] to their latents (batch, dim), through the encoder.
        licence: licence of the weights, as far as known.
    """

    name: str
    id: str
    architecture: str
    module: nn.Module
    source: Space
    prior: Prior
    image_size: tuple[int, int]
    render: Callable[[Mapping[str, Tensor], SampleRng], Tensor]
    discriminator: Discriminator | None = None
    encoder: nn.Module | None = None
    encode: Callable[[Tensor], Tensor] | None = None
    licence: str = "unknown"

    @property
    def target(self) -> Images:
        """The space of images."""
        return IMAGES

    @property
    def modules(self) -> tuple[nn.Module, ...]:
        """The network, and the encoder if there is one."""
        return (self.module,) if self.encoder is None else (self.module, self.encoder)

    def __str__(self) -> str:
        return self.name

    def __call__(
        self, v: Float[Tensor, "batch dim"], rng: SampleRng
    ) -> Float[Tensor, "batch 3 height width"]:
        """Returns G(z) for each row independently.

        Raises:
            DomainMismatch: the points do not have the shape of this generator's latents.
        """
        if v.ndim != 2 or v.shape[1] != self.source.dim:
            raise DomainMismatch(
                f"Generator {self.name!r} takes latents {self.source}, shape (batch, "
                f"{self.source.dim}); got {tuple(v.shape)}."
            )
        return self.render(self.source.split(v), rng)
