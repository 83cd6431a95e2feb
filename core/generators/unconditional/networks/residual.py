"""Residual generators of SN-GAN and WGAN-GP.

Miyato et al., "Spectral Normalization for Generative Adversarial Networks" (2018), appendix B;
Gulrajani et al., "Improved Training of Wasserstein GANs" (2017), appendix C. Names are those of
kwotsin/mimicry and of pfnet-research/sngan_projection.
"""

from dataclasses import dataclass
from itertools import pairwise
from typing import Literal, TypeAlias

from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

__all__ = ["ResidualGenerator", "ResidualLayout", "Upsampling", "doubled"]

Upsampling: TypeAlias = Literal["nearest", "bilinear"]


def doubled(
    x: Float[Tensor, "batch c h w"], how: Upsampling, side: int = 0
) -> Float[Tensor, "batch c _ _"]:
    """Maps of the double side, or of a given one.

    Args:
        x: the maps.
        how: nearest, or bilinear between the centres of pixels.
        side: the side; 0 for the double.
    """
    size = (side, side) if side else (2 * x.shape[-2], 2 * x.shape[-1])
    if how == "nearest":
        return functional.interpolate(x, size=size, mode="nearest")
    return functional.interpolate(x, size=size, mode="bilinear", align_corners=False)


@dataclass(frozen=True)
class ResidualLayout:
    """Sizes of a generator.

    Attributes:
        latent: length of z.
        base: side of the first map.
        channels: of the first map and after each block.
        last: name of the last convolution, such as `c5`.
        upsampling: how each block doubles the side.
        eps: eps of the normalisations.
    """

    latent: int
    base: int
    channels: tuple[int, ...]
    last: str = ""
    upsampling: Upsampling = "bilinear"
    eps: float = 1e-5

    @property
    def number(self) -> int:
        """Number in the names of the layers after the blocks, whose first is block2."""
        return len(self.channels) + 1

    @property
    def side(self) -> int:
        """Side of the images in pixels."""
        return self.base * 2 ** (len(self.channels) - 1)


class _Block(nn.Module):
    """Residual block that doubles the side."""

    def __init__(self, before: int, after: int, layout: ResidualLayout) -> None:
        super().__init__()
        self.upsampling: Upsampling = layout.upsampling
        self.b1 = nn.BatchNorm2d(before, layout.eps)
        self.c1 = nn.Conv2d(before, after, 3, padding=1)
        self.b2 = nn.BatchNorm2d(after, layout.eps)
        self.c2 = nn.Conv2d(after, after, 3, padding=1)
        self.c_sc = nn.Conv2d(before, after, 1)

    def forward(self, x: Tensor) -> Tensor:
        h = self.c1(doubled(functional.relu(self.b1(x)), self.upsampling))
        h = self.c2(functional.relu(self.b2(h)))
        return h + self.c_sc(doubled(x, self.upsampling))


class ResidualGenerator(nn.Module):
    """Generator from z to images in [-1, 1].

    Args:
        layout: its sizes.
    """

    def __init__(self, layout: ResidualLayout) -> None:
        super().__init__()
        self.layout = layout
        width = layout.channels[-1]
        self.l1 = nn.Linear(layout.latent, layout.channels[0] * layout.base**2)
        blocks = [_Block(*pair, layout) for pair in pairwise(layout.channels)]
        for number, block in enumerate(blocks, start=2):
            self.add_module(f"block{number}", block)
        norm = nn.BatchNorm2d(width, layout.eps)
        last = nn.Conv2d(width, 3, 3, padding=1)
        self.add_module(f"b{layout.number}", norm)
        self.add_module(layout.last or f"c{layout.number}", last)
        self._parts = (blocks, norm, last)

    def forward(self, z: Float[Tensor, "batch latent"]) -> Float[Tensor, "batch 3 size size"]:
        """Images in [-1, 1]."""
        blocks, norm, last = self._parts
        base = self.layout.base
        x = self.l1(z).view(-1, self.layout.channels[0], base, base)
        for block in blocks:
            x = block(x)
        return last(functional.relu(norm(x))).tanh()
