"""Sizes of D2C's networks: cell by cell as files have them, or from the paper's settings."""

import math
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from ...errors import InvalidInput

__all__ = [
    "AutoencoderLayout",
    "AutoencoderSettings",
    "BranchLayout",
    "CellLayout",
    "ConvBranch",
    "InvertedBranch",
    "SideChange",
    "UNetLayout",
]

SideChange: TypeAlias = Literal["none", "down", "up"]
"""Whether a cell keeps, halves or doubles the side of its maps."""
MIXTURES: Final = 10
"""Number of logistics per pixel in every official model."""
NUMBERS: Final = 10
"""Numbers per logistic: a weight, and for each of three colours a mean, a scale, a coefficient."""
LEAST_SQUEEZED: Final = 4
GROUPS: Final = 32
"""Number of groups of the normalisations in every official U-Net."""


@dataclass(frozen=True)
class ConvBranch:
    """Normalisation, activation and convolution with weight normalisation.

    Attributes:
        kernel: side of the kernel.
        dilation: dilation of the kernel, 2 in the official operation `res_bnswish5`.
        activation: "swish" or "elu".
    """

    kernel: int = 3
    dilation: int = 1
    activation: Literal["swish", "elu"] = "swish"


@dataclass(frozen=True)
class InvertedBranch:
    """Inverted residual: 1x1 convolution, convolution in groups, 1x1 convolution.

    Attributes:
        hidden: channels between the 1x1 convolutions.
        kernel: side of the kernel.
        groups: groups of the convolution between; 0 for one per channel.
    """

    hidden: int
    kernel: int = 5
    groups: int = 0


BranchLayout: TypeAlias = ConvBranch | InvertedBranch


@dataclass(frozen=True)
class CellLayout:
    """A residual cell.

    Attributes:
        inputs: channels of its input.
        outputs: channels of its output; as many as inputs where the side is kept.
        side: whether the side of its maps is kept, halved or doubled.
        branches: operations in sequence; the first one resamples.
        squeezed: hidden units of squeeze and excitation; 0 without it.
    """

    inputs: int
    outputs: int
    side: SideChange
    branches: tuple[BranchLayout, ...]
    squeezed: int


@dataclass(frozen=True)
class AutoencoderLayout:
    """Sizes of an encoder and a decoder.

    Attributes:
        latent: channels of the latents.
        width: channels of the encoder's first map.
        encoder: its cells, those of the first stage (`pre_process`) and of the tower.
        decoder: its cells, those of the tower and of the last stage (`post_process`).
        mixtures: logistics per pixel.
    """

    latent: int
    width: int
    encoder: tuple[tuple[CellLayout, ...], tuple[CellLayout, ...]]
    decoder: tuple[tuple[CellLayout, ...], tuple[CellLayout, ...]]
    mixtures: int = MIXTURES

    @property
    def factor(self) -> int:
        """Side of an image divided by the side of its latents."""
        return 2 ** sum(cell.side == "down" for part in self.encoder for cell in part)

    @property
    def encoded(self) -> int:
        """Channels of the encoder's last map."""
        return _outputs(self.encoder, self.width)

    @property
    def decoded(self) -> int:
        """Channels of the decoder's last map."""
        return _outputs(self.decoder, self.first)

    @property
    def first(self) -> int:
        """Channels of the decoder's first map."""
        return next(cell for part in self.decoder for cell in part).inputs


def _outputs(parts: tuple[tuple[CellLayout, ...], ...], width: int) -> int:
    cells = [cell for part in parts for cell in part]
    return cells[-1].outputs if cells else width


