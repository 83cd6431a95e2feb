"""Frozen generators G: latents to images, with the prior that their latents come from."""

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
    """p(z): what latents are drawn from."""

    def sample(self, rng: SampleRng, like: Tensor) -> Float[Tensor, "batch dim"]:
        """One point per row of rng, each from that row's stream and the same in any batch."""
        ...

    @property
    def log_density(self) -> Callable[[Tensor], Tensor] | None:
        """Log p(z) per row, block by block, or None where it cannot be evaluated (StyleGAN's W).

        Classes are drawn from a few points, all alike: the class counts log(1 / classes) wherever
        it lies, so that nothing draws it anywhere.
        """
        ...


@runtime_checkable
class NormalPrior(Prior, Protocol):
    """A prior of normal numbers, apart from those that hold the class."""

    def potential(
        self, z: Float[Tensor, "batch dim"], scale: float = 1.0
    ) -> Float[Tensor, " batch"]:
        """-log p(z) per row, less what it is at the centre; without the cut-off, where one is.

        Args:
            z: points.
            scale: factor on the standard deviations.
        """
        ...


@dataclass(frozen=True)
class Gaussian:
    """N(0, std² I), the prior of most generators.

    Attributes:
        dim: numbers in one point.
        std: nu in TR0N's appendix A.
    """

    dim: int
    std: float = 1.0

    def __str__(self) -> str:
        return f"z ~ N(0, {self.std**2:g} I)" if self.std != 1 else "z ~ N(0, I)"

    def sample(self, rng: SampleRng, like: Tensor) -> Float[Tensor, "batch dim"]:
        """One point per row of rng."""
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
        """|z|^2 / (2 std^2), the std times `scale`."""
        return z.square().sum(dim=1) / (2 * (scale * self.std) ** 2)


@dataclass(frozen=True)
class Generator:
    """A frozen pushforward model (p(z), G): the map from its latents to images in [0, 1].

    Attributes:
        name: to display.
        id: the sha256 of its weights, with the options that its map depends on (`ModelId`) where
            its architecture takes some; latents and translators remember it.
        architecture: the id of the architecture that loaded it.
        module: the network.
        source: the latent space.
        prior: p(z) on it.
        image_size: (height, width) in pixels.
        render: from the latent's blocks to images in [0, 1], through the module; a stochastic
            generator draws from the streams that it is given.
        discriminator: the one that it was trained against, where the file has one.
        encoder: the network that encodes images, where the file has one.
        encode: images in [0, 1] to their latents (batch, dim), through the encoder.
        licence: of the weights, as far as known.
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
        """Images, of size `image_size`."""
        return IMAGES

    @property
    def modules(self) -> tuple[nn.Module, ...]:
        """The network, and the encoder where there is one."""
        return (self.module,) if self.encoder is None else (self.module, self.encoder)

    def __str__(self) -> str:
        return self.name

    def __call__(
        self, v: Float[Tensor, "batch dim"], rng: SampleRng
    ) -> Float[Tensor, "batch 3 height width"]:
        """G(z), row by row.

        Raises:
            DomainMismatch: points that are not this generator's latents.
        """
        if v.ndim != 2 or v.shape[1] != self.source.dim:
            raise DomainMismatch(
                f"Generator {self.name!r} takes latents {self.source}, shape (batch, "
                f"{self.source.dim}); got {tuple(v.shape)}."
            )
        return self.render(self.source.split(v), rng)
