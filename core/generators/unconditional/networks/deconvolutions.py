"""Generators of transposed convolutions: chainer-gan-lib's DCGAN, and MMD-GAN's decoder.

Radford et al., "Unsupervised Representation Learning with Deep Convolutional Generative
Adversarial Networks" (2016); Li et al., "MMD GAN" (2017). Names are those of the official state
dicts.
"""

from collections.abc import Sequence
from itertools import pairwise

from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

__all__ = ["DeconvolutionalGenerator", "MmdGanGenerator"]


class DeconvolutionalGenerator(nn.Module):
    """DCGAN of chainer-gan-lib: a linear map and transposed convolutions, each normalised.

    All convolutions but the last, which has a 3x3 kernel, double the side.

    Args:
        latent: length of z.
        base: side of the first map.
        channels: of the first map and after each convolution, ending with the image's.
        eps: eps of the normalisations.
    """

    def __init__(self, latent: int, base: int, channels: Sequence[int], eps: float) -> None:
        super().__init__()
        self.latent, self.base, self.channels = latent, base, tuple(channels)
        self.l0 = nn.Linear(latent, channels[0] * base**2)
        self.bn0 = nn.BatchNorm1d(channels[0] * base**2, eps)
        self._parts: list[tuple[nn.Module, nn.Module]] = []
        count = len(channels) - 1
        for number, (before, after) in enumerate(pairwise(channels), start=1):
            if number == count:
                layer, norm = nn.ConvTranspose2d(before, after, 3, 1, 1), nn.Identity()
            else:
                layer = nn.ConvTranspose2d(before, after, 4, 2, 1)
                norm = nn.BatchNorm2d(after, eps)
                self.add_module(f"bn{number}", norm)
            self.add_module(f"dc{number}", layer)
            self._parts.append((layer, norm))

    @property
    def side(self) -> int:
        """Side of the images in pixels."""
        return self.base * 2 ** (len(self.channels) - 2)

    def forward(self, z: Float[Tensor, "batch latent"]) -> Float[Tensor, "batch 3 size size"]:
        """Images in [-1, 1]."""
        x = self.bn0(self.l0(z)).view(-1, self.channels[0], self.base, self.base)
        for layer, norm in self._parts:
            x = norm(layer(functional.relu(x)))
        return x.tanh()


class MmdGanGenerator(nn.Module):
    """Decoder of OctoberChang/MMD-GAN and of DGflow: 4x4 transposed convolutions, normalised.

    Args:
        widths: length of z, then the channels after each convolution, ending with the image's.
        side: side to which images are enlarged; 0 for their own.
        sigmoid: whether pixels are a sigmoid's, as in DGflow's VAEs; else tanh's.
    """

    def __init__(self, widths: Sequence[int], *, side: int = 0, sigmoid: bool = False) -> None:
        super().__init__()
        self.widths, self.sigmoid = tuple(widths), sigmoid
        self.own_side = 2 ** len(widths)
        self.side = side or self.own_side
        self.main = nn.Sequential()
        for number, (before, after) in enumerate(pairwise(widths)):
            last = number == len(widths) - 2
            part = "final" if last else "pyramid" if number else "initial"
            stride, padding = (2, 1) if number else (1, 0)
            layer = nn.ConvTranspose2d(before, after, 4, stride, padding, bias=False)
            self.main.add_module(f"{part}-{before}-{after}-convt", layer)
            if not last:
                self.main.add_module(f"{part}-{after}-batchnorm", nn.BatchNorm2d(after))
                self.main.add_module(f"{part}-{after}-relu", nn.ReLU())

    def forward(self, z: Float[Tensor, "batch latent"]) -> Float[Tensor, "batch 3 size size"]:
        """Images in [-1, 1]."""
        x = self.main(z[:, :, None, None])
        images = 2 * x.sigmoid() - 1 if self.sigmoid else x.tanh()
        if self.side == self.own_side:
            return images
        size = (self.side, self.side)
        return functional.interpolate(images, size=size, mode="bilinear", align_corners=True)
