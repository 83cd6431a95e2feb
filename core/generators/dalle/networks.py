"""DALL-E's discrete VAE (Ramesh et al., 2021) under the names of openai/DALL-E.

The authors run most convolutions in float16 on CUDA. Here all are in float32.
"""

from dataclasses import dataclass
from typing import Final

import torch
from einops import rearrange
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional

__all__ = ["FACTOR", "DvaeDecoder", "DvaeEncoder", "DvaeLayout", "mapped", "unmapped"]

GROUPS: Final = 4
"""Groups of blocks; the side changes between two of them."""
FACTOR: Final = 2 ** (GROUPS - 1)
"""Side of an image divided by the side of its grid of codes."""
MARGIN: Final = 0.1
"""Distance that pixels keep from 0 and 1 in the logit-Laplace law."""
QUARTER: Final = 4
"""Channels of a block divided by those of its hidden maps."""


def mapped(images: Float[Tensor, "..."]) -> Float[Tensor, "..."]:
    """Pixels in [0, 1] as the encoder takes them, in [0.1, 0.9]."""
    return (1 - 2 * MARGIN) * images + MARGIN


def unmapped(values: Float[Tensor, "..."]) -> Float[Tensor, "..."]:
    """The inverse of `mapped`, clamped to [0, 1]."""
    return ((values - MARGIN) / (1 - 2 * MARGIN)).clamp(0, 1)


@dataclass(frozen=True)
class DvaeLayout:
    """Sizes of a decoder or an encoder.

    Attributes:
        codes: number of codes.
        width: channels of the maps of the images' side, a multiple of 4.
        blocks: residual blocks of each group.
        first: channels of a code's features, in a decoder.
    """

    codes: int
    width: int
    blocks: int
    first: int = 0


class _Conv(nn.Module):
    """Convolution that keeps the side; its weight and bias are named w and b."""

    def __init__(self, before: int, after: int, kernel: int) -> None:
        super().__init__()
        weight = torch.empty(after, before, kernel, kernel)
        self.w = nn.Parameter(nn.init.normal_(weight, std=(before * kernel**2) ** -0.5))
        self.b = nn.Parameter(torch.zeros(after))

    def forward(self, x: Tensor) -> Tensor:
        return functional.conv2d(x, self.w, self.b, padding=self.w.shape[-1] // 2)


class _Block(nn.Module):
    """Shortcut plus a scaled path of four ReLUs and convolutions."""

    def __init__(self, before: int, after: int, kernels: tuple[int, ...], gain: float) -> None:
        super().__init__()
        self.gain = gain
        hidden = after // QUARTER
        widths = (before, hidden, hidden, hidden, after)
        self.id_path = _Conv(before, after, 1) if before != after else nn.Identity()
        self.res_path = nn.ModuleDict(
            {
                f"conv_{number + 1}": _Conv(widths[number], widths[number + 1], kernel)
                for number, kernel in enumerate(kernels)
            }
        )

    def forward(self, x: Tensor) -> Tensor:
        path = x
        for conv in self.res_path.values():
            path = conv(functional.relu(path))
        return self.id_path(x) + self.gain * path


def _groups(widths: tuple[int, ...], kernels: tuple[int, ...], blocks: int) -> nn.ModuleDict:
    """Groups of blocks; a group's first block changes the channels."""
    gain = 1 / (GROUPS * blocks) ** 2
    made: dict[str, nn.Module] = {}
    for group in range(GROUPS):
        before, after = widths[group], widths[group + 1]
        made[f"group_{group + 1}"] = nn.ModuleDict(
            {
                f"block_{number + 1}": _Block(after if number else before, after, kernels, gain)
                for number in range(blocks)
            }
        )
    return nn.ModuleDict(made)


class DvaeDecoder(nn.Module):
    """Decoder from the features of codes to images.

    Args:
        layout: the sizes.
    """

    def __init__(self, layout: DvaeLayout) -> None:
        super().__init__()
        self.layout = layout
        widths = (layout.first, *(2**n * layout.width for n in (3, 2, 1, 0)))
        self.blocks = _groups(widths, (1, 3, 3, 3), layout.blocks)
        self.blocks["input"] = _Conv(layout.codes, layout.first, 1)
        self.blocks["output"] = nn.ModuleDict({"conv": _Conv(layout.width, 6, 1)})

    @property
    def table(self) -> Float[Tensor, "codes first"]:
        """Features of each code, without gradient."""
        first = self.blocks["input"]
        return (first.get_parameter("w")[:, :, 0, 0].T + first.get_parameter("b")).detach()

    def features(
        self, shares: Float[Tensor, "batch codes row column"]
    ) -> Float[Tensor, "batch first row column"]:
        """Features of codes, or of shares of codes, at each place."""
        return self.blocks["input"](shares)

    def statistics(
        self, features: Float[Tensor, "batch first row column"]
    ) -> Float[Tensor, "batch 6 height width"]:
        """Means and log-scales of the logit-Laplace law of the pixels."""
        x = features
        for group in range(GROUPS):
            if group:
                x = functional.interpolate(x, scale_factor=2.0, mode="nearest")
            for block in self.blocks[f"group_{group + 1}"].children():
                x = block(x)
        return self.blocks["output"].get_submodule("conv")(functional.relu(x))

    def forward(
        self, features: Float[Tensor, "batch first row column"]
    ) -> Float[Tensor, "batch 3 height width"]:
        """Images in [0, 1], eight pixels a side per place."""
        return unmapped(self.statistics(features)[:, :3].sigmoid())


class DvaeEncoder(nn.Module):
    """Encoder from images to the logits of codes.

    Args:
        layout: the sizes.
    """

    def __init__(self, layout: DvaeLayout) -> None:
        super().__init__()
        self.layout = layout
        widths = (layout.width, *(2**n * layout.width for n in range(GROUPS)))
        self.blocks = _groups(widths, (3, 3, 3, 1), layout.blocks)
        self.blocks["input"] = _Conv(3, layout.width, 7)
        self.blocks["output"] = nn.ModuleDict({"conv": _Conv(widths[-1], layout.codes, 1)})

    def forward(
        self, images: Float[Tensor, "batch 3 height width"]
    ) -> Float[Tensor, "batch codes row column"]:
        """Logits of the code at each place, of images in [0, 1]."""
        x = self.blocks["input"](mapped(images))
        for group in range(GROUPS):
            if group:
                x = functional.max_pool2d(x, 2)
            for block in self.blocks[f"group_{group + 1}"].children():
                x = block(x)
        return self.blocks["output"].get_submodule("conv")(functional.relu(x))

    def likeliest(
        self, images: Float[Tensor, "batch 3 height width"]
    ) -> Int[Tensor, "batch places"]:
        """The likeliest code at each place, row by row of the grid."""
        return rearrange(self(images).argmax(dim=1), "batch row column -> batch (row column)")
