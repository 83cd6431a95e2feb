"""Noise on latents before they are rendered, fresh at every look."""

from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor, nn

from .errors import InvalidInput
from .rng import SampleRng
from .spaces import Domain, Map, Space

__all__ = ["Noisy"]


@dataclass(frozen=True)
class Noisy:
    """A map seen through noise, v -> m(v + std eps) with eps ~ N(0, I) at every evaluation.

    FuseDream's released code looks at its combined z and y so, with 0.01; its paper does not say
    it. The noise comes from each sample's stream, before whatever else is drawn there.

    Attributes:
        map: m, such as a generator.
        std: standard deviation in the units of the map's arguments, at least 0; 0 draws nothing.

    Raises:
        InvalidInput: a negative standard deviation.

    Departures: the noise does not heed the bounds of the arguments, in the released code neither;
    shares of classes are brought back to sum 1.
    """

    map: Map
    std: float

    def __post_init__(self) -> None:
        if not self.std >= 0:
            raise InvalidInput(f"Noise of standard deviation {self.std:g}; at least 0 needed.")

    @property
    def source(self) -> Space:
        """The map's."""
        return self.map.source

    @property
    def target(self) -> Domain:
        """The map's."""
        return self.map.target

    @property
    def modules(self) -> tuple[nn.Module, ...]:
        """The map's."""
        return self.map.modules

    def __str__(self) -> str:
        return f"{self.map} with noise {self.std:g}"

    def __call__(self, v: Float[Tensor, "batch dim"], rng: SampleRng) -> Tensor:
        """The map's values near the points v."""
        if self.std == 0:
            return self.map(v, rng)
        seen = v + self.std * rng.normal(v.shape[1], like=v)
        return self.map(self.source.share(seen), rng)
