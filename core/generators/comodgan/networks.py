"""Co-Mod-GAN's generator (Zhao et al., 2021): StyleGAN2's layers, modulated by an image as well.

An encoder of the masked image gives maps for every side and a vector, which joins w in every
layer. The names are this package's; files have others, see `layouts`.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import torch
from jaxtyping import Float
from torch import Tensor, nn

from ..stylegan.networks.foreign import Translated
from ..stylegan.networks.mapping import FullyConnected, MappingNetwork, broadcast
from ..stylegan.networks.ops import bias_act, modulated_conv2d, upfirdn2d
from ..stylegan.networks.stylegan2_layers import Convolution, Resampling, ToRgb

__all__ = ["CoModGan", "CoModLayout"]

FIRST: Final = 4
GAIN: Final = math.sqrt(2)


@dataclass(frozen=True)
class CoModLayout:
    """Sizes of a generator.

    Attributes:
        widths: side of maps to their channels, from 4 on, each side twice the one before.
        z_dim: length of z.
        w_dim: length of w.
        hidden: widths between the layers of the mapping network.
        vector: length of the image's vector.
        colours: channels of the images.
        masked: whether the encoder takes a mask beside the image.
        averaged: whether the mean of w is known.
    """

    widths: dict[int, int]
    z_dim: int
    w_dim: int
    hidden: tuple[int, ...]
    vector: int
    colours: int = 3
    masked: bool = True
    averaged: bool = False

    @property
    def size(self) -> int:
        """Pixels a side of the images."""
        return max(self.widths)

    @property
    def num_ws(self) -> int:
        """Number of layers that take a w, counting those to colours."""
        return 2 * len(self.widths)

    @property
    def noises(self) -> list[int]:
        """Side of the noise map of each layer, in order."""
        return [FIRST, *(side for side in self.widths if side > FIRST for _ in range(2))]


class _Modulated(Resampling):
    """Modulated convolution with noise and leaky ReLU; w has the image's vector behind it."""

    def __init__(self, before: int, after: int, w_dim: int, up: int = 1) -> None:
        super().__init__()
        self.up = up
        self.affine = FullyConnected(w_dim, before)
        self.weight = nn.Parameter(nn.init.zeros_(torch.empty(after, before, 3, 3)))
        self.noise_strength = nn.Parameter(torch.zeros([]))
        self.bias = nn.Parameter(torch.zeros(after))

    def forward(self, x: Tensor, w: Tensor, noise: Tensor | None) -> Tensor:
        gain = 1 / math.sqrt(self.weight[0].numel())
        x = modulated_conv2d(
            x,
            self.weight,
            self.affine(w) * gain,
            None if noise is None else noise * self.noise_strength,
            up=self.up,
            padding=1,
            f=self.low_pass(x) if self.up > 1 else None,
        )
        return bias_act(x, self.bias, "lrelu")


class _Down(nn.Module):
    """Layers of the encoder at one side, which they halve; the largest side takes the image."""

    def __init__(self, image: int, before: int, after: int) -> None:
        super().__init__()
        self.from_rgb = (
            Convolution(image, before, 1, activation="lrelu") if image else nn.Identity()
        )
        self.conv0 = Convolution(before, before, 3, activation="lrelu")
        self.conv1 = Convolution(before, after, 3, activation="lrelu", down=2)


