"""Networks of the embedded avatars, 64 x 64: a VAE's decoder and encoder, and a judge.

Every size can be read off the shapes of a state dict; each class says where.
"""

from collections.abc import Mapping
from itertools import pairwise

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

__all__ = ["AvatarDecoder", "AvatarEncoder", "AvatarJudge"]


class _Residual(nn.Module):
    """Two 3 x 3 convolutions around a shortcut, group normalisation before each."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm1 = nn.GroupNorm(4, channels)
        self.conv1 = nn.Conv2d(channels, channels, 3, padding=1)
        self.norm2 = nn.GroupNorm(4, channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        h = self.conv1(F.silu(self.norm1(x)))
        return x + self.conv2(F.silu(self.norm2(h)))


class _Mix(nn.Module):
    """Group normalisation, SiLU and a 3 x 3 convolution."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm = nn.GroupNorm(4, channels)
        self.conv = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(F.silu(self.norm(x)))


class AvatarDecoder(nn.Module):
    """Latents to images, 4 x 4 to 64 x 64; G(z) = decode(shift + scale z), z ~ N(0, I).

    `shift` and `scale` (a lower triangle) are the mean and the Cholesky factor of what the encoder
    makes of real images, so that standard normal latents land where the decoder was trained. Read
    off a state dict: `latent_dim = shift.shape[0]`, `widths = mixes.N.norm.weight.shape[0]`.

    Args:
        latent_dim: length of z.
        widths: channels at 4, 8, 16, 32 and 64 pixels, multiples of 4.
    """

    shift: Tensor
    scale: Tensor

    def __init__(
        self, latent_dim: int = 64, widths: tuple[int, ...] = (224, 176, 112, 80, 32)
    ) -> None:
        super().__init__()
        self.register_buffer("shift", torch.zeros(latent_dim))
        self.register_buffer("scale", torch.eye(latent_dim))
        self.project = nn.Linear(latent_dim, widths[0] * 16)
        self.mixes = nn.ModuleList(_Mix(width) for width in widths)
        self.ups = nn.ModuleList(
            nn.ConvTranspose2d(wide, narrow, 4, stride=2, padding=1)
            for wide, narrow in pairwise(widths)
        )
        self.image = nn.Conv2d(widths[-1], 3, 3, padding=1)

    def decode(self, latent: Float[Tensor, "batch latent"]) -> Float[Tensor, "batch 3 64 64"]:
        """Images in [0, 1] of the encoder's latents."""
        x = self.project(latent).unflatten(1, (-1, 4, 4))
        x = self.mixes[0](x)
        for up, mix in zip(self.ups, list(self.mixes)[1:], strict=True):
            x = mix(up(F.silu(x)))
        return self.image(F.silu(x)).sigmoid()

    def forward(self, z: Float[Tensor, "batch latent"]) -> Float[Tensor, "batch 3 64 64"]:
        """Images in [0, 1] of standard normal latents."""
        return self.decode(self.shift + z @ self.scale.mT)


class AvatarEncoder(nn.Module):
    """Images in [0, 1] to the mean and log-variance of the decoder's latents.

    Read off a state dict: `widths` from `stem.weight` and `downs.N.weight`,
    `latent_dim = moments.weight.shape[0] // 2`.
    """

    def __init__(
        self, latent_dim: int = 64, widths: tuple[int, ...] = (32, 64, 96, 128, 128)
    ) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, widths[0], 3, padding=1)
        self.downs = nn.ModuleList(
            nn.Conv2d(narrow, wide, 4, stride=2, padding=1) for narrow, wide in pairwise(widths)
        )
        self.blocks = nn.ModuleList(_Residual(width) for width in widths[4:])
        self.moments = nn.Linear(widths[-1] * 16, 2 * latent_dim)

    def forward(
        self, x: Float[Tensor, "batch 3 64 64"]
    ) -> tuple[Float[Tensor, "batch latent"], Float[Tensor, "batch latent"]]:
        """Mean and log-variance."""
        h = self.stem(x * 2 - 1)
        for number, down in enumerate(self.downs):
            h = down(F.silu(h))
            if number >= 3:
                h = self.blocks[number - 3](h)
        mean, log_variance = self.moments(F.silu(h).flatten(1)).chunk(2, dim=1)
        return mean, log_variance


class AvatarJudge(nn.Module):
    """An attribute classifier with a head per attribute: the independent judge of the figures.

    Group normalisation only, so no sample depends on the others. Read off a state dict:
    `width = stem.weight.shape[0]`, `features = penultimate.weight.shape[0]`, heads by their names.

    Args:
        heads: attribute to number of values.
        width: channels at 32 x 32; twice, three and four times as many after.
        features: length of the penultimate layer.
    """

    def __init__(self, heads: Mapping[str, int], width: int = 40, features: int = 256) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, width, 5, stride=2, padding=2)
        self.block32 = _Residual(width)
        self.down16 = nn.Conv2d(width, 2 * width, 3, stride=2, padding=1)
        self.block16 = _Residual(2 * width)
        self.down8 = nn.Conv2d(2 * width, 3 * width, 3, stride=2, padding=1)
        self.block8 = _Residual(3 * width)
        self.down4 = nn.Conv2d(3 * width, 4 * width, 3, stride=2, padding=1)
        self.norm = nn.GroupNorm(4, 4 * width)
        self.penultimate = nn.Linear(4 * width * 16, features)
        self.heads = nn.ModuleDict({n: nn.Linear(features, c) for n, c in heads.items()})

    def features(self, x: Float[Tensor, "batch 3 64 64"]) -> Float[Tensor, "batch features"]:
        """The penultimate layer; x in [0, 1]."""
        x = self.block32(self.stem(x * 2 - 1))
        x = self.block16(self.down16(F.silu(x)))
        x = self.block8(self.down8(F.silu(x)))
        x = F.silu(self.norm(self.down4(F.silu(x))))
        return F.silu(self.penultimate(x.flatten(1)))

    def forward(self, x: Float[Tensor, "batch 3 64 64"]) -> dict[str, Tensor]:
        """Logits of every attribute's values; x in [0, 1]."""
        found = self.features(x)
        return {name: head(found) for name, head in self.heads.items()}
