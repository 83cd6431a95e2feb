"""StarGAN v2 as one network from latents to images, and the prior of its styles."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

import torch
from einops import repeat
from jaxtyping import Float
from torch import Tensor, nn

from ...chunking import Chunking
from ...devices import placed
from ...rng import SampleRng
from .networks.domains import StyleEncoder, StyleMap
from .networks.landmarks import Landmarks
from .networks.translation import StyleGenerator

__all__ = ["StarGan", "StylePrior"]

AT_ONCE: Final = Chunking(8, padded=True)
"""Number of draws mapped at a time, padded so that products have one shape."""


class StarGan(nn.Module):
    """The networks of a file that translate: generator, mapping network and style encoder.

    Args:
        generator: G(x, s).
        mapping_network: styles of latents.
        style_encoder: styles of images.
        fan: network of landmarks, where details of faces stay.
    """

    def __init__(
        self,
        generator: StyleGenerator,
        mapping_network: StyleMap,
        style_encoder: StyleEncoder,
        fan: Landmarks | None = None,
    ) -> None:
        super().__init__()
        self.generator, self.mapping_network = generator, mapping_network
        self.style_encoder, self.fan = style_encoder, fan

    def forward(
        self,
        parts: Mapping[str, Float[Tensor, "batch ..."]],
        features: Float[Tensor, "1 width row column"],
        details: Mapping[int, Tensor],
        domain: int,
    ) -> Float[Tensor, "batch 3 size size"]:
        """Images, about in [-1, 1].

        Args:
            parts: blocks of latents: `z`, or a style `s`, and features `f` instead of the
                image's.
            features: features of the image that is translated.
            details: details of it that stay, by their side.
            domain: number of the domain to translate to.
        """
        s = parts["s"] if "s" in parts else self.mapping_network(parts["z"], domain)
        own = parts.get("f")
        if own is None:
            own = repeat(features, "1 ... -> batch ...", batch=len(s))
        return self.generator(own, s, details)


@dataclass(frozen=True, eq=False)
class StylePrior:
    """Prior of styles: the mapping network applied to z ~ N(0, I); features stay the image's.

    Attributes:
        network: the mapping network.
        domain: number of the domain.
        features: features of the image, (1, dim), which follow the style; None for none.
    """

    network: StyleMap
    domain: int
    features: Float[Tensor, "1 dim"] | None = None

    @torch.no_grad()
    def sample(self, rng: SampleRng, like: Tensor) -> Float[Tensor, "batch dim"]:
        """Draws one point per row of rng, on the network's device."""
        z = rng.normal(self.network.layout.z_dim, like=next(self.network.parameters()))
        # The rounding of a matrix product depends on the number of rows and on a row's place.
        s = AT_ONCE.apply(lambda rows: self.network(rows, self.domain), z, rng.names).to(like)
        if self.features is None:
            return s
        own = repeat(placed(self.features, s), "1 dim -> batch dim", batch=len(s))
        return torch.cat([s, own], dim=1)

    @property
    def log_density(self) -> Callable[[Tensor], Tensor] | None:
        """None, since the density of a style is unknown."""
        return None

    def __str__(self) -> str:
        own = "" if self.features is None else "; the image's own features"
        return f"the mapping network at z ~ N(0, I){own}"