class _Encoder(nn.Module):
    def __init__(self, layout: CoModLayout) -> None:
        super().__init__()
        widths, inputs = layout.widths, layout.colours + layout.masked
        for side in sorted(widths, reverse=True)[:-1]:
            taken = inputs if side == layout.size else 0
            self.add_module(f"b{side}", _Down(taken, widths[side], widths[side // 2]))
        self.b4 = nn.Module()
        self.b4.conv = Convolution(widths[FIRST], widths[FIRST], 3, activation="lrelu")
        self.fc = FullyConnected(widths[FIRST] * FIRST**2, layout.vector, activation="lrelu")
        self.sides = sorted(widths, reverse=True)[:-1]

    def forward(self, x: Tensor) -> tuple[Tensor, dict[int, Tensor]]:
        maps: dict[int, Tensor] = {}
        for side in self.sides:
            layer = self.get_submodule(f"b{side}").get_submodule
            maps[side] = layer("conv0")(layer("from_rgb")(x))
            x = layer("conv1")(maps[side])
        maps[FIRST] = self.b4.get_submodule("conv")(x)
        return self.fc(maps[FIRST].flatten(1)), maps


class _Block(Resampling):
    """Layers of the decoder at one side; its filter doubles the colours of the side before."""

    def __init__(self, before: int, after: int, w_dim: int, colours: int, *, first: bool) -> None:
        super().__init__()
        if not first:
            self.conv0 = _Modulated(before, after, w_dim, up=2)
        else:
            self.resample_filter = None
        self.conv1 = _Modulated(after, after, w_dim)
        self.torgb = ToRgb(after, colours, w_dim)

    def doubled(self, colours: Tensor) -> Tensor:
        """Colours at twice the side."""
        low_pass = self.low_pass(colours)
        return upfirdn2d(colours, low_pass, up=2, padding=(2, 1, 2, 1), gain=4)


class _Decoder(nn.Module):
    def __init__(self, layout: CoModLayout) -> None:
        super().__init__()
        widths, w_dim = layout.widths, layout.w_dim + layout.vector
        self.fc = FullyConnected(layout.vector, widths[FIRST] * FIRST**2, activation="lrelu")
        for side, width in widths.items():
            first = side == FIRST
            before = width if first else widths[side // 2]
            block = _Block(before, width, w_dim, layout.colours, first=first)
            self.add_module(f"b{side}", block)


class CoModGan(Translated):
    """Generator of images that fill the hole of an image.

    Args:
        layout: the sizes.
        adds: whether the encoder's smallest maps are added to the decoder's, as in TensorFlow.
    """

    def __init__(self, layout: CoModLayout, *, adds: bool = True) -> None:
        super().__init__()
        self.layout, self.adds = layout, adds
        self.mapping = MappingNetwork(
            layout.z_dim, 0, layout.w_dim, hidden=layout.hidden, averaged=layout.averaged
        )
        self.encoder, self.decoder = _Encoder(layout), _Decoder(layout)

    def encoded(
        self, image: Float[Tensor, "batch colours size size"], hole: Tensor | None
    ) -> tuple[Float[Tensor, "batch vector"], dict[int, Tensor]]:
        """The vector and the maps of an image whose hole is not seen.

        Args:
            image: in [-1, 1].
            hole: 1 where the image is unknown, (batch, 1, size, size); None if there is no mask.
        """
        if hole is None:
            return self.encoder(image)
        known = 1 - hole
        return self.encoder(torch.cat([known - 0.5, image * known], dim=1))

    def synthesis(
        self,
        ws: Float[Tensor, "batch ws w"],
        vector: Float[Tensor, "batch vector"],
        maps: dict[int, Tensor],
        noises: Sequence[Tensor] = (),
    ) -> Float[Tensor, "batch colours size size"]:
        """Images, about in [-1, 1], also where the image is known.

        Args:
            ws: a w per layer.
            vector: of the image, with dropout where that is wanted.
            maps: of the image, by their side.
            noises: a map per layer, see the layout; none for no noise.
        """
        given = iter(noises)

        def joined(number: int) -> Tensor:
            return torch.cat([ws[:, number], vector], dim=1)

        colours: Tensor | None = None
        x = self.decoder.get_submodule("fc")(vector).unflatten(1, (-1, FIRST, FIRST))
        x = x + maps[FIRST] if self.adds else x
        for number, side in enumerate(self.layout.widths):
            part = self.decoder.get_submodule(f"b{side}").get_submodule
            if side > FIRST:
                x = part("conv0")(x, joined(2 * number - 1), next(given, None)) + maps[side]
            x = part("conv1")(x, joined(2 * number), next(given, None))
            added = part("torgb")(x, joined(2 * number + 1))
            block = self.decoder.get_submodule(f"b{side}")
            assert isinstance(block, _Block)
            colours = added if colours is None else block.doubled(colours) + added
        assert colours is not None
        return colours

    def forward(
        self,
        z: Float[Tensor, "batch z"],
        c: Tensor | None,
        psi: float,
        cutoff: int,
        vector: Float[Tensor, "batch vector"],
        maps: dict[int, Tensor],
        noises: Sequence[Tensor] = (),
    ) -> Float[Tensor, "batch colours size size"]:
        """Images of z, as `synthesis` of its truncated w; there are no classes c."""
        centre = self.mapping.centre(None) if psi != 1 else None
        ws = broadcast(self.mapping(z), self.layout.num_ws, centre, psi, cutoff)
        return self.synthesis(ws, vector, maps, noises)
