"""A whole D2C model, with the names of official files."""

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from ..layouts import AutoencoderLayout, UNetLayout
from .autoencoder import D2CAutoencoder
from .unet import D2CUNet

__all__ = ["ChannelScale", "D2CNetwork", "FlatDenoiser"]


class ChannelScale(nn.Module):
    """Mean and standard deviation of each channel of the latents, under which they are diffused.

    Args:
        channels: channels of the latents.
    """

    mean: Float[Tensor, "1 channels 1 1"]
    std: Float[Tensor, "1 channels 1 1"]

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(1, channels, 1, 1))
        self.register_buffer("std", torch.ones(1, channels, 1, 1))

    def forward(
        self, z: Float[Tensor, "batch channels h w"]
    ) -> Float[Tensor, "batch channels h w"]:
        """Latents of the encoder, normalised."""
        return (z - self.mean) / self.std

    def restored(
        self, z: Float[Tensor, "batch channels h w"]
    ) -> Float[Tensor, "batch channels h w"]:
        """Normalised latents as the decoder takes them."""
        return z * self.std + self.mean


class D2CNetwork(nn.Module):
    """Autoencoder, diffusion of its normalised latents, and their normalisation.

    The state dict is that of an official `model.ckpt`, without what only training needs: the key
    encoder, the queue and the projection heads of MoCo.

    Args:
        autoencoder: sizes of the autoencoder.
        unet: sizes of the denoiser.
    """

    def __init__(self, autoencoder: AutoencoderLayout, unet: UNetLayout) -> None:
        super().__init__()
        self.autoencoder = nn.ModuleDict({"encoder_q": D2CAutoencoder(autoencoder)})
        self.diffusion = D2CUNet(unet)
        self.latent_mod = ChannelScale(autoencoder.latent)

    @property
    def halves(self) -> D2CAutoencoder:
        """The autoencoder."""
        found = self.autoencoder["encoder_q"]
        assert isinstance(found, D2CAutoencoder)
        return found

    def encode(self, x: Float[Tensor, "batch 3 _ _"]) -> Float[Tensor, "batch channels h w"]:
        """Normalised latents of quantised images in [0, 1]."""
        return self.latent_mod(self.halves.encode(x))

    def forward(self, z: Float[Tensor, "batch channels h w"]) -> Float[Tensor, "batch _ _ _"]:
        """Numbers of a `LogisticMixture` at each pixel, for normalised latents."""
        return self.halves.decode(self.latent_mod.restored(z))


class FlatDenoiser(nn.Module):
    """The U-Net on flat latents, as a diffusion prior takes it.

    Args:
        unet: the U-Net, which is shared.
        side: side of the latents.
    """

    def __init__(self, unet: D2CUNet, side: int) -> None:
        super().__init__()
        self.unet = unet
        self.shape = (unet.layout.latent, side, side)

    def forward(
        self, x: Float[Tensor, "batch dim"], t: Int[Tensor, " batch"]
    ) -> Float[Tensor, "batch dim"]:
        """Predicted noise at times t."""
        return self.unet(x.unflatten(1, self.shape), t).flatten(1)
