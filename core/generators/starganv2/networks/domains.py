"""StarGAN v2's networks with an end per domain: styles of latents and of images, and logits."""

from dataclasses import dataclass
from itertools import pairwise

from jaxtyping import Float
from torch import Tensor, nn

from .translation import SLOPE, StarGanBlock

__all__ = ["DomainDiscriminator", "StyleEncoder", "StyleMap", "StyleMapLayout"]


@dataclass(frozen=True)
class StyleMapLayout:
    """Sizes of a mapping network.

    Attributes:
        z_dim: length of z.
        hidden: hidden units.
        style: length of a style.
        domains: number of domains.
    """

    z_dim: int
    hidden: int
    style: int
    domains: int


def _layers(*widths: int, last: bool) -> nn.Sequential:
    layers: list[nn.Module] = []
    for before, after in pairwise(widths):
        layers += [nn.Linear(before, after), nn.ReLU()]
    return nn.Sequential(*layers if last else layers[:-1])


class StyleMap(nn.Module):
    """Styles of latents, by domain.

    Args:
        layout: the sizes.
    """

    def __init__(self, layout: StyleMapLayout) -> None:
        super().__init__()
        self.layout = layout
        hidden = (layout.hidden,) * 4
        self.shared = _layers(layout.z_dim, *hidden, last=True)
        self.unshared = nn.ModuleList(
            _layers(*hidden, layout.style, last=False) for _ in range(layout.domains)
        )

    def forward(self, z: Float[Tensor, "batch z"], domain: int) -> Float[Tensor, "batch style"]:
        """Styles of the domain of a number."""
        return self.unshared[domain](self.shared(z))


def _trunk(widths: tuple[int, ...], *ends: nn.Module) -> nn.Sequential:
    """Blocks from an image's side to 4 x 4 maps, and what follows."""
    return nn.Sequential(
        nn.Conv2d(3, widths[0], 3, padding=1),
        *(StarGanBlock(*pair, normal=False, halves=True) for pair in pairwise(widths)),
        nn.LeakyReLU(SLOPE),
        nn.Conv2d(widths[-1], widths[-1], 4),
        nn.LeakyReLU(SLOPE),
        *ends,
    )


class StyleEncoder(nn.Module):
    """Styles of images, by domain.

    Args:
        widths: channels at the image's side, then after each halving, down to 4 x 4 maps.
        style: length of a style.
        domains: number of domains.
    """

    def __init__(self, widths: tuple[int, ...], style: int, domains: int) -> None:
        super().__init__()
        self.size = 4 * 2 ** (len(widths) - 1)
        self.shared = _trunk(widths)
        self.unshared = nn.ModuleList(nn.Linear(widths[-1], style) for _ in range(domains))

    def forward(
        self, x: Float[Tensor, "batch 3 size size"], domain: int
    ) -> Float[Tensor, "batch style"]:
        """Styles of the domain of a number; x in [-1, 1]."""
        return self.unshared[domain](self.shared(x).flatten(1))


class DomainDiscriminator(nn.Module):
    """Logits that images are real, by domain.

    Args:
        widths: as for the style encoder.
        domains: number of domains.
    """

    def __init__(self, widths: tuple[int, ...], domains: int) -> None:
        super().__init__()
        self.domains, self.size = domains, 4 * 2 ** (len(widths) - 1)
        self.main = _trunk(widths, nn.Conv2d(widths[-1], domains, 1))

    def features(self, x: Float[Tensor, "batch 3 size size"]) -> Float[Tensor, "batch features"]:
        """What the logits are linear in; x in [-1, 1]."""
        return self.main[:-1](x).flatten(1)

    def forward(self, x: Float[Tensor, "batch 3 size size"]) -> Float[Tensor, "batch domains"]:
        """Logits; x in [-1, 1]."""
        return self.main(x).flatten(1)
