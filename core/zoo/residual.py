"""The residual block that the networks of the avatars share."""

from torch import Tensor, nn
from torch.nn import functional

__all__ = ["Residual"]


class Residual(nn.Module):
    """Two 3 x 3 convolutions with a shortcut, each after group normalisation and SiLU.

    Args:
        channels: in and out, a multiple of 4.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm1 = nn.GroupNorm(4, channels)
        self.conv1 = nn.Conv2d(channels, channels, 3, padding=1)
        self.norm2 = nn.GroupNorm(4, channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """Features of the same shape."""
        h = self.conv1(functional.silu(self.norm1(x)))
        return x + self.conv2(functional.silu(self.norm2(h)))