@dataclass(frozen=True)
class AutoencoderSettings:
    """Hyperparameters of an autoencoder under the names of the official configurations.

    The defaults are those of `configs/ffhq_256.yml`. Cells have the operations of `res_mbconv`,
    the only kind that official models use: convolutions with batch normalisation and swish in the
    encoder, inverted residuals in the decoder.

    Attributes:
        num_latent_per_group: channels of the latents.
        num_latent_scales: sides of the towers; the side halves between two of them.
        num_groups_per_scale: groups of cells at each side of a tower.
        num_channels_enc: channels of the encoder's first map; doubled where the side halves.
        num_channels_dec: channels of the decoder's last map.
        num_preprocess_blocks: halvings before the encoder's tower.
        num_preprocess_cells: cells before each of them, with the one that halves.
        num_cell_per_cond_enc: cells per group in the encoder.
        num_postprocess_blocks: doublings after the decoder's tower.
        num_postprocess_cells: cells after each of them, with the one that doubles.
        num_cell_per_cond_dec: cells per group in the decoder.
        use_se: whether cells have squeeze and excitation.
    """

    num_latent_per_group: int = 8
    num_latent_scales: int = 3
    num_groups_per_scale: int = 8
    num_channels_enc: int = 24
    num_channels_dec: int = 24
    num_preprocess_blocks: int = 1
    num_preprocess_cells: int = 2
    num_cell_per_cond_enc: int = 2
    num_postprocess_blocks: int = 1
    num_postprocess_cells: int = 2
    num_cell_per_cond_dec: int = 2
    use_se: bool = True

    def __post_init__(self) -> None:
        wrong = [name for name, value in vars(self).items() if value < 1 and name != "use_se"]
        if wrong:
            raise InvalidInput(f"{wrong[0]} is {getattr(self, wrong[0])}; expected at least 1.")
        if self.num_latent_scales * self.num_groups_per_scale == 1:
            raise InvalidInput(
                "One scale with one group has no decoder in the official code. Take 2 groups or "
                "more, or 2 scales."
            )

    @property
    def layout(self) -> AutoencoderLayout:
        """The sizes of every cell."""
        width = self.num_channels_enc
        early: list[CellLayout] = []
        for _ in range(self.num_preprocess_blocks):
            early += [self._encoding(width)] * (self.num_preprocess_cells - 1)
            early.append(self._encoding(width, "down"))
            width *= 2
        tower: list[CellLayout] = []
        for scale in range(self.num_latent_scales):
            cells = self.num_groups_per_scale * self.num_cell_per_cond_enc
            tower += [self._encoding(width)] * cells
            if scale + 1 < self.num_latent_scales:
                tower.append(self._encoding(width, "down"))
                width *= 2
        width = self.num_channels_dec * width // self.num_channels_enc
        rising: list[CellLayout] = []
        for scale in range(self.num_latent_scales):
            cells = (self.num_groups_per_scale - (scale == 0)) * self.num_cell_per_cond_dec
            rising += [self._decoding(width, 6)] * cells
            if scale + 1 < self.num_latent_scales:
                rising.append(self._decoding(width, 6, "up"))
                width //= 2
        late: list[CellLayout] = []
        for _ in range(self.num_postprocess_blocks):
            late.append(self._decoding(width, 3, "up"))
            width //= 2
            late += [self._decoding(width, 3)] * (self.num_postprocess_cells - 1)
        return AutoencoderLayout(
            self.num_latent_per_group,
            self.num_channels_enc,
            (tuple(early), tuple(tower)),
            (tuple(rising), tuple(late)),
        )

    def _encoding(self, width: int, side: SideChange = "none") -> CellLayout:
        outputs = 2 * width if side == "down" else width
        branches = (ConvBranch(), ConvBranch())
        return CellLayout(width, outputs, side, branches, self._squeezed(outputs))

    def _decoding(self, width: int, times: int, side: SideChange = "none") -> CellLayout:
        outputs = width // 2 if side == "up" else width
        branches = (InvertedBranch(times * width),)
        return CellLayout(width, outputs, side, branches, self._squeezed(outputs))

    def _squeezed(self, width: int) -> int:
        return max(width // 16, LEAST_SQUEEZED) if self.use_se else 0


@dataclass(frozen=True)
class UNetLayout:
    """Sizes of the U-Net that predicts the noise in latents.

    The defaults are those of `configs/ffhq_256.yml`.

    Attributes:
        latent: channels of the latents.
        width: channels of the first map.
        widths: channels at each side; the side halves between two of them.
        blocks: residual blocks at each side on the way down; one more on the way up.
        attention: places in `widths` of the sides that have attention.
        learned: whether the side is changed by convolutions; else by means and repetition.
        dropout: share of dropped activations in training.
    """

    latent: int = 8
    width: int = 128
    widths: tuple[int, ...] = (128, 256, 256, 256, 256)
    blocks: int = 2
    attention: frozenset[int] = frozenset({1})
    learned: bool = True
    dropout: float = 0.1

    @property
    def groups(self) -> int:
        """Groups of the normalisations: 32, as in the official code, where all widths allow it.

        Narrower networks, which the official code cannot make, take the largest common divisor.
        """
        return math.gcd(GROUPS, self.width, *self.widths)
