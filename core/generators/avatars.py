"""The VAE of avatars that ships with LatentSteer: decoder, whitened prior and encoder."""

from collections.abc import Mapping
from itertools import pairwise

import torch
from einops import rearrange
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from ..checkpoints.architecture import Architecture, Example, all_of, load_network
from ..checkpoints.record import Checkpoint
from ..generator import Gaussian, Generator
from ..images import resized
from ..rng import SampleRng
from ..spaces import Block, Space
from ..zoo.licences import licence_of
from ..zoo.residual import Residual

__all__ = ["GENERATOR", "AvatarDecoder", "AvatarEncoder"]


class _Mix(nn.Module):
    """Group normalisation, SiLU and a 3 x 3 convolution."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm = nn.GroupNorm(4, channels)
        self.conv = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(functional.silu(self.norm(x)))


class AvatarDecoder(nn.Module):
    """Decoder from latents to images: G(z) = decode(shift + scale z), z ~ N(0, I).

    `shift` and `scale` (lower triangular) are the mean and the Cholesky factor of the covariance
    of the encoder's latents of real images, so that standard normal latents cover the region that
    the decoder was trained on. Sizes in a state dict: `latent_dim = shift.shape[0]`,
    `widths = mixes.N.norm.weight.shape[0]`.

    Args:
        latent_dim: length of z.
        widths: channels at 4, 8, 16, 32 and 64 pixels; multiples of 4.
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
        """Decodes latents of the encoder to images in [0, 1]."""
        x = rearrange(
            self.project(latent),
            "batch (channels height width) -> batch channels height width",
            height=4,
            width=4,
        )
        x = self.mixes[0](x)
        for up, mix in zip(self.ups, list(self.mixes)[1:], strict=True):
            x = mix(up(functional.silu(x)))
        return self.image(functional.silu(x)).sigmoid()

    def forward(self, z: Float[Tensor, "batch latent"]) -> Float[Tensor, "batch 3 64 64"]:
        """Decodes standard normal latents to images in [0, 1]."""
        return self.decode(self.shift + z @ self.scale.mT)


class AvatarEncoder(nn.Module):
    """Encoder from images in [0, 1] to the mean and log-variance of the decoder's latents.

    Sizes in a state dict: `widths` from `stem.weight` and `downs.N.weight`,
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
        self.blocks = nn.ModuleList(Residual(width) for width in widths[4:])
        self.moments = nn.Linear(widths[-1] * 16, 2 * latent_dim)

    def forward(
        self, x: Float[Tensor, "batch 3 64 64"]
    ) -> tuple[Float[Tensor, "batch latent"], Float[Tensor, "batch latent"]]:
        """Mean and log-variance."""
        h = self.stem(x * 2 - 1)
        for number, down in enumerate(self.downs):
            h = down(functional.silu(h))
            if number >= 3:
                h = self.blocks[number - 3](h)
        mean, log_variance = self.moments(functional.silu(h).flatten(1)).chunk(2, dim=1)
        return mean, log_variance


SIZE = (64, 64)


def _widths(tensors: Mapping[str, Tensor], names: list[str]) -> tuple[int, ...]:
    return tuple(tensors[name].shape[0] for name in names)


def _load(checkpoint: Checkpoint) -> Generator:
    tensors = checkpoint.tensors
    latent_dim = tensors["decoder.shift"].shape[0]
    mixes = [f"decoder.mixes.{i}.norm.weight" for i in range(5)]
    downs = ["encoder.stem.weight", *(f"encoder.downs.{i}.weight" for i in range(4))]
    decoder = load_network(
        AvatarDecoder(latent_dim, _widths(tensors, mixes)), checkpoint, "decoder."
    )
    encoder = load_network(
        AvatarEncoder(latent_dim, _widths(tensors, downs)), checkpoint, "encoder."
    )

    def render(parts: Mapping[str, Tensor], rng: SampleRng) -> Tensor:
        return decoder(parts["z"])

    def encode(images: Tensor) -> Tensor:
        mean, _ = encoder(resized(images, SIZE))
        shifted = (mean - decoder.shift).mT
        return torch.linalg.solve_triangular(decoder.scale, shifted, upper=False).mT

    return Generator(
        name=checkpoint.path.stem,
        id=checkpoint.sha256,
        architecture=GENERATOR.id,
        module=decoder,
        source=Space((Block("z", (latent_dim,)),)),
        prior=Gaussian(latent_dim),
        image_size=SIZE,
        render=render,
        encoder=encoder,
        encode=encode,
        licence=licence_of(checkpoint),
    )


def _example(latent_dim: int, decoder: tuple[int, ...], encoder: tuple[int, ...]) -> Example:
    networks = {
        "decoder.": AvatarDecoder(latent_dim, decoder),
        "encoder.": AvatarEncoder(latent_dim, encoder),
    }
    return Example(networks, {"architecture": "avatars-generator"})


GENERATOR: Architecture[Generator] = Architecture(
    id="avatars-generator",
    needs="`decoder.shift` and `encoder.stem.weight`",
    recognises=all_of("decoder.shift", "decoder.project.weight", "encoder.stem.weight"),
    load=_load,
    examples=(
        lambda: _example(6, (8, 8, 4, 4, 4), (4, 4, 8, 8, 8)),
        lambda: _example(5, (4, 8, 8, 4, 4), (8, 4, 4, 4, 4)),
    ),
)
