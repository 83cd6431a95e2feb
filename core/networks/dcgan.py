"""The DCGAN generator of Radford et al. (2015), as PyTorch's tutorial numbers its layers."""

from collections.abc import Sequence
from itertools import pairwise

from jaxtyping import Float
from torch import Tensor, nn

__all__ = ["DcganGenerator"]


class DcganGenerator(nn.Sequential):
    """Transposed convolutions of 4 x 4, each but the last with batch normalisation and ReLU.

    The first makes 4 x 4 pixels of a latent and each further one doubles the side. Use it in
    eval() mode: the normalisation is then a fixed affine map. Read off a state dict: layer 3 n is
    the n-th convolution, (in, out, 4, 4).

    Args:
        widths: length of z, the channels after each convolution, those of the image last.
        bias: whether the convolutions have one.
    """

    def __init__(self, widths: Sequence[int], *, bias: bool = False) -> None:
        layers: list[nn.Module] = []
        for number, (before, after) in enumerate(pairwise(widths)):
            stride, padding = (1, 0) if number == 0 else (2, 1)
            layers.append(nn.ConvTranspose2d(before, after, 4, stride, padding, bias=bias))
            if number < len(widths) - 2:
                layers += [nn.BatchNorm2d(after), nn.ReLU(inplace=True)]
        super().__init__(*layers, nn.Tanh())

    def forward(self, z: Float[Tensor, "batch latent"]) -> Float[Tensor, "batch c size size"]:
        """Images in [-1, 1]."""
        return super().forward(z[:, :, None, None])
