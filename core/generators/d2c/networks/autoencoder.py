"""D2C's autoencoder: deterministic latents q(x), and a mixture of logistics for each pixel.

Sinha et al., "D2C: Diffusion-Decoding Models for Few-Shot Conditional Generation" (2021),
section 4. The official autoencoder is NVAE's without its latent hierarchy: latents are the
encoder's last map itself.
"""

from jaxtyping import Float
from torch import Tensor, nn

from ..layouts import NUMBERS, AutoencoderLayout, CellLayout
from .cells import Cell, NormedConv

__all__ = ["D2CAutoencoder", "D2CDecoder", "D2CEncoder"]


def _cells(layouts: tuple[CellLayout, ...]) -> nn.ModuleList:
    return nn.ModuleList(map(Cell, layouts))


class D2CEncoder(nn.Module):
    """Encoder q from images to latents.

    Args:
        layout: its sizes.
    """

    def __init__(self, layout: AutoencoderLayout) -> None:
        super().__init__()
        first, tower = layout.encoder
        last = layout.encoded
        self.stem = NormedConv(3, layout.width)
        self.pre_process = _cells(first)
        self.enc_tower = _cells(tower)
        self.enc0 = nn.Sequential(nn.ELU(), NormedConv(last, last, 1), nn.ELU())
        self.enc_sampler = NormedConv(last, layout.latent)

    def forward(self, x: Float[Tensor, "batch 3 _ _"]) -> Float[Tensor, "batch _ _ _"]:
        """Latents of images in [0, 1], quantised as the model wants them; see `quantised`."""
        x = self.stem(2 * x - 1)
        for cell in (*self.pre_process, *self.enc_tower):
            x = cell(x)
        return self.enc_sampler(self.enc0(x))


class D2CDecoder(nn.Module):
    """Decoder from latents to the numbers of a `LogisticMixture` at each pixel.

    Args:
        layout: its sizes.
    """

    def __init__(self, layout: AutoencoderLayout) -> None:
        super().__init__()
        tower, last = layout.decoder
        outputs = NUMBERS * layout.mixtures
        self.dec0 = NormedConv(layout.latent, layout.first)
        self.dec_tower = _cells(tower)
        self.post_process = _cells(last)
        self.image_conditional = nn.Sequential(nn.ELU(), NormedConv(layout.decoded, outputs))

    def forward(self, z: Float[Tensor, "batch _ _ _"]) -> Float[Tensor, "batch _ _ _"]:
        """Numbers of the mixtures, (batch, 10 mixtures, height, width)."""
        z = self.dec0(z)
        for cell in (*self.dec_tower, *self.post_process):
            z = cell(z)
        return self.image_conditional(z)


class D2CAutoencoder(nn.Module):
    """Encoder and decoder in one state dict, as `autoencoder.encoder_q` of official files.

    Args:
        layout: their sizes.
    """

    def __init__(self, layout: AutoencoderLayout) -> None:
        super().__init__()
        self.layout = layout
        halves = D2CEncoder(layout), D2CDecoder(layout)
        for half in halves:
            for name, part in half.named_children():
                self.add_module(name, part)
        # In a tuple, so that they are not modules of their own: they share the parts above.
        self._halves = halves

    def encode(self, x: Float[Tensor, "batch 3 _ _"]) -> Float[Tensor, "batch _ _ _"]:
        """Latents of images in [0, 1]."""
        return self._halves[0](x)

    def decode(self, z: Float[Tensor, "batch _ _ _"]) -> Float[Tensor, "batch _ _ _"]:
        """Numbers of the mixtures at each pixel."""
        return self._halves[1](z)

    def forward(self, x: Float[Tensor, "batch 3 _ _"]) -> Float[Tensor, "batch _ _ _"]:
        """Numbers of the mixtures for the reconstruction of images in [0, 1]."""
        return self.decode(self.encode(x))
